"""Everything that is not one 3D scan is refused in one sentence, and nothing is left behind."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import write_ct_series
from matplotlib import image as pictures
from refusals import AFFINE, nifti, refusal
from volume_cases import SHAPE, hu_array

from ynet3d.errors import InputError, YnetError
from ynet3d.volumes import (
    Volume,
    find_volumes,
    is_volume_path,
    read_label,
    read_volume,
    strip_suffix,
    write_label,
    write_volume,
)
from ynet3d.volumes import nifti as nifti_module


def test_missing_path(tmp_path: Path) -> None:
    refusal(tmp_path / "no.nii.gz", match="does not exist")


def test_empty_folder(tmp_path: Path) -> None:
    refusal(tmp_path, match="empty folder")


def test_folder_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    refusal(tmp_path, match="no DICOM images")


def test_folder_of_nifti(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii.gz", hu_array(0))
    refusal(tmp_path, match=r"1 volume file \(a.nii.gz\) and no DICOM")


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.nrrd", "x.mha", "x.zip", "x.png"])
def test_picture_under_another_name(name: str, tmp_path: Path) -> None:
    pictures.imsave(tmp_path / "x.png", np.zeros((8, 8)))
    (tmp_path / "x.png").rename(tmp_path / name)
    refusal(tmp_path / name, match="is a PNG picture")


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.nrrd", "x.mha", "x.zip", "x.csv"])
def test_text_under_another_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("case,volume\n1,a.nii.gz\n" * 50)
    refusal(tmp_path / name, match="is text")


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.nrrd", "x.mha", "x.zip"])
def test_empty_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    refusal(tmp_path / name, match="empty")


def test_picture_inside_gzip(tmp_path: Path) -> None:
    pictures.imsave(tmp_path / "x.png", np.zeros((8, 8)))
    path = tmp_path / "x.nii.gz"
    path.write_bytes(gzip.compress((tmp_path / "x.png").read_bytes()))
    refusal(path, match="gzip-compressed, but what it holds is a PNG picture")


def test_names_do_not_decide_on_compression(tmp_path: Path) -> None:
    nifti(tmp_path / "plain.nii", hu_array(0)).rename(tmp_path / "a.nii.gz")
    nifti(tmp_path / "packed.nii.gz", hu_array(0)).rename(tmp_path / "b.nii")
    for name in ("a.nii.gz", "b.nii"):
        assert np.array_equal(read_volume(tmp_path / name).array, hu_array(0))


@pytest.mark.parametrize("kept", [20, 500, 0.5, -4])
def test_truncated_gzip(kept: float, tmp_path: Path) -> None:
    path = nifti(tmp_path / "x.nii.gz", hu_array(0, (20, 20, 20)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if 0 < kept < 1 else int(kept)])
    refusal(path, match=r"cut short|holds is")


def test_flipped_bits_in_gzip(tmp_path: Path) -> None:
    path = nifti(tmp_path / "x.nii.gz", hu_array(0, (20, 20, 20)))
    whole = path.read_bytes()
    for at in range(400, len(whole), 997):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        path.write_bytes(damaged)
        refusal(path, match="damaged|cut short")


@pytest.mark.parametrize(("at", "what"), [(-8, "checksum"), (-4, "length")])
def test_wrong_trailer_of_gzip(at: int, what: str, tmp_path: Path) -> None:
    """The voxels are all there, but they are not those that were packed."""
    path = nifti(tmp_path / f"{what}.nii.gz", hu_array(0))
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 1
    path.write_bytes(damaged)
    refusal(path, match="fails its checksum")


def test_garbage_behind_gzip(tmp_path: Path) -> None:
    path = nifti(tmp_path / "x.nii.gz", hu_array(0))
    path.write_bytes(path.read_bytes() + b"garbage")
    refusal(path, match="damaged or cut short")


@pytest.mark.parametrize("cut", [200, 352, 1000, -1])
def test_gzip_of_several_members_and_padding(cut: int, tmp_path: Path) -> None:
    """As bgzip and parallel packers write it, and as tapes pad it."""
    path = nifti(tmp_path / "x.nii", hu_array(0))
    content = path.read_bytes()
    packed = gzip.compress(content[:cut]) + gzip.compress(content[cut:]) + b"\0" * 512
    (tmp_path / "x.nii.gz").write_bytes(packed)
    assert np.array_equal(read_volume(tmp_path / "x.nii.gz").array, hu_array(0))


def test_a_broken_second_member_of_gzip(tmp_path: Path) -> None:
    path = nifti(tmp_path / "x.nii", hu_array(0))
    content = path.read_bytes()
    packed = gzip.compress(content[:1000]) + gzip.compress(content[1000:])[:-6]
    (tmp_path / "x.nii.gz").write_bytes(packed)
    refusal(tmp_path / "x.nii.gz", match="damaged or cut short")


@pytest.mark.parametrize("kind", [".nii", ".nrrd", ".mha"])
def test_truncated_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{kind}"
    write_volume(Volume(hu_array(0, (20, 20, 20)), AFFINE), path)
    path.write_bytes(path.read_bytes()[:-500])
    refusal(path, match="cut short")


def test_truncated_raw_metaimage(tmp_path: Path) -> None:
    path = tmp_path / "x.mha"
    sitk.WriteImage(sitk.GetImageFromArray(hu_array(0, (20, 20, 20))), str(path))
    path.write_bytes(path.read_bytes()[:-500])
    refusal(path, match="cut short")


def test_header_without_its_data_file(tmp_path: Path) -> None:
    for name, data in (("x.mhd", "x.raw"), ("y.nhdr", "y.raw")):
        sitk.WriteImage(sitk.GetImageFromArray(hu_array(0)), str(tmp_path / name))
        assert np.array_equal(read_volume(tmp_path / name).array, hu_array(0).T)
        (tmp_path / data).unlink()
        refusal(tmp_path / name, match="without its data file")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_shapes_other_than_3d(suffix: str, tmp_path: Path) -> None:
    def saved(image: sitk.Image) -> Path:
        path = tmp_path / f"x{suffix}"
        sitk.WriteImage(image, str(path))
        return path

    refusal(saved(sitk.Image(6, 5, sitk.sitkInt16)), match="is a 2D image of 6 x 5")
    refusal(saved(sitk.Image([6, 5, 4, 3], sitk.sitkInt16)), match="is a 4D image of 6 x 5 x 4 x 3")
    colour = sitk.Image([6, 5, 4], sitk.sitkVectorUInt8, 3)
    refusal(saved(colour), match=r"RGB|colour|5D image")
    path = saved(sitk.Image([6, 5, 4, 1], sitk.sitkInt16))
    assert read_volume(path).shape == (6, 5, 4)


def test_rgb_nifti(tmp_path: Path) -> None:
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    refusal(nifti(tmp_path / "x.nii.gz", rgb), match="RGB")


def test_complex_nifti(tmp_path: Path) -> None:
    refusal(nifti(tmp_path / "x.nii.gz", np.zeros(SHAPE, np.complex64)), match="complex")


def test_affine_that_says_nothing(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(hu_array(0), AFFINE)
    image.header["srow_x"] = 0
    nibabel.save(image, tmp_path / "x.nii")
    block = bytearray((tmp_path / "x.nii").read_bytes())
    block[280:296] = b"\0" * 16  # srow_x
    (tmp_path / "x.nii").write_bytes(block)
    refusal(tmp_path / "x.nii", match="affine is singular")


def test_damaged_header(tmp_path: Path) -> None:
    path = nifti(tmp_path / "x.nii", hu_array(0))
    block = bytearray(path.read_bytes())
    block[70:72] = b"\x99\x77"  # data type
    path.write_bytes(block)
    refusal(path, match="damaged NIfTI header|voxels of type")


@pytest.mark.parametrize("value", [-1, 256, 0.5, np.nan, np.inf])
def test_labels_out_of_range(value: float, tmp_path: Path) -> None:
    array = np.zeros(SHAPE, np.float32)
    array[1, 2, 3] = value
    path = nifti(tmp_path / "x.nii.gz", array)
    with pytest.raises(InputError, match=f"not a label map: it holds the value {value:g}"):
        read_label(path)


def test_single_dicom_file(tmp_path: Path) -> None:
    path = write_ct_series(tmp_path, hu_array(0), AFFINE)[0]
    refusal(path, match=r"single DICOM file \(one CT slice\): give the folder")


def test_multi_frame_dicom(tmp_path: Path) -> None:
    frames = {"NumberOfFrames": 4, "PixelData": b"\0" * (4 * 2 * SHAPE[0] * SHAPE[1])}
    path = write_ct_series(tmp_path, hu_array(0)[:, :, :1], AFFINE, **frames)[0]
    refusal(path, match="multi-frame")
    refusal(tmp_path, match="multi-frame")


@pytest.mark.parametrize("name", ["x.txt", "x", "x.mhd", "x.dcm", "x.zip"])
def test_suffixes_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="end it with"):
        write_label(Volume(np.zeros(SHAPE, np.uint8), AFFINE), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_failed_writing_leaves_the_old_file(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Volume(np.zeros(SHAPE, np.uint8), AFFINE)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"the old file")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    def sitk_full(*args: object, **kwargs: object) -> None:
        raise RuntimeError("sitk::ERROR: No space left on device")

    monkeypatch.setattr(nifti_module, "_write_stream", full)
    monkeypatch.setattr(sitk, "WriteImage", sitk_full)
    with pytest.raises(YnetError, match=r"could not be written: .*No space left on device"):
        write_label(volume, path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"the old file"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("scan.nii.gz", "scan"),
        ("a/b/Scan.1.NII.GZ", "Scan.1"),
        ("x.nii", "x"),
        ("x.y.mha", "x.y"),
        ("series.zip", "series"),
        ("folder", "folder"),
        ("patient.1", "patient.1"),
        (".nii.gz", ".nii.gz"),
    ],
)
def test_strip_suffix(name: str, stem: str) -> None:
    assert strip_suffix(name) == stem


def test_find_volumes(tmp_path: Path) -> None:
    for name in ("volume-10.nii", "volume-9.nii.gz", "a.MHA", ".hidden.nii", "cases.csv", "s.zip"):
        (tmp_path / name).touch()
    (tmp_path / "folder.nii").mkdir()
    names = [path.name for path in find_volumes(tmp_path)]
    assert names == ["a.MHA", "volume-9.nii.gz", "volume-10.nii"]
    assert not is_volume_path("s.zip")
    with pytest.raises(InputError, match="does not exist"):
        find_volumes(tmp_path / "no")
    with pytest.raises(InputError, match="is a file"):
        find_volumes(tmp_path / "cases.csv")
