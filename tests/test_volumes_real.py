"""Real files, with SimpleITK as the second opinion."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from ynet3d.volumes import ct_problems, list_series, read_label, read_volume, write_label

pytestmark = pytest.mark.real


def sitk_series(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def unpack(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return next(item for item in folder.iterdir() if item.is_dir())


@pytest.mark.parametrize(
    ("name", "shape", "spacing"),
    [
        ("jpeg2000_series", (512, 512, 20), (0.9765625, 0.9765625, 2.0)),
        ("dicom_unlabelled/cptac_pda_C3L-00189.zip", (512, 512, 35), (0.859375, 0.859375, 5.0)),
        ("3dircadb01/3Dircadb1.1/PATIENT_DICOM.zip", (512, 512, 129), (0.57, 0.57, 1.6)),
        ("3dircadb01/3Dircadb1.17/PATIENT_DICOM.zip", (512, 512, 119), None),
    ],
)
def test_dicom_as_simpleitk_reads_it(
    name: str,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float] | None,
    real_data: Path,
    tmp_path: Path,
) -> None:
    path = real_data / name
    volume = read_volume(path)
    assert volume.shape == shape
    assert volume.array.dtype == np.int16
    assert volume.orientation == "LPS"
    assert spacing is None or volume.spacing == pytest.approx(spacing, abs=1e-6)
    assert ct_problems(volume) == []
    image = sitk_series(path if path.is_dir() else unpack(path, tmp_path))
    assert np.array_equal(sitk.GetArrayViewFromImage(image).T, volume.array)
    first = np.array(image.GetOrigin()) * [-1, -1, 1]
    last = image.TransformIndexToPhysicalPoint([size - 1 for size in shape])
    assert volume.affine[:3, 3] == pytest.approx(first, abs=1e-3)
    mine = volume.affine @ [*(size - 1 for size in shape), 1]
    assert mine[:3] == pytest.approx(np.array(last) * [-1, -1, 1], abs=1e-2)


def test_nrrd_mask_fits_its_dicom(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "dicom_seg_3slices"
    volume = read_volume(folder)
    assert volume.shape == (512, 512, 3)
    assert volume.array.min() == -3024, "padding is kept"
    assert sorted(summary.modality for summary in list_series(folder)) == ["CT", "SEG"]
    liver = read_label(folder / "liver_seg.nrrd")
    assert liver.same_grid(volume)
    inside = volume.array[liver.array == 1]
    assert 20 < np.median(inside) < 180, "the mask lies on the liver"
    write_label(volume.with_array(liver.array), tmp_path / "liver.nii.gz")
    assert read_label(tmp_path / "liver.nii.gz").same_grid(volume, tolerance_mm=1e-3)


def test_mask_folders_of_3dircadb_are_label_maps(real_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(real_data / "3dircadb01/3Dircadb1.1/MASKS_DICOM.zip") as archive:
        names = [name for name in archive.namelist() if "/liver/" in name]
        archive.extractall(tmp_path, names)
    mask = read_label(tmp_path / "MASKS_DICOM" / "liver")
    volume = read_volume(real_data / "3dircadb01/3Dircadb1.1/PATIENT_DICOM.zip")
    assert mask.same_grid(volume)
    assert np.unique(mask.array).tolist() == [0, 255]
    assert 20 < np.median(volume.array[mask.array == 255]) < 180


def test_lits_scan_and_its_labels(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "lits_subset"
    volume = read_volume(folder / "volume-0.nii.gz")
    label = read_label(folder / "segmentation-0.nii.gz")
    assert np.array_equal(volume.array, np.asarray(nibabel.load(volume.source).dataobj))
    assert label.same_grid(volume)
    assert ct_problems(volume) == []
    write_label(label, tmp_path / "mask.nii.gz")
    source, mask = nibabel.load(label.source).header, nibabel.load(tmp_path / "mask.nii.gz").header
    for field in ("srow_x", "srow_y", "srow_z", "pixdim", "sform_code", "qform_code", "quatern_b"):
        assert source[field].tobytes() == mask[field].tobytes()
