"""Disks that are full at any moment of a job: a sentence, nothing half, and on it goes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_disk import fill, small_disk
from small_runs import save_small_weights, small_scan, write_small_dataset

from faults.children import Child, run_main
from faults.killed_writing import PREPROCESSING, prediction_contents
from faults.kills import file_contents, run_whole
from faults.outcomes import LOST, NOT_HERE, RECOVERED, REFUSED, WRONG, Outcome, Task
from faults.tiny_training import TinyTraining, difference, remains
from ynet3d.cache_entries import is_whole
from ynet3d.datasets import open_dataset
from ynet3d.preprocessing import CaseCache
from ynet3d.progress import Progress
from ynet3d.volumes import write_volume

_FULL = ("No space left on device", "as on a full disk")


def training(task: Task) -> Iterator[Outcome]:
    """A run whose disk fills up on its way; with room again, it ends as if nothing had been."""
    tiny = TinyTraining(task.folder)
    whole, expected = tiny.whole()

    def right(disk: Path) -> str | None:
        return difference(remains(disk / "run"), expected)

    def half(disk: Path) -> str | None:
        return None  # the next start reads what is there, and would say what is not whole

    yield from _on_full_disks(task, whole.bytes, lambda disk: tiny.work(disk / "run"), half, right)


def prediction(task: Task) -> Iterator[Outcome]:
    """`ynet3d predict` onto a disk with too little room."""
    scan = task.folder / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    weights = save_small_weights(task.folder / "w.safetensors")

    def work(out: Path) -> Callable[[], object]:
        words = ["predict", str(scan), "-w", str(weights), "-o", str(out / "out"), "--quiet"]
        return lambda: run_main([*words, "--device", "cpu", "--runtime", "torch"])

    whole = run_whole(work(task.folder / "whole"), task.folder / "whole", task.folder / "said.txt")
    expected = prediction_contents(task.folder / "whole" / "out")

    def half(disk: Path) -> str | None:
        seen = file_contents(disk / "out") if (disk / "out").exists() else {}
        return f"files of a failed prediction: {list(seen)}" if seen else None

    def right(disk: Path) -> str | None:
        return None if prediction_contents(disk / "out") == expected else "another result"

    yield from _on_full_disks(task, whole.bytes, work, half, right)


def preparation(task: Task) -> Iterator[Outcome]:
    """Cases prepared onto a disk with too little room."""
    data = write_small_dataset(task.folder / "data", cases=3)
    cases = open_dataset(data, kind="lits").cases

    def work(disk: Path) -> Callable[[], object]:
        def prepare() -> None:
            from ynet3d.cli import main
            from ynet3d.errors import YnetError

            cache = CaseCache(disk / "cache", PREPROCESSING)
            try:
                cache.prepare(cases, progress=Progress(quiet=True), title="", workers=2)
            except YnetError as error:
                main._fail(str(error), error.exit_code)

        return prepare

    whole = run_whole(work(task.folder / "whole"), task.folder / "whole", task.folder / "said.txt")
    expected = file_contents(task.folder / "whole" / "cache")

    def half(disk: Path) -> str | None:
        there = (disk / "cache").iterdir() if (disk / "cache").exists() else ()
        found = [path.name for path in there if path.name[0] != "." and not is_whole(path)]
        return f"half an entry under its own name: {found}" if found else None

    def right(disk: Path) -> str | None:
        return None if file_contents(disk / "cache") == expected else "another cache"

    yield from _on_full_disks(task, whole.bytes, work, half, right)


def _on_full_disks(
    task: Task,
    need: int,
    work: Callable[[Path], Callable[[], object]],
    half: Callable[[Path], str | None],
    right: Callable[[Path], str | None],
) -> Iterator[Outcome]:
    """Do `work` on a disk with less room than it needs, then again with room.

    `half` and `right` say what is wrong, after each.
    """
    said = task.folder / "said.txt"
    try:
        with small_disk(task.folder / "disk", 1000 + 3 * need // 1000) as disk:
            for _ in range(task.times):
                if not task.time_left:
                    return
                filler = fill(disk, leave=task.random.randrange(need))
                ended = Child(work(disk), said).wait()
                fault = half(disk)
                if ended.code == 0:
                    filler.unlink()
                    fault = right(disk)
                    yield Outcome(WRONG, fault) if fault else Outcome(RECOVERED)
                elif ended.error is None or not any(words in ended.error for words in _FULL):
                    yield Outcome(WRONG, f"exit code {ended.code}: {ended.said[-300:]}")
                elif fault:
                    yield Outcome(WRONG, fault)
                else:
                    filler.unlink()
                    ended = Child(work(disk), said).wait()
                    fault = ended.said[-300:] if ended.code else right(disk)
                    yield Outcome(LOST, fault) if fault else Outcome(REFUSED)
                for path in disk.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    except pytest.skip.Exception as reason:
        yield Outcome(NOT_HERE, str(reason))
