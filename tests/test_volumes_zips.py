"""Zips: one scan of any kind is read; names that lead outside, bombs and damage are refused."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_ct_series
from refusals import AFFINE, nifti, refusal
from volume_cases import SHAPE, hu_array

from ynet3d.errors import InputError
from ynet3d.volumes import (
    Volume,
    list_series,
    read_volume,
    write_volume,
    zips,
)
from ynet3d.volumes.zips import unpacked


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
