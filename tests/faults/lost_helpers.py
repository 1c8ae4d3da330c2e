"""What a run depends on dies: a training process of an experiment, or a prepared case."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from faults.children import Child
from faults.outcomes import LOST, RECOVERED, REFUSED, WRONG, Outcome, Task
from faults.tiny_training import TinyTraining, difference, remains
from ynet3d.experiments.execution import Slot, Source, train_runs
from ynet3d.experiments.plan import PlannedRun, plan_run
from ynet3d.progress import Progress
from ynet3d.recipes import load_recipe


def training_process(task: Task) -> Iterator[Outcome]:
    """`kill -9` of the process that trains one of an experiment's networks."""
    tiny = TinyTraining(task.folder)
    _, expected = tiny.whole()
    recipe = load_recipe(str(tiny.recipe))
    runs = [plan_run(name, name.capitalize(), recipe) for name in ("first", "second")]
    for number in range(task.times):
        if not task.time_left:
            return
        yield _one(tiny, runs, expected, task.folder / f"experiment-{number}")


def _one(tiny: TinyTraining, runs: list[PlannedRun], expected: object, folder: Path) -> Outcome:
    cache = folder / "cache"
    sources = {run.name: Source(tiny.data, tiny.split, cache) for run in runs}
    places = [Slot("cpu", {"OMP_NUM_THREADS": "1"})]
    target = folder / "runs"
    killer = threading.Thread(target=_kill_the_first, args=(target / "first",), daemon=True)
    killer.start()
    quiet = Progress(quiet=True)
    failed = train_runs(runs, target, sources, places, quiet)
    killer.join()
    if set(failed) != {"first"} or "signal 9 (SIGKILL)" not in failed["first"]:
        return Outcome(WRONG, f"said of a killed process: {failed}")
    failed = train_runs(runs, target, sources, places, quiet)
    if failed:
        return Outcome(LOST, f"the second time: {failed}")
    for run in runs:
        differs = difference(remains(target / run.name), expected)
        if differs:
            return Outcome(WRONG, differs)
    return Outcome(RECOVERED)


def _kill_the_first(run: Path) -> None:
    """As soon as it has trained an epoch."""
    while not (run / "log.csv").exists():
        time.sleep(0.01)
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if str(run) in words and "train" in words and process.name.isdigit():
            os.kill(int(process.name), signal.SIGKILL)


def prepared_case(task: Task) -> Iterator[Outcome]:
    """A prepared case vanishes, or is cut short, while a run reads it: the run says which."""
    tiny = TinyTraining(task.folder)
    _, expected = tiny.whole()
    said = task.folder / "said.txt"
    for number in range(task.times):
        if not task.time_left:
            return
        run, step = task.folder / f"run-{number}", task.random.randint(1, 10)
        ended = Child(tiny.work(run, lambda: _vanish_at(step, run / "cache")), said).wait()  # noqa: B023 - called before the loop goes on
        if ended.error is None or "The prepared case volume-" not in ended.error:
            yield Outcome(WRONG, f"exit code {ended.code}: {ended.said[-300:]}")
            continue
        ended = Child(tiny.work(run), said).wait()
        fault = ended.said[-300:] if ended.code else difference(remains(run), expected)
        yield Outcome(LOST, fault) if fault else Outcome(REFUSED)
        shutil.rmtree(run, ignore_errors=True)


def _vanish_at(step: int, cache: Path) -> None:
    from ynet3d.training.sampling import Sampler

    whole, left = Sampler.batch, step

    def batch(self: Sampler, epoch: int, number: int) -> object:
        nonlocal left
        left -= 1
        if left == 0:
            for image in cache.glob("*/image.npy"):
                image.unlink() if step % 2 else os.truncate(image, 100)
        return whole(self, epoch, number)

    Sampler.batch = batch
