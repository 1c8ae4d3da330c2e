"""Looking through a folder of DICOM files without touching their pixels."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_groups import functional_group, listed, read_numbers
from ynet3d.volumes.dicom_phase import seconds_between
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.formats import is_dicom_head, is_volume_path, natural_key, read_head

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
#: Enhanced CT, and classic CT converted to it.
_ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DIRECTORY = "1.2.840.10008.1.3.10"

#: The role of a slice that can be part of a scan; every other role says why not.
CT_SLICE = "CT slice"
MULTI_FRAME = "multi-frame CT image whose frames do not say where they lie"
#: Rescale types that are, or may be, HU; others are maps of iodine, atomic numbers and the like.
_HU_TYPES = ("", "HU", "US", "HU_MOD", "UNSPECIFIED")

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
    "ProtocolName",
    "ContrastBolusAgentPhase",
    "ContrastBolusStartTime",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "ConvolutionKernel",
    "RescaleType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "NumberOfFrames",
]
#: What is looked at, as keywords.
FRAME_TAGS = [*_TAGS, "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]


@dataclass(frozen=True, kw_only=True)
class SliceHeader(Plane):
    """What one DICOM image, or one frame of it, says about itself; nothing about the patient.

    Attributes:
        frame: number of the frame in a multi-frame file, from 0; None for a file of one slice.
        role: `CT_SLICE`, or in words why this image is no part of a CT scan.
        syntax: transfer syntax UID, "" if not said.
        delay_s: from the start of the injection to this slice, where both times are known.
        traits: what can tell scans (phases, reconstructions) apart that share a series UID.
        part: which of them, from 1; 0 where the series is one scan.
    """

    path: Path
    frame: int | None = None
    role: str
    modality: str
    study_uid: str
    series_uid: str
    frame_uid: str
    instance_uid: str
    series_number: str
    description: str
    original: bool
    syntax: str = ""
    protocol: str = ""
    contrast_phase: str = ""
    delay_s: float | None = None
    traits: tuple[str, ...] = ()
    part: int = 0


def holds_dicom(folder: Path) -> bool:
    """Whether a DICOM file lies directly in `folder`, told from first bytes."""
    files = (path for path in folder.iterdir() if path.is_file() and not is_volume_path(path))
    return any(is_dicom(read_head(path)) for path in files)


def is_dicomdir(path: Path) -> bool:
    """Whether a file is a DICOMDIR, the table of contents of the folder that it lies in."""
    import pydicom

    if not is_dicom(read_head(path)):
        return False
    try:
        data = pydicom.dcmread(path, force=True, specific_tags=["SOPClassUID", "FileSetID"])
        stated = data.file_meta.get("MediaStorageSOPClassUID") or data.get("SOPClassUID")
    except Exception:  # pydicom raises many kinds; a damaged file is refused where it is read
        return False
    return str(stated) == _DIRECTORY


def scan_folder(folder: Path) -> list[SliceHeader]:
    """Headers of every DICOM image in `folder` and the folders inside, in natural order of names.

    Files that are not DICOM, and DICOM files that hold no image, are passed over. Enhanced
    multi-frame CT has one header for each frame.

    Raises:
        InputError: a DICOM file is damaged.
    """
    headers: list[SliceHeader] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted((n for n in folders if not n.startswith(".")), key=natural_key)
        for name in sorted(names, key=natural_key):
            if not name.startswith("."):
                headers += read_headers(Path(parent) / name)
    return headers


def read_headers(path: Path) -> list[SliceHeader]:
    """The headers of one DICOM file, several if it is enhanced CT; none for anything else.

    Raises:
        InputError: the file is damaged.
    """
    import pydicom

    if not is_dicom(read_head(path)):
        return []
    try:
        data = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=_TAGS)
        if data.get("SOPClassUID") in _ENHANCED_CT:
            data = pydicom.dcmread(
                path, force=True, stop_before_pixels=True, specific_tags=FRAME_TAGS
            )
        return headers_of(data, path)
    except Exception:  # pydicom raises many kinds, some only when a value is looked at
        raise InputError(
            f"{path} is a damaged DICOM file (its header cannot be read): copy or export the "
            "series again."
        ) from None


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins like this is DICOM, with its preamble or without."""
    return is_dicom_head(head) or _is_bare_dataset(head)


