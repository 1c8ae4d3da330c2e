"""Writing DICOM SEG masks for tests, with highdicom as a second hand that wrote the standard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from dicom_files import write_ct_series
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

hd = pytest.importorskip("highdicom", reason="highdicom, which writes the SEG, is not installed")

TISSUE = codes.SCT.Tissue
LESION = codes.SCT.MorphologicallyAbnormalStructure
LIVER = ("Liver", codes.SCT.Liver)
TUMOUR = ("Tumour", codes.SCT.Neoplasm)


def write_seg(
    path: Path,
    masks: Mapping[tuple[str, Code], npt.NDArray[Any]],
    affine: npt.NDArray[np.float64],
    *,
    kind: str = "BINARY",
    regions: Sequence[Code | None] = (),
    transfer_syntax: str = ExplicitVRLittleEndian,
    keep_empty: bool = False,
    **changes: Any,
) -> Path:
    """Write a SEG and, in a folder beside it named `path.stem`-ct, the CT series that it refers to.

    Args:
        masks: one per segment, by its label and coded type: shape (column, row, slice), bool, or
            floats from 0 to 1 for FRACTIONAL.
        affine: of the masks and of the CT, voxel to RAS mm.
        regions: anatomic region of each segment.
        keep_empty: write frames without a mask as well.
        changes: DICOM elements of the SEG by keyword.
    """
    first = next(iter(masks.values()))
    folder = path.parent / f"{path.stem}-ct"
    hu = np.full(first.shape, 40, dtype=np.int16)
    slices = [pydicom.dcmread(file) for file in write_ct_series(folder, hu, affine)]
    for data in slices:
        data.StudyID, data.StudyDate, data.StudyTime = "1", "20260101", "120000"
        data.PatientBirthDate = data.PatientSex = data.AccessionNumber = ""
        data.ReferringPhysicianName = ""
    regions = regions or [None] * len(masks)
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=LESION if "umo" in label else TISSUE,
            segmented_property_type=code,
            algorithm_type="MANUAL",
            anatomic_regions=None if region is None else [region],
        )
        for number, ((label, code), region) in enumerate(zip(masks, regions, strict=True), start=1)
    ]
    pixels = np.stack([mask.transpose(2, 1, 0) for mask in masks.values()], axis=-1)
    pixels = pixels.astype(np.float32 if kind == "FRACTIONAL" else np.uint8)
    if kind == "LABELMAP":
        pixels = (pixels * np.arange(1, len(masks) + 1)).max(axis=-1).astype(np.uint8)
    data = hd.seg.Segmentation(
        source_images=slices,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        transfer_syntax_uid=transfer_syntax,
        omit_empty_frames=not keep_empty,
        max_fractional_value=200,
    )
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    data.save_as(path)
    return path
