"""Everything that is not one 3D scan is refused in one sentence, and nothing is left behind."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import write_ct_series
from matplotlib import image as pictures
from volume_cases import SHAPE, hu_array

from ynet3d.errors import InputError, YnetError
from ynet3d.volumes import (
    Volume,
    find_volumes,
    is_volume_path,
    list_series,
    read_label,
    read_volume,
    strip_suffix,
    write_label,
    write_volume,
    zips,
)
from ynet3d.volumes import nifti as nifti_module
from ynet3d.volumes.zips import unpacked

AFFINE = np.diag([-0.75, -0.75, 2.5, 1.0])


def refusal(path: Path, *, match: str) -> str:
    """The sentence with which `path` is refused."""
    with pytest.raises(InputError, match=match) as caught:
        read_volume(path)
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


def nifti(path: Path, array: np.ndarray) -> Path:
    nibabel.Nifti1Image(array, AFFINE).to_filename(path)
    return path


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


def zipped(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def temporary_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("ynet3d-*"))


def test_zip_of_each_kind(tmp_path: Path) -> None:
    before = temporary_folders()
    volume = Volume(hu_array(0), AFFINE)
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        write_volume(volume, tmp_path / f"scan{suffix}")
        data = (tmp_path / f"scan{suffix}").read_bytes()
        path = zipped(tmp_path / "x.zip", {f"a/b/scan{suffix}": data, "__MACOSX/._scan": b"x"})
        read = read_volume(path)
        assert np.array_equal(read.array, volume.array)
        assert read.source == str(path)
    files = write_ct_series(tmp_path / "dicom", hu_array(0), AFFINE)
    content = {f"study/series/{file.name}": file.read_bytes() for file in files}
    path = zipped(tmp_path / "d.zip", {**content, "study/readme.txt": b"hello"})
    assert np.array_equal(read_volume(path).array, hu_array(0))
    assert [summary.images for summary in list_series(path)] == [SHAPE[2]]
    assert temporary_folders() == before


def test_bad_zips(tmp_path: Path) -> None:
    before = temporary_folders()
    path = tmp_path / "x.zip"
    refusal(zipped(path, {}), match="empty folder")
    refusal(zipped(path, {"a.txt": b"hello"}), match="no DICOM images")
    refusal(zipped(path, {"../a.nii": b"x"}), match="leads outside")
    refusal(zipped(path, {"/a.nii": b"x"}), match="leads outside")
    two = nifti(tmp_path / "x.nii.gz", hu_array(0)).read_bytes()
    refusal(zipped(path, {"a.nii.gz": two, "b.nii.gz": two}), match="2 volume files")
    text = refusal(zipped(path, {"in/a.nii.gz": b"hello"}), match="is text")
    assert "ynet3d-" not in text
    whole = zipped(path, {"a.nii.gz": two}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refusal(path, match="cannot be opened as a zip")
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    refusal(path, match="damaged")
    assert temporary_folders() == before
    assert not (tmp_path.parent / "a.nii").exists()


def test_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a": b"\0" * 5_000_000})
    with (
        pytest.raises(InputError, match="would unpack to"),
        unpacked(path, max_bytes=1_000_000),
    ):
        pytest.fail("it was unpacked")


@pytest.mark.parametrize(
    "name", ["../../a.dcm", "/etc/a.dcm", "C:\\a.dcm", "c:a.dcm", "..\\a.dcm", "a/../../b.dcm"]
)
def test_zip_names_that_lead_outside(name: str, tmp_path: Path) -> None:
    refusal(zipped(tmp_path / "x.zip", {"fine.dcm": b"x", name: b"x"}), match="leads outside")


def test_zip_with_names_that_meet(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.dcm", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.dcm", b"2")
    refusal(path, match="several files of one name")
    refusal(zipped(path, {"a": b"x", "a/b": b"x"}), match="several files of one name")
    refusal(zipped(path, {"a" * 300: b"x"}), match="name that is too long")
    refusal(zipped(path, {".": b"x"}), match="empty folder")


def test_links_in_a_zip_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.nii.gz"
    nifti(secret, hu_array(0))
    link = zipfile.ZipInfo("scan.nii.gz")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, str(secret))
    refusal(tmp_path / "x.zip", match="is text")


def test_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.dcm": b"hello"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refusal(path, match="is encrypted")


def test_zips_in_a_zip_are_not_unpacked(tmp_path: Path) -> None:
    files = write_ct_series(tmp_path / "dicom", hu_array(0), AFFINE)
    inner = zipped(tmp_path / "PATIENT.zip", {file.name: file.read_bytes() for file in files})
    outer = zipped(tmp_path / "x.zip", {"1/PATIENT.zip": inner.read_bytes(), "readme": b"x"})
    text = refusal(outer, match=r"no DICOM images, but 1 zip \(1/PATIENT.zip\): give one of them")
    assert "ynet3d-" not in text
    (tmp_path / "dicom" / "more").mkdir()
    inner.rename(tmp_path / "dicom" / "more" / "x.zip")
    assert np.array_equal(read_volume(tmp_path / "dicom").array, hu_array(0)), (
        "zips are passed over"
    )
    folder = tmp_path / "zips"
    folder.mkdir()
    outer.rename(folder / "x.zip")
    for path in (folder, folder / "x.zip"):
        with pytest.raises(InputError, match="but 1 zip"):
            list_series(path)


def with_stated_size(path: Path, name: str, size: int) -> Path:
    """Let the zip state another unpacked size for its only file, in both places."""
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(mark) + at
        content[start : start + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def test_zip_bomb_that_states_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped at the size that it states, and nothing is left."""
    before = temporary_folders()
    written = 0
    extract = zips._extract

    def watched(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
        nonlocal written
        try:
            extract(archive, member, target)
        finally:
            written = target.stat().st_size

    monkeypatch.setattr(zips, "_extract", watched)
    path = zipped(tmp_path / "x.zip", {"a.dcm": b"\0" * 5_000_000})
    refusal(with_stated_size(path, "a.dcm", 1000), match="is damaged or packed in an unusual way")
    assert written <= 1000
    refusal(with_stated_size(path, "a.dcm", 6_000_000), match="is damaged")
    refusal(with_stated_size(path, "a.dcm", 4_000_000_000), match="times its own size")
    assert temporary_folders() == before


def test_zip_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MAX_MEMBERS", 2)
    refusal(zipped(tmp_path / "x.zip", {"a": b"", "b": b"", "c": b""}), match="in 3 files, more")


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
