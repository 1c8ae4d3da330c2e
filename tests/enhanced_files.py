"""Writing enhanced multi-frame CT for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
INTERCEPT_HU = -1024


def group(**elements: Any) -> Items:
    item = Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    return Items([item])


def write_enhanced_ct(
    path: Path,
    array: npt.NDArray[Any],
    affine: npt.NDArray[np.float64],
    *,
    series_uid: str = "1.2.3",
    order: Sequence[int] | None = None,
    slope: Callable[[int], float] | None = None,
    content: Callable[[int], dict[str, Any]] | None = None,
    frame_type: Callable[[int], str] | None = None,
    places: Callable[[int], float] = float,
    transfer_syntax: str = ExplicitVRLittleEndian,
    **changes: Any,
) -> Path:
    """Write `array` (column, row, slice) in HU as one file, its frames in any `order` of slices.

    Args:
        slope: rescale slope of each slice, by k (stored values are those of slope 1); else shared.
        content: elements of the frame content of each slice, by k.
        frame_type: third value of the frame type, by k.
        places: where slice k lies, in slices.
        changes: DICOM elements; None leaves one out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = list(range(array.shape[2])) if order is None else list(order)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ENHANCED_CT
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = ENHANCED_CT, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2", series_uid
    data.FrameOfReferenceUID, data.Modality = "1.2.9", "CT"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.NumberOfFrames = len(frames)
    data.Columns, data.Rows = array.shape[0], array.shape[1]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    shared = Dataset()
    cosines = [float(x) for x in (lps[:3, :2] / spacing[:2]).T.ravel()]
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=cosines)
    shared.PixelMeasuresSequence = group(PixelSpacing=[float(spacing[1]), float(spacing[0])])
    if slope is None:
        shared.PixelValueTransformationSequence = group(
            RescaleSlope="1", RescaleIntercept=str(INTERCEPT_HU), RescaleType="HU"
        )
    data.SharedFunctionalGroupsSequence = Items([shared])
    per_frame = []
    for k in frames:
        own = Dataset()
        where = lps[:3, 2] * places(k) + lps[:3, 3]
        own.PlanePositionSequence = group(ImagePositionPatient=[float(x) for x in where])
        kind = frame_type(k) if frame_type else "VOLUME"
        own.CTImageFrameTypeSequence = group(FrameType=["ORIGINAL", "PRIMARY", kind, "NONE"])
        if slope is not None:
            own.PixelValueTransformationSequence = group(
                RescaleSlope=str(slope(k)), RescaleIntercept=str(INTERCEPT_HU), RescaleType="HU"
            )
        if content is not None:
            own.FrameContentSequence = group(**content(k))
        per_frame.append(own)
    data.PerFrameFunctionalGroupsSequence = Items(per_frame)
    stored = np.stack([array[:, :, k].T.astype(np.int32) - INTERCEPT_HU for k in frames])
    data.PixelData = stored.astype("<u2").tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    if transfer_syntax != ExplicitVRLittleEndian:
        data.compress(transfer_syntax, generate_instance_uid=False)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path
