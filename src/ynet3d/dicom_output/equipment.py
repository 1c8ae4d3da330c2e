"""What every object says about the program that wrote it."""

from __future__ import annotations

from typing import Final, TypedDict

from ynet3d import __version__


class Equipment(TypedDict):
    """Elements of the equipment module, as highdicom names them."""

    manufacturer: str
    manufacturer_model_name: str
    software_versions: str
    device_serial_number: str


EQUIPMENT: Final[Equipment] = {
    "manufacturer": "ynet3d",
    "manufacturer_model_name": "3DYNet",
    "software_versions": __version__,
    "device_serial_number": "none",
}
