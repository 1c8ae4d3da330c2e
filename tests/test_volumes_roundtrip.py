"""What is written is read back: geometry and every voxel, for every kind of grid."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import write_ct_series
from hypothesis import example, given, settings
from hypothesis import strategies as st
from volume_cases import AXIS_MATRICES, SHAPE, affines, hu_array

from ynet3d.volumes import Volume, read_label, read_volume, write_label, write_volume

few = settings(deadline=None, max_examples=25)
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def corner_positions(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    corners = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners[:, :3] *= np.array(shape) - 1
    return (corners @ affine.T)[:, :3]


def itk_affine(image: sitk.Image) -> np.ndarray:
    """Affine in RAS from SimpleITK's own mapping of indices to points."""
    columns = [
        image.TransformIndexToPhysicalPoint(index) for index in np.eye(3, dtype=int).tolist()
    ]
    origin = np.array(image.TransformIndexToPhysicalPoint((0, 0, 0)))
    affine = np.eye(4)
    affine[:3, :3] = (np.array(columns) - origin).T
    affine[:3, 3] = origin
    return RAS_TO_LPS @ affine


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
@few
@given(affine=affines(), seed=st.integers(0, 1000))
def test_volume_comes_back(suffix: str, affine: np.ndarray, seed: int) -> None:
    array = hu_array(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scan{suffix}"
        write_volume(Volume(array, affine), path)
        volume = read_volume(path)
        image = sitk.ReadImage(str(path))
        assert volume.array.dtype == np.int16
        assert np.array_equal(volume.array, array)
        tolerance = 1e-9 if suffix in (".nrrd", ".mha") else 1e-4  # NIfTI-1 keeps float32
        expected = corner_positions(affine, SHAPE)
        assert np.abs(corner_positions(volume.affine, SHAPE) - expected).max() < tolerance
        assert np.array_equal(sitk.GetArrayFromImage(image).T, array)
        assert np.abs(corner_positions(itk_affine(image), SHAPE) - expected).max() < 1e-3
        # Once more: now the geometry is the source's, to the bit.
        again = Path(folder) / f"again{suffix}"
        write_volume(volume, again)
        exact = 1e-12 if suffix == ".nrrd" else 0  # NRRD stores spacing times direction
        assert np.abs(read_volume(again).affine - volume.affine).max() <= exact


@pytest.mark.parametrize("number", range(48))
def test_all_axis_orders(number: int, tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[:3, :3] = AXIS_MATRICES[number] * [0.75, 1.25, 3.0]
    affine[:3, 3] = [10.0, -20.5, 30.25]
    volume = Volume(hu_array(number), affine)
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        path = tmp_path / f"scan{suffix}"
        write_volume(volume, path)
        back = read_volume(path)
        assert np.array_equal(back.affine, affine)
        assert np.array_equal(back.array, volume.array)
        assert back.orientation == "".join(nibabel.aff2axcodes(affine))


@pytest.mark.parametrize("number", range(48))
def test_dicom_all_axis_orders(number: int, tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[:3, :3] = AXIS_MATRICES[number] * [0.75, 1.25, 3.0]
    affine[:3, 3] = [10.0, -20.5, 30.25]
    check_dicom(affine, number, tmp_path)


@few
@given(affine=affines(), seed=st.integers(0, 1000))
def test_dicom_series(affine: np.ndarray, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_dicom(affine, seed, Path(folder))


def check_dicom(affine: np.ndarray, seed: int, folder: Path) -> None:
    """A series comes back as SimpleITK reads it, and as it was written."""
    array = hu_array(seed)
    write_ct_series(folder / "dicom", array, affine, series_uid="1.2.3.4.5")
    # DICOM slices are sorted along the normal (row x column): a left-handed grid comes mirrored.
    if np.linalg.det(affine[:3, :3]) < 0:
        array = array[:, :, ::-1]
        affine = affine @ np.array(
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, SHAPE[2] - 1], [0, 0, 0, 1.0]]
        )
    volume = read_volume(folder / "dicom", series="1.2.3.4.5")
    assert volume.array.dtype == np.int16
    assert np.array_equal(volume.array, array)
    assert np.abs(volume.affine - affine).max() < 1e-6

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / "dicom")))
    image = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(image).T, volume.array)
    assert np.abs(itk_affine(image) - volume.affine).max() < 1e-3

    mask = volume.with_array((volume.array > 500).astype(np.uint8))
    write_label(mask, folder / "mask.nii.gz")
    label = read_label(folder / "mask.nii.gz")
    assert np.array_equal(label.array, mask.array)
    assert label.same_grid(volume, tolerance_mm=1e-3)


