"""Prediction and preparation of cases, killed: what can be seen is whole, and the rest is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from small_runs import save_small_weights, small_scan, write_small_dataset

from faults.children import Child, run_main
from faults.kills import file_contents, run_killed, run_whole, was_killed
from faults.outcomes import LOST, RECOVERED, WRONG, Outcome, Task
from ynet3d.cache_entries import is_whole
from ynet3d.datasets import open_dataset
from ynet3d.pipelines.segmentations import SEGMENTATION, STATISTICS
from ynet3d.preprocessing import CaseCache
from ynet3d.progress import Progress
from ynet3d.recipes import Preprocessing
from ynet3d.volumes import read_label, write_volume

PREPROCESSING = Preprocessing(window_hu=(-100, 200), size=(16, 16, 32))
_QUIET = Progress(quiet=True)


def prediction(task: Task) -> Iterator[Outcome]:
    """`kill -9` of `ynet3d predict`, into an empty folder or over an older result."""
    scan = task.folder / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    weights = [save_small_weights(task.folder / f"{n}.safetensors", seed=n) for n in (0, 1)]
    said = task.folder / "said.txt"

    def words(number: int, out: Path) -> list[str]:
        given = ["predict", str(scan), "-w", str(weights[number]), "-o", str(out)]
        return [*given, "--device", "cpu", "--runtime", "torch", "--quiet"]

    results, whole = [], None
    for number in (0, 1):
        out = task.folder / f"whole-{number}"
        whole = run_whole(lambda: run_main(words(number, out)), out, said)  # noqa: B023 - called before the loop goes on
        results.append(prediction_contents(out))
    assert whole is not None
    assert results[0] != results[1]
    kills = 0
    while kills < task.times and task.time_left:
        out = task.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        older = task.random.random() < 0.5
        if older:
            shutil.copytree(task.folder / "whole-0", out)
        ended = run_killed(lambda: run_main(words(1, out)), whole, task.random, said)  # noqa: B023 - called before the loop goes on
        if not was_killed(ended):
            continue
        kills += 1
        fault = _false_result(out, [results[1], *([results[0]] if older else [])])
        if fault is None:
            ended = Child(lambda: run_main(words(1, out)), said).wait()  # noqa: B023 - called before the loop goes on
            if ended.code != 0 or prediction_contents(out) != results[1]:
                yield Outcome(LOST, f"it cannot be made again: {ended.said[-300:]}")
            else:
                yield Outcome(RECOVERED)
        else:
            yield Outcome(WRONG, fault)


def prediction_contents(out: Path) -> dict[str, Any]:
    """What the files say, without how long it took."""
    found: dict[str, Any] = dict(file_contents(out))
    for name, content in found.items():
        if name == STATISTICS:
            found[name] = {k: v for k, v in json.loads(content).items() if k != "seconds"}
        elif name == SEGMENTATION:
            found[name] = read_label(out / name).array.tobytes()
    return found


def _false_result(out: Path, true: list[dict[str, Any]]) -> str | None:
    """What could be taken for a result and is none; None if there is nothing."""
    if not out.exists():
        return None
    try:
        found = prediction_contents(out)
    except Exception as error:
        return f"a file is not whole: {error}"
    for name, content in found.items():
        if not any(content == result.get(name) for result in true):
            return f"{name} is neither the old nor the new one"
    if STATISTICS in found and found not in true:
        return f"{STATISTICS} is there, but not with its own files"
    return None


def preparation(task: Task) -> Iterator[Outcome]:
    """`kill -9` while cases are prepared and written to the cache."""
    data = write_small_dataset(task.folder / "data", cases=4)
    cases = open_dataset(data, kind="lits").cases
    said = task.folder / "said.txt"

    def prepare(folder: Path) -> None:
        cache = CaseCache(folder, PREPROCESSING)
        cache.prepare(cases, progress=_QUIET, title="", workers=2)

    reference = task.folder / "whole"
    whole = run_whole(lambda: prepare(reference), reference, said)
    expected = file_contents(reference)
    kills = 0
    while kills < task.times and task.time_left:
        folder = task.folder / "cache"
        shutil.rmtree(folder, ignore_errors=True)
        ended = run_killed(lambda: prepare(folder), whole, task.random, said)  # noqa: B023 - called before the loop goes on
        if not was_killed(ended):
            continue
        kills += 1
        visible = [] if not folder.exists() else [p for p in folder.iterdir() if p.name[0] != "."]
        half = [entry.name for entry in visible if not is_whole(entry)]
        if half:
            yield Outcome(WRONG, f"half an entry under its own name: {half}")
            continue
        prepare(folder)
        again = file_contents(folder) == expected
        yield Outcome(RECOVERED) if again else Outcome(WRONG, "another cache than without a kill")


def same_case(one: Any, other: Any) -> bool:
    """Whether two prepared cases hold the same arrays."""
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.label, other.label)
        and all(np.array_equal(one.voxels[kind], other.voxels[kind]) for kind in other.voxels)
    )
