"""A few tries of every fault, and that they would see what they are there to see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from faults.children import Child
from faults.kills import run_whole
from faults.outcomes import (
    LOST,
    NOT_HERE,
    RECOVERED,
    REFUSED,
    WRONG,
    Counts,
    Outcome,
    Task,
)
from faults.registry import FAULTS
from faults.spoilt_bytes import _spoilt

from ynet3d.errors import InputError

if not hasattr(os, "fork"):
    pytest.skip("needs processes that are forked", allow_module_level=True)


def test_nothing_is_lost(tmp_path: Path) -> None:
    """In a process of its own: what this one has loaded by now is not fit to be forked."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "faults", "run", "--few", "--out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "faults.json").read_text("utf-8"))["faults"]
    assert found.keys() == {planned.title for planned in FAULTS.values() if planned.few}


def test_a_byte_that_is_not_noticed(tmp_path: Path) -> None:
    """A reader that takes all for whole, one that refuses in a sentence, and one that breaks."""
    path = tmp_path / "file"

    def refuse() -> bool:
        raise InputError(f"{path} is damaged.")

    def crash() -> bool:
        raise KeyError("x")

    for read, seen in (
        (lambda: path.read_bytes() == b"abc", WRONG),
        (lambda: True, RECOVERED),
        (refuse, REFUSED),
        (crash, WRONG),
    ):
        path.write_bytes(b"abc")
        found = list(_spoilt(path, read, Task(tmp_path, 10**6, Random(0))))
        assert [outcome.outcome for outcome in found] == [seen] * 6


@pytest.mark.parametrize("code", [0, 3])
def test_a_forked_process(tmp_path: Path, code: int) -> None:
    def work() -> None:
        print("said", flush=True)
        (tmp_path / "file").write_text("x" * 7)
        raise SystemExit(code)

    ended = Child(work, tmp_path / "said").wait()
    assert (ended.code, ended.said, ended.error) == (code, "said\n", None)
    if code == 0:
        whole = run_whole(work, tmp_path, tmp_path / "said")
        assert (whole.file_events, whole.largest) == (1, 7)


def test_a_forked_process_is_killed(tmp_path: Path) -> None:
    ended = Child(lambda: signal.pause(), tmp_path / "said").kill_after(0.05)
    assert ended.code == -signal.SIGKILL


def test_counts() -> None:
    counts = Counts()
    for outcome in (RECOVERED, RECOVERED, REFUSED, LOST, WRONG):
        counts.add("a fault", Outcome(outcome, "why"))
    counts.add("another", Outcome(NOT_HERE))
    assert counts.forbidden == 2
    assert counts.table().splitlines()[2:] == [
        "| a fault | 5 | 2 | 1 | 1 | 1 |",
        "| another | not here | 0 | 0 | 0 | 0 |",
    ]
