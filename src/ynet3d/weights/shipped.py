"""The weights inside this package, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ynet3d.errors import InputError

#: What `ynet3d predict` uses without --weights.
DEFAULT = "lite"


def list_shipped() -> dict[str, Path]:
    """Names of the weights in this package, and their files."""
    folder = Path(str(resources.files("ynet3d") / "shipped"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def default_weights() -> str:
    """The name of what is used where no weights are named.

    Raises:
        InputError: this package holds none.
    """
    if DEFAULT not in list_shipped():
        raise InputError(
            "No weights were given, and this release holds none for real CT: give --weights FILE, "
            "or the folder of a run of `ynet3d train`."
        )
    return DEFAULT
