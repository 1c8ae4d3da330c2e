"""Writing DICOM series for tests, with whatever should be wrong with them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

INTERCEPT_HU = -1024


def write_ct_series(
    folder: Path,
    array: npt.NDArray[Any],
    affine: npt.NDArray[np.float64],
    *,
    prefix: str = "image",
    series_uid: str | None = None,
    study_uid: str = "1.2.3.4",
    leave_out: Collection[int] = (),
    transfer_syntax: str = ExplicitVRLittleEndian,
    **changes: Any,
) -> list[Path]:
    """Write one DICOM file per slice `array[:, :, k]` and return their paths, in order of k.

    File names and InstanceNumber are shuffled, so that only positions tell the order.

    Args:
        array: HU, whole numbers, shape (column, row, slice).
        affine: voxel to RAS mm; columns i and j must be perpendicular, k may be tilted.
        leave_out: slices not to write.
        transfer_syntax: UID; the compressed kinds that pydicom can encode work.
        changes: DICOM elements by keyword, for all slices; a function is called with k; None
            leaves the element out. `file_name` (a function of k) renames files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series_uid = generate_uid() if series_uid is None else series_uid
    file_name = changes.pop("file_name", None)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = (lps[:3, :2] / spacing[:2]).T.ravel()
    shuffled = np.random.default_rng(7).permutation(array.shape[2])
    paths = []
    for k in range(array.shape[2]):
        if k in leave_out:
            continue
        name = file_name(k) if file_name else f"{prefix}{shuffled[k]}.dcm"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = (
            f"{study_uid}.{k + 1}"
            if series_uid == ""
            else (generate_uid(entropy_srcs=[series_uid, str(k)]))
        )
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(str(folder / name), {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID = CTImageStorage
        data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        data.PatientName = "Phantom^Test"
        data.PatientID = "phantom-1"
        data.StudyInstanceUID = study_uid
        data.SeriesInstanceUID = series_uid
        data.FrameOfReferenceUID = f"{study_uid}.99"
        data.Modality = "CT"
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.SeriesNumber = 2
        data.InstanceNumber = int(shuffled[k]) + 1
        data.ImagePositionPatient = _ds(lps[:3, :3] @ [0, 0, k] + lps[:3, 3])
        data.ImageOrientationPatient = _ds(cosines)
        data.PixelSpacing = _ds([spacing[1], spacing[0]])
        data.SliceThickness = _ds([spacing[2]])
        data.RescaleSlope, data.RescaleIntercept = "1", str(INTERCEPT_HU)
        stored = np.ascontiguousarray(array[:, :, k].T).astype(np.int32) - INTERCEPT_HU
        data.Columns, data.Rows = array.shape[0], array.shape[1]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation = 1
        data.PixelData = stored.astype("<i2").tobytes()
        for keyword, value in changes.items():
            value = value(k) if callable(value) else value
            if value is None:
                delattr(data, keyword)
            else:
                setattr(data, keyword, value)
        if transfer_syntax != ExplicitVRLittleEndian:
            data.compress(transfer_syntax, generate_instance_uid=False)
        pydicom.dcmwrite(folder / name, data, enforce_file_format=True)
        paths.append(folder / name)
    return paths


def _ds(values: Any) -> list[str]:
    """Numbers as DICOM decimal strings (at most 16 characters)."""
    return [format_number_as_ds(float(value)) for value in values]
