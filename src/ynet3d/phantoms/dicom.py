"""A phantom's CT as a DICOM series: CT Image Storage, one file a slice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ynet3d.phantoms.options import PhantomOptions
from ynet3d.volumes.volume import Volume

if TYPE_CHECKING:
    from pydicom.uid import UID

#: DICOM's world is LPS, ours RAS+.
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_INTERCEPT = -1024


def write_series(image: Volume, folder: Path, *, seed: int, options: PhantomOptions) -> None:
    """Write `image` (HU) into `folder`, slices along the third axis of its array.

    Identifiers are derived from `seed` and `options`, so that a phantom keeps its own. A grid whose
    axes are left-handed cannot be said in DICOM by column, row and slice; its third axis is then
    written from the other end, which is the same grid voxel for voxel once put in order.
    """
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    array, affine = image.array, _RAS_TO_LPS @ image.affine
    if np.linalg.det(affine[:3, :3]) < 0:
        array = array[:, :, ::-1]
        affine = affine @ np.array(
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, array.shape[2] - 1], [0, 0, 0, 1]]
        )
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / spacing
    root = f"{seed}/{options.model_dump_json()}"
    study, series, frame = (_uid(f"{root}/{part}") for part in ("study", "series", "frame"))
    for index in range(array.shape[2]):
        instance = _uid(f"{root}/{index}")
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = instance
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        name = folder / f"{index + 1:04d}.dcm"
        data = FileDataset(str(name), {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, instance
        data.StudyInstanceUID, data.SeriesInstanceUID = study, series
        data.FrameOfReferenceUID = frame
        data.PositionReferenceIndicator = ""
        data.PatientName, data.PatientID = f"Phantom^{seed}", f"phantom-{seed}"
        data.PatientBirthDate = data.PatientSex = ""
        data.StudyDate, data.StudyTime = "20200101", "120000"
        data.StudyID, data.AccessionNumber, data.ReferringPhysicianName = "1", "", ""
        data.StudyDescription = data.SeriesDescription = "Abdominal CT phantom, made by procedure"
        data.SeriesNumber, data.AcquisitionNumber, data.InstanceNumber = 1, 1, index + 1
        data.Modality, data.Manufacturer = "CT", "ynet3d"
        data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        data.BodyPartExamined, data.PatientPosition = "ABDOMEN", "HFS"
        data.KVP, data.ContrastBolusAgent = 120, ""
        position = affine[:3, :3] @ (0, 0, index) + affine[:3, 3]
        data.ImagePositionPatient = [_decimal(v) for v in position]
        # The first direction is that along which the column index grows: our first axis.
        orientation = (*directions[:, 0], *directions[:, 1])
        data.ImageOrientationPatient = [_decimal(v) for v in orientation]
        data.PixelSpacing = [_decimal(spacing[1]), _decimal(spacing[0])]
        data.SliceThickness = _decimal(spacing[2])
        data.Rows, data.Columns = array.shape[1], array.shape[0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation = 0
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = _INTERCEPT, 1, "HU"
        data.WindowCenter, data.WindowWidth = 40, 400
        data.PixelData = _stored(array[:, :, index])
        data.save_as(name, enforce_file_format=True)


def _stored(plane: npt.NDArray[np.int16]) -> bytes:
    """Rows of a slice as unsigned 16-bit numbers, HU less the intercept."""
    values = plane.T.astype(np.int32) - _INTERCEPT
    return values.astype("<u2").tobytes()


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters, with as many digits as fit."""
    value = float(value) + 0.0  # no negative zero
    for digits in range(15, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ValueError(f"{value} does not fit a DICOM decimal string")


def _uid(text: str) -> UID:
    """A UID under 2.25 (the arc for UUIDs), the same for the same text."""
    from pydicom.uid import UID

    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    return UID(f"2.25.{number}")
