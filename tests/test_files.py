"""Writing files: all or nothing, under the right name and permissions, errors in one sentence."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path

import pytest

from ynet3d.errors import InputError, YnetError
from ynet3d.files import atomic_path, ensure_output_folder, write_json, write_text


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(target: Path, error: BaseException) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error


def test_a_block_that_succeeds_replaces_the_target(tmp_path: Path) -> None:
    target = tmp_path / "mask.nii.gz"
    target.write_text("old")
    with target.open() as reader:
        with atomic_path(target) as temporary:
            temporary.write_text("new")
            assert target.read_text() == "old"
        assert reader.read() == "old"
    assert target.read_text() == "new"
    assert names_in(tmp_path) == ["mask.nii.gz"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(1)])
def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "mask.nii.gz"
    target.write_text("old")
    with pytest.raises(type(error)) as caught:
        write_half(target, error)
    assert caught.value is error
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["mask.nii.gz"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    target = tmp_path / "mask.nii.gz"
    with pytest.raises(YnetError) as caught:
        write_half(target, OSError(28, "No space left on device"))
    assert str(caught.value) == f"{target} could not be written: No space left on device."
    assert caught.value.exit_code == 1
    assert names_in(tmp_path) == []


def test_a_folder_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mask.nii.gz" / "inside").mkdir(parents=True)
    with pytest.raises(YnetError, match=r"mask\.nii\.gz could not be written: .*\.$"):
        write_text(tmp_path / "mask.nii.gz", "text")
    assert names_in(tmp_path) == ["mask.nii.gz"]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("mask.nii.gz", ".nii.gz"),
        ("mask.nii", ".nii"),
        ("1.2.840.nii.gz", ".nii.gz"),
        ("mask.nrrd", ".nrrd"),
        ("page.html", ".html"),
        ("LICENCE", ""),
    ],
)
def test_the_temporary_file_has_the_suffix_and_the_folder_of_the_target(
    tmp_path: Path, name: str, suffix: str
) -> None:
    with atomic_path(tmp_path / "new" / "folder" / name) as temporary:
        assert temporary.parent == tmp_path / "new" / "folder"
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(suffix)
        assert "".join(temporary.suffixes) == suffix


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o027])
def test_permissions_are_those_that_open_gives(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        (tmp_path / "opened").write_text("text")
        write_text(tmp_path / "written", "text")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "opened").stat().st_mode


def test_output_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = ensure_output_folder(str(tmp_path / "a" / "b"))
    assert folder == tmp_path / "a" / "b"
    assert names_in(folder) == []
    assert ensure_output_folder(folder) == folder


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("file", "is a file: give a folder"),
        ("file/below", r"cannot be written \(Not a directory\)"),
        ("file/below/that", r"cannot be written \(Not a directory\)"),
    ],
)
def test_output_folder_that_cannot_be(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match=message) as caught:
        ensure_output_folder(tmp_path / place)
    text = str(caught.value)
    assert str(tmp_path / place) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert (tmp_path / "file").read_text() == "kept"


def test_output_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:  # as for everybody but root, who may run the tests
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\): choose"):
        ensure_output_folder(tmp_path)


def test_json_is_read_back_and_readable(tmp_path: Path) -> None:
    content = {"patient": "Søren 肝", "values": [1, 2.5, None, True], "nested": {"a": {}}}
    write_json(tmp_path / "facts.json", content)
    text = (tmp_path / "facts.json").read_text("utf-8")
    assert json.loads(text) == content
    assert "Søren 肝" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_without_nan_and_infinity(tmp_path: Path, value: float) -> None:
    write_json(tmp_path / "facts.json", {"dice": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "facts.json", {"cases": [{"dice": value}]})
    assert json.loads((tmp_path / "facts.json").read_text()) == {"dice": 0.5}
    assert names_in(tmp_path) == ["facts.json"]


@pytest.mark.parametrize("below", ["x.json", "folder/x.json"])
def test_a_path_below_a_file_is_one_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(YnetError, match="could not be written"):
        write_json(tmp_path / "file" / below, {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_is_full_in_numpys_words(tmp_path: Path) -> None:
    expected = "500 requested and 20 written, as on a full disk"
    with pytest.raises(YnetError, match=expected), atomic_path(tmp_path / "x.npy"):
        raise OSError("500 requested and 20 written")