GEOMETRY_FIELDS = (
    "pixdim",
    "qform_code",
    "sform_code",
    "quatern_b",
    "quatern_c",
    "quatern_d",
    "qoffset_x",
    "qoffset_y",
    "qoffset_z",
    "srow_x",
    "srow_y",
    "srow_z",
    "xyzt_units",
)


@pytest.mark.parametrize("header_kind", [nibabel.Nifti1Header, nibabel.Nifti2Header])
@few
@given(
    affine=affines(), codes=st.tuples(st.integers(0, 4), st.integers(0, 4)), fourth=st.booleans()
)
@example(affine=np.eye(4), codes=(0, 0), fourth=False)
def test_nifti_header_is_carried_to_the_bit(
    header_kind: type, affine: np.ndarray, codes: tuple[int, int], fourth: bool
) -> None:
    """A mask for a NIfTI scan has its sform, qform, codes, pixdim and units, whatever they are."""
    header = header_kind()
    array = hu_array(5)
    header.set_data_shape((*SHAPE, 1) if fourth else SHAPE)
    header.set_data_dtype(np.int16)
    header.set_sform(affine, code=codes[0])
    header["srow_x"][1] += 0.03  # sheared, so that sform and qform differ
    header.set_qform(affine, code=codes[1])
    header.set_xyzt_units("mm", "sec")
    header["pixdim"][4:] = 0.125
    header["descrip"] = b"Jane Doe"
    header["vox_offset"] = header.sizeof_hdr + 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.nii"
        path.write_bytes(header.binaryblock + b"\0" * 4 + array.tobytes(order="F"))
        volume = read_volume(path)
        assert np.array_equal(volume.array, array)
        assert np.array_equal(volume.affine, nibabel.load(path).affine)
        write_label(volume.with_array((array > 0).astype(np.uint8)), Path(folder) / "m.nii.gz")
        mask = nibabel.load(Path(folder) / "m.nii.gz")
        voxels = np.asarray(mask.dataobj)
    assert type(mask.header) is header_kind
    for field in GEOMETRY_FIELDS:
        assert mask.header[field].tobytes() == header[field].tobytes(), field
    assert np.array_equal(voxels, array > 0)
    assert mask.get_data_dtype() == np.uint8
    assert bytes(mask.header["descrip"]).strip(b"\0") == b""


def test_big_endian_nifti(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_shape(SHAPE)
    header.set_data_dtype(np.int16)
    header.set_sform(np.diag([2.0, 3.0, 4.0, 1.0]), code=1)
    header["vox_offset"] = 352
    array = hu_array(9)
    path = tmp_path / "big.nii"
    path.write_bytes(header.binaryblock + b"\0" * 4 + array.astype(">i2").tobytes(order="F"))
    volume = read_volume(path)
    assert np.array_equal(volume.array, array)
    write_volume(volume, tmp_path / "out.nii.gz")
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / "out.nii.gz").dataobj), array)


