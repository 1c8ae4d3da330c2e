"""Where the frames of a multi-frame (enhanced) CT lie."""

from __future__ import annotations

from typing import Any

import pydicom

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_headers import read_numbers
from ynet3d.volumes.dicom_plane import Plane

#: The role of its header, as `read_slice_header` words it.
MULTI_FRAME = "multi-frame CT image"


def frame_planes(image: pydicom.Dataset, name: str) -> list[Plane]:
    """The plane of each frame, in the order of the file.

    Raises:
        InputError: a frame that does not say where it lies.
    """
    planes = []
    shared = image.get("SharedFunctionalGroupsSequence")
    for own in image.get("PerFrameFunctionalGroupsSequence") or ():
        groups = [own, *(shared or ())]
        position = _numbers(groups, "PlanePositionSequence", "ImagePositionPatient", 3)
        orientation = _numbers(groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
        spacing = _numbers(groups, "PixelMeasuresSequence", "PixelSpacing", 2)
        if position is None or orientation is None or spacing is None:
            break
        planes.append(
            Plane(
                rows=int(image.Rows),
                columns=int(image.Columns),
                position=position,
                orientation=orientation,
                pixel_spacing=spacing,
            )
        )
    if not planes or len(planes) != int(image.get("NumberOfFrames") or 0):
        raise InputError(
            f"{name} is a multi-frame CT whose frames do not say where they lie in the patient: "
            "save it as a classic series (one file per slice)."
        )
    return planes


def _numbers(groups: list[Any], sequence: str, element: str, count: int) -> Any:
    for group in groups:
        if group.get(sequence):
            return read_numbers(group.get(sequence)[0], element, count)
    return None
