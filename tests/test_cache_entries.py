"""Entries of a cache: whole or not there, replaced if damaged, and no rubbish for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ynet3d.cache_entries import CHECKSUMS, cache_entry, is_whole
from ynet3d.errors import YnetError
from ynet3d.files import remove_leftovers


def make(entry: Path, text: str = "first") -> None:
    with cache_entry(entry) as folder:
        (folder / "a").write_text(text)
        (folder / "b").write_bytes(b"\0\1")


def test_a_new_entry_is_whole(tmp_path: Path) -> None:
    make(tmp_path / "cache" / "entry")
    assert is_whole(tmp_path / "cache" / "entry")
    assert os.listdir(tmp_path / "cache") == ["entry"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "a").write_text("fjrst"),
        lambda entry: (entry / "a").unlink(),
        lambda entry: (entry / "a").rename(entry / "c"),
        lambda entry: (entry / "new").touch(),
        lambda entry: (entry / CHECKSUMS).unlink(),
        lambda entry: (entry / CHECKSUMS).write_text("{}"),
        lambda entry: (entry / CHECKSUMS).write_text("[1"),
        lambda entry: [path.unlink() for path in entry.iterdir()],
    ],
)
def test_damage_is_seen_and_mended(damage: Callable[[Path], object], tmp_path: Path) -> None:
    entry = tmp_path / "entry"
    make(entry)
    damage(entry)
    assert not is_whole(entry)
    make(entry, "second")
    assert is_whole(entry)
    assert (entry / "a").read_text() == "second"
    assert os.listdir(tmp_path) == ["entry"]


def test_a_whole_entry_stays(tmp_path: Path) -> None:
    """Another process was faster: others may be reading its files already."""
    make(tmp_path / "entry")
    make(tmp_path / "entry", "second")
    assert (tmp_path / "entry" / "a").read_text() == "first"
    assert os.listdir(tmp_path) == ["entry"]


def test_hidden_files_of_systems_do_not_count(tmp_path: Path) -> None:
    make(tmp_path / "entry")
    (tmp_path / "entry" / ".DS_Store").touch()
    assert is_whole(tmp_path / "entry")


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "entry").touch()
    with pytest.raises(YnetError, match=r"could not be written: .*\.$"):
        make(tmp_path / "entry")
    assert os.listdir(tmp_path) == ["entry"]


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, hours in (("old", 25), ("young", 23)):
        folder, file = tmp_path / f".writing-{name}", tmp_path / f".writing-{name}.nii.gz"
        folder.mkdir()
        (folder / "half").touch()
        file.touch()
        for path in (folder, file):
            os.utime(path, (time.time() - 3600 * hours,) * 2)
    make(tmp_path / "entry")
    young = [".writing-young", ".writing-young.nii.gz"]
    assert sorted(os.listdir(tmp_path)) == [*young, "entry"]
    remove_leftovers(tmp_path, seconds=0)
    assert os.listdir(tmp_path) == ["entry"]