def test_extensions_before_the_voxels_are_skipped(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(hu_array(4), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 1000))
    image.to_filename(tmp_path / "scan.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "scan.nii.gz").array, hu_array(4))


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("micron", 0.001)])
def test_units_other_than_mm(unit: str, factor: float, tmp_path: Path) -> None:
    affine = np.diag([0.5, 0.75, 2.0, 1.0]) / [factor, factor, factor, 1]
    image = nibabel.Nifti1Image(hu_array(4), affine)
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    assert volume.spacing == pytest.approx((0.5, 0.75, 2.0))
    write_volume(volume, tmp_path / "again.nii.gz")
    again = nibabel.load(tmp_path / "again.nii.gz")
    assert again.header.get_xyzt_units()[0] == unit
    assert np.array_equal(again.affine, nibabel.load(tmp_path / "scan.nii.gz").affine)


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "expected"),
    [
        (np.uint16, 1.0, -1024.0, np.int16),
        (np.int32, 2.0, -100.0, np.int16),
        (np.uint8, 0.5, 0.0, np.float32),
        (np.float32, 1.0, 0.0, np.int16),
        (np.float64, 1.0, 0.25, np.float32),
        (np.int32, 100.0, 0.0, np.float32),
        (np.int64, 1.0, 0.0, np.int16),
    ],
)
def test_slope_and_intercept(
    stored: type, slope: float, intercept: float, expected: type, tmp_path: Path
) -> None:
    raw = np.arange(5 * 6 * 70).reshape(5, 6, 70) % (250 if stored is np.uint8 else 1501)
    image = nibabel.Nifti1Image(raw.astype(stored), np.eye(4), dtype=stored)
    image.header.set_data_dtype(stored)
    nibabel.save(image, tmp_path / "scan.nii.gz")
    block = bytearray(gzip.decompress((tmp_path / "scan.nii.gz").read_bytes()))
    block[112:120] = np.array([slope, intercept], dtype="<f4").tobytes()
    (tmp_path / "scan.nii").write_bytes(block)
    volume = read_volume(tmp_path / "scan.nii")
    assert volume.array.dtype == expected
    assert np.array_equal(volume.array, raw.astype(stored) * slope + intercept)


def test_float_values_late_in_the_scan_keep_the_early_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Voxels are collected in slabs; one broken number in the last slab turns all to float32."""
    monkeypatch.setattr("ynet3d.volumes.voxels.SLAB_BYTES", 200)
    array = hu_array(6).astype(np.float32)
    array[2, 3, 6] = 0.5
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, array)


def test_any_memory_order_is_written_alike(tmp_path: Path) -> None:
    array = hu_array(8)
    views = [array, np.asfortranarray(array), array[::-1, :, ::-1][::-1, :, ::-1]]
    for number, view in enumerate(views):
        write_volume(Volume(view, np.eye(4)), tmp_path / f"{number}.nii.gz")
    first, *others = [(tmp_path / f"{number}.nii.gz").read_bytes() for number in range(3)]
    assert all(other == first for other in others)


def test_sheared_affine_has_no_qform(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[1, 2] = 0.3
    write_volume(Volume(hu_array(1), affine), tmp_path / "scan.nii.gz")
    header = nibabel.load(tmp_path / "scan.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 0)
    assert np.abs(read_volume(tmp_path / "scan.nii.gz").affine - affine).max() < 1e-6


def test_changed_grid_does_not_take_the_old_header(tmp_path: Path) -> None:
    nibabel.Nifti1Image(hu_array(1), np.eye(4)).to_filename(tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    moved = Volume(volume.array, np.diag([2.0, 2.0, 2.0, 1.0]), metadata=volume.metadata)
    write_volume(moved, tmp_path / "moved.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "moved.nii.gz").affine, moved.affine)


def test_label_types(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 3, SHAPE)
    for kind in (np.uint8, np.int16, np.float32, np.float64):
        nibabel.Nifti1Image(labels.astype(kind), np.eye(4)).to_filename(tmp_path / "l.nii.gz")
        label = read_label(tmp_path / "l.nii.gz")
        assert label.array.dtype == np.uint8
        assert np.array_equal(label.array, labels)
    with pytest.raises(ValueError, match="uint8"):
        write_label(Volume(labels.astype(np.int16), np.eye(4)), tmp_path / "x.nii.gz")
    assert not (tmp_path / "x.nii.gz").exists()
