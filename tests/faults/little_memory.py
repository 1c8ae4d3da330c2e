"""Less and less memory: the same masks by smaller portions, then a sentence."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from small_runs import save_small_weights, small_recipe, small_scan

from faults.children import Child
from faults.outcomes import RECOVERED, REFUSED, WRONG, Outcome, Task
from faults.tiny_training import TinyTraining
from ynet3d.errors import YnetError
from ynet3d.inference import Predictor
from ynet3d.volumes import Volume

_MOST = 160 * 2**20
#: With less than this, Python itself and what it imports break in any way.
_LEAST = 2 * 2**20
_OUT_OF_MEMORY = "Out of memory"


def prediction(task: Task) -> Iterator[Outcome]:
    """Windows and slabs that do not fit: one window at a time, thinner slabs, then a sentence."""
    patches = {"size": [32, 64, 64], "per_case": 1}
    network = {"name": "3dynet", "options": {"width": 8, "normalisation": "instance"}}
    grid = {"window_hu": [-100, 200], "size": [32, 96, 96]}
    recipe = small_recipe(patches=patches, network=network, preprocessing=grid)
    path = save_small_weights(task.folder / "w.safetensors", recipe)
    scan = _large_scan()
    expected = task.folder / "expected.npy"

    def predict(limit: Callable[[], None], check: bool) -> None:
        predictor = Predictor(path, device="cpu", runtime="torch", precision="fp32")
        small, _ = small_scan()
        predictor(small)  # libraries load what they need
        limit()
        found = predictor(scan).array
        _no_limit()
        if check and not np.array_equal(found, np.load(expected)):
            raise AssertionError("another mask")
        np.save(expected, found)

    said = task.folder / "said.txt"
    ended = Child(lambda: predict(lambda: None, False), said).wait()
    assert ended.code == 0, ended.said
    for _ in range(task.times):
        if not task.time_left:
            return
        spare = _LEAST + int(_MOST * task.random.random() ** 3)

        def limited(spare: int = spare) -> None:
            predict(lambda: _limit(spare), True)

        ended = Child(lambda: _as_command(limited), said).wait()
        yield _judged(ended.code, ended.error, f"{spare} bytes: {ended.said[-400:]}")


def training(task: Task) -> Iterator[Outcome]:
    """A training that does not fit: a sentence, and its checkpoint stays."""
    tiny = TinyTraining(task.folder, epochs=1)
    said = task.folder / "said.txt"
    for number in range(task.times):
        if not task.time_left:
            return
        spare = _LEAST + int(_MOST / 4 * task.random.random() ** 2)
        run = task.folder / f"run-{number}"
        ended = Child(tiny.work(run, lambda: _limit(spare)), said).wait()  # noqa: B023 - called before the loop goes on
        yield _judged(ended.code, ended.error, f"{spare} bytes: {ended.said[-400:]}")


def _judged(code: int, error: str | None, detail: str) -> Outcome:
    if code == 0:
        return Outcome(RECOVERED)
    clear = error is not None and _OUT_OF_MEMORY in error
    return Outcome(REFUSED) if clear else Outcome(WRONG, detail)


def _as_command(work: Callable[[], object]) -> None:
    """What the command line makes of errors."""
    from ynet3d.cli import main as command

    try:
        work()
    except YnetError as error:
        command._fail(str(error), error.exit_code)


def _limit(spare: int) -> None:
    """Let this process have so many bytes of addresses more than it has now."""
    ctypes.CDLL(None).malloc_trim(0)  # what is free already would count twice
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _no_limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _large_scan() -> Volume:
    """A body in air, of four million voxels."""
    generator = torch.Generator().manual_seed(0)
    hu = torch.randn(256, 256, 64, generator=generator).mul_(20).add_(60).to(torch.int16).numpy()
    hu[:8] = hu[-8:] = -1000
    return Volume(hu, np.diag([-1.5, -1.5, 4.0, 1.0]))
