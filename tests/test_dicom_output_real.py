"""Real series, start to end: masks published or by rule, written, and read back to the voxel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_rules import rule_mask

from ynet3d.datasets import open_dataset
from ynet3d.dicom_output import Kind
from ynet3d.pipelines.dicom_export import export_prediction
from ynet3d.reporting import statistics
from ynet3d.volumes import read_label, read_volume, write_label

hd = pytest.importorskip("highdicom", reason="highdicom, which writes the objects, is missing")
pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("dicom_unlabelled/cptac_pda_C3L-00189.zip", 0),
        ("jpeg2000_series", 2),  # neither Study nor Series Instance UID
        ("3dircadb01/3Dircadb1.17/PATIENT_DICOM.zip", 1),  # no Frame of Reference UID
    ],
)
def test_series(name: str, without: int, real_data: Path, tmp_path: Path) -> None:
    scan = read_volume(real_data / name)
    if name.startswith("3dircadb01"):
        case = open_dataset(real_data / "3dircadb01").case(name.split("/")[1])
        label = case.read_label(image=scan)
    else:
        label = rule_mask(scan)
    found = statistics(label, scan)
    assert found["lesion_count"] > 1
    write_label(label, tmp_path / "mask.nii.gz")
    written = export_prediction(tmp_path / "mask.nii.gz", real_data / name, tmp_path / "out")
    assert len(written.notes) == without
    seg = written.files[Kind.SEG]
    assert np.array_equal(read_label(seg, like=scan).array, label.array)
    frames = pydicom.dcmread(seg)
    organ = int(label.array.any(axis=(0, 1)).sum())
    assert int(frames.NumberOfFrames) == organ + sum(each["slices"] for each in found["lesions"])
    report = hd.sr.srread(written.files[Kind.SR])
    groups = report.content.get_volumetric_roi_measurement_groups()
    volumes = [group.get_measurements()[0].value for group in groups]
    expected = [found["liver_ml"], *(lesion["ml"] for lesion in found["lesions"])]
    assert volumes == pytest.approx(expected, rel=1e-5)
    contours = pydicom.dcmread(written.files[Kind.RTSTRUCT])
    assert len(contours.ROIContourSequence) == len(expected)


def test_published_seg_written_again(real_data: Path, tmp_path: Path) -> None:
    """dcmqi's own SEG of a liver, out again: the same voxels."""
    folder = real_data / "dicom_seg_3slices"
    scan = read_volume(folder)
    first = read_label(folder / "liver.dcm", like=scan)
    written = export_prediction(folder / "liver.dcm", folder, tmp_path / "out")
    again = read_label(written.files[Kind.SEG], like=scan)
    assert np.array_equal(first.array, again.array)
    small = export_prediction(folder / "liver.dcm", folder, tmp_path / "small", compressed=True)
    plain, deflated = (one.files[Kind.SEG].stat().st_size for one in (written, small))
    assert deflated < plain / 5