def _is_bare_dataset(head: bytes) -> bool:
    """Old files lack DICOM's preamble, and start with the first element of group 0002 or 0008."""
    order = {b"\x02\x00": "<", b"\x08\x00": "<", b"\x00\x08": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return False
    element = struct.unpack(f"{order}H", head[2:4])[0]
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    # Only the elements of group 0008 may be implicit: a length instead of a type.
    short = head[:2] == b"\x08\x00" and struct.unpack("<I", head[4:8])[0] < 1024
    return element <= 0x0070 and (explicit or short)


def headers_of(data: Any, path: Path) -> list[SliceHeader]:
    """The headers of one DICOM data set that has `FRAME_TAGS` and `file_meta`; none of no image."""
    if not data.get("Rows") or not data.get("Columns"):
        return []  # a report, a DICOMDIR, a radiotherapy structure set
    frames = int(data.get("NumberOfFrames") or 1)
    per_frame = data.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        return [_header(data, path, multi_frame=frames > 1)]
    if len(per_frame) != frames:
        raise ValueError(f"{frames} frames, but {len(per_frame)} described")
    shared = (data.get("SharedFunctionalGroupsSequence") or [None])[0]
    return [
        _header(_flat(data, own, shared), path, frame=number)
        for number, own in enumerate(per_frame)
    ]


def _flat(data: Any, own: Any, shared: Any) -> Any:
    """One frame's functional groups as the elements that a classic slice would have."""
    import pydicom

    flat = pydicom.Dataset()
    for name in _TAGS:
        if name in data:
            flat[name] = data[name]
    for group, names in {
        "PlanePositionSequence": ["ImagePositionPatient"],
        "PlaneOrientationSequence": ["ImageOrientationPatient"],
        "PixelMeasuresSequence": ["PixelSpacing"],
        "PixelValueTransformationSequence": ["RescaleType"],
        "CTReconstructionSequence": ["ConvolutionKernel"],
        "FrameContentSequence": ["FrameAcquisitionNumber", "TemporalPositionIndex", "StackID"],
        "CTImageFrameTypeSequence": ["FrameType"],
    }.items():
        values = functional_group(own, shared, group)
        for name in names:
            if name in values:
                flat[name] = values[name]
    if "FrameType" in flat:
        flat.ImageType = flat.FrameType
    content = functional_group(own, shared, "FrameContentSequence")
    if "FrameAcquisitionDateTime" in content:
        flat.AcquisitionDateTime = content.FrameAcquisitionDateTime
    flat.file_meta = data.file_meta
    return flat


def _header(
    data: Any, path: Path, *, frame: int | None = None, multi_frame: bool = False
) -> SliceHeader:
    image_type = [str(part).upper() for part in listed(data.get("ImageType"))]
    modality = _text(data, "Modality").upper()
    if not modality and _text(data, "SOPClassUID") in (CT_IMAGE_STORAGE, *_ENHANCED_CT):
        modality = "CT"
    position = read_numbers(data, "ImagePositionPatient", 3)
    orientation = read_numbers(data, "ImageOrientationPatient", 6)
    spacing = read_numbers(data, "PixelSpacing", 2)
    if multi_frame or (frame is not None and None in (position, orientation, spacing)):
        unplaced = MULTI_FRAME
    elif None in (position, orientation, spacing):
        unplaced = "CT image without position, orientation or pixel spacing"
    else:
        unplaced = CT_SLICE
    return SliceHeader(
        path=path,
        frame=frame,
        role=_role(data, modality, image_type) or unplaced,
        modality=modality,
        study_uid=_text(data, "StudyInstanceUID"),
        series_uid=_text(data, "SeriesInstanceUID"),
        frame_uid=_text(data, "FrameOfReferenceUID"),
        instance_uid=_text(data, "SOPInstanceUID"),
        series_number=_text(data, "SeriesNumber"),
        description=_text(data, "SeriesDescription"),
        original=image_type[:1] != ["DERIVED"] and image_type[1:2] != ["SECONDARY"],
        syntax=str(data.file_meta.get("TransferSyntaxUID") or ""),
        protocol=_text(data, "ProtocolName"),
        contrast_phase=_text(data, "ContrastBolusAgentPhase"),
        delay_s=seconds_between(_text(data, "ContrastBolusStartTime"), _acquired(data)),
        traits=_traits(data, image_type),
        rows=int(data.Rows),
        columns=int(data.Columns),
        position=position or (0.0, 0.0, 0.0),
        orientation=orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing=spacing or (0.0, 0.0),
    )


def _role(data: Any, modality: str, image_type: list[str]) -> str:
    """Why an image is no part of a CT scan, "" if it may be one."""
    rescale_type = _text(data, "RescaleType").upper()
    if modality != "CT":
        return f"image of modality {modality or 'unknown'}"
    secondary = _text(data, "SOPClassUID").startswith(_SECONDARY_CAPTURE)
    if secondary or int(data.get("SamplesPerPixel") or 1) != 1:
        return "secondary capture (screenshot)"
    if "LOCALIZER" in image_type:
        return "localizer (scout) image"
    if rescale_type not in _HU_TYPES:
        return f"CT image of {rescale_type} instead of HU"
    return ""


def _traits(data: Any, image_type: list[str]) -> tuple[str, ...]:
    """Temporal position, acquisition, time, stack, kernel and kind of image, in this order."""
    temporal = _text(data, "TemporalPositionIdentifier") or _text(data, "TemporalPositionIndex")
    number = _text(data, "AcquisitionNumber") or _text(data, "FrameAcquisitionNumber")
    kernel = "/".join(str(part) for part in listed(data.get("ConvolutionKernel")))
    return temporal, number, _acquired(data), _text(data, "StackID"), kernel, "/".join(image_type)


def _acquired(data: Any) -> str:
    return _text(data, "AcquisitionTime") or _text(data, "AcquisitionDateTime")


def _text(data: Any, name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)
