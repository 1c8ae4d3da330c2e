"""Looking through a folder of DICOM files without touching their pixels."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.formats import is_dicom_head, is_volume_path, natural_key, read_head

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

#: The role of a slice that can be part of a scan; every other role says why not.
CT_SLICE = "CT slice"

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "SeriesNumber",
    "SeriesDescription",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "NumberOfFrames",
]


@dataclass(frozen=True, kw_only=True)
class SliceHeader(Plane):
    """What one DICOM image says about itself, without anything about the patient.

    Attributes:
        role: `CT_SLICE`, or in words why this image is no part of a CT scan.
    """

    path: Path
    role: str
    modality: str
    study_uid: str
    series_uid: str
    frame_uid: str
    instance_uid: str
    series_number: str
    description: str
    original: bool


def holds_dicom(folder: Path) -> bool:
    """Whether a DICOM file lies directly in `folder`, told from first bytes."""
    files = (path for path in folder.iterdir() if path.is_file() and not is_volume_path(path))
    return any(_is_dicom(read_head(path)) for path in files)


def scan_folder(folder: Path) -> list[SliceHeader]:
    """Headers of every DICOM image in `folder` and the folders inside, in natural order of names.

    Files that are not DICOM, and DICOM files that hold no image, are passed over.

    Raises:
        InputError: a DICOM file is damaged.
    """
    headers = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted((n for n in folders if not n.startswith(".")), key=natural_key)
        for name in sorted(names, key=natural_key):
            if not name.startswith("."):
                header = read_slice_header(Path(parent) / name)
                if header is not None:
                    headers.append(header)
    return headers


def read_slice_header(path: Path) -> SliceHeader | None:
    """The header of one DICOM image; None for anything else."""
    import pydicom

    if not _is_dicom(read_head(path)):
        return None
    try:
        data = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=_TAGS)
        return _slice_header(data, path)
    except Exception:  # pydicom raises many kinds, some only when a value is looked at
        raise InputError(
            f"{path} is a damaged DICOM file (its header cannot be read): copy or export the "
            "series again."
        ) from None


def _is_dicom(head: bytes) -> bool:
    return is_dicom_head(head) or _is_bare_dataset(head)


def _is_bare_dataset(head: bytes) -> bool:
    """Old files lack DICOM's preamble and start with the first element of group 0008."""
    if len(head) < 8 or head[:2] != b"\x08\x00":
        return False
    element = struct.unpack("<H", head[2:4])[0]
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return element <= 0x0070 and (explicit or struct.unpack("<I", head[4:8])[0] < 1024)


def _slice_header(data: Any, path: Path) -> SliceHeader | None:
    rows, columns = data.get("Rows"), data.get("Columns")
    if not rows or not columns:
        return None  # a report, a DICOMDIR, a radiotherapy structure set
    position = read_numbers(data, "ImagePositionPatient", 3)
    orientation = read_numbers(data, "ImageOrientationPatient", 6)
    spacing = read_numbers(data, "PixelSpacing", 2)
    image_type = [str(part).upper() for part in _listed(data.get("ImageType"))]
    sop_class = str(data.get("SOPClassUID") or "")
    modality = str(data.get("Modality") or "").upper()
    if not modality and sop_class == CT_IMAGE_STORAGE:
        modality = "CT"
    if modality != "CT":
        role = f"image of modality {modality or 'unknown'}"
    elif int(data.get("NumberOfFrames") or 1) > 1:
        role = "multi-frame CT image"
    elif sop_class.startswith(_SECONDARY_CAPTURE) or int(data.get("SamplesPerPixel") or 1) != 1:
        role = "secondary capture (screenshot)"
    elif "LOCALIZER" in image_type:
        role = "localizer (scout) image"
    elif position is None or orientation is None or spacing is None:
        role = "CT image without position, orientation or pixel spacing"
    else:
        role = CT_SLICE
    return SliceHeader(
        path=path,
        role=role,
        modality=modality,
        study_uid=str(data.get("StudyInstanceUID") or ""),
        series_uid=str(data.get("SeriesInstanceUID") or ""),
        frame_uid=str(data.get("FrameOfReferenceUID") or ""),
        instance_uid=str(data.get("SOPInstanceUID") or ""),
        series_number=str(data.get("SeriesNumber") or ""),
        description=str(data.get("SeriesDescription") or ""),
        original=image_type[:1] != ["DERIVED"] and image_type[1:2] != ["SECONDARY"],
        rows=int(rows),
        columns=int(columns),
        position=position or (0.0, 0.0, 0.0),
        orientation=orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing=spacing or (0.0, 0.0),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def read_numbers(data: Any, name: str, count: int) -> Any:
    """A tuple of `count` finite numbers, or None where the element is absent or something else."""
    values = tuple(float(value) for value in _listed(data.get(name)) if value is not None)
    return values if len(values) == count and np.isfinite(values).all() else None
