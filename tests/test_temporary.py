"""Folders of processes that ended, also those that had no time to clean up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ynet3d.temporary import own_folder, sweep, used_folder

_KILLED = """
import os, signal, sys
from pathlib import Path
from ynet3d.temporary import own_folder
(own_folder(Path(sys.argv[1]), sys.argv[2]) / "scan").write_text("secret")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", [".fetched", "ynet3d-archive"])
def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path, kind: str) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), kind], check=False)
    (left,) = tmp_path.iterdir()
    assert (left / "scan").read_text("utf-8") == "secret"
    sweep(tmp_path, "another")
    assert left.exists()
    with used_folder(tmp_path, kind) as folder:
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert not list(tmp_path.iterdir())


def test_folders_of_those_at_work_stay(tmp_path: Path) -> None:
    one, other = own_folder(tmp_path, "kind"), own_folder(tmp_path, "kind")
    other_machine = tmp_path / "kind-elsewhere-1-abc"
    other_machine.mkdir()
    sweep(tmp_path, "kind")
    assert all(folder.is_dir() for folder in (one, other, other_machine))


def test_a_used_folder_goes_with_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with used_folder(tmp_path, "kind") as folder:
            (folder / "x").touch()
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert not list(tmp_path.iterdir())
