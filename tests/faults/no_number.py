"""Samples without sense: their steps are left out and counted, or the run stops with a reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator

import numpy as np
from safetensors.numpy import load_file

from faults.children import Child
from faults.kills import run_killed, run_whole
from faults.outcomes import LOST, RECOVERED, REFUSED, WRONG, Outcome, Task
from faults.tiny_training import STEPS, TinyTraining, difference, remains
from ynet3d.training.not_finite import MOST_IN_A_ROW


def some(task: Task) -> Iterator[Outcome]:
    """A few steps, drawn by chance, get voxels that are no numbers; half of the runs are killed
    on their way.

    The run ends with finite weights, says how many steps it left out, and a killed one goes on to
    the same numbers.
    """
    tiny = TinyTraining(task.folder)
    said = task.folder / "said.txt"
    for number in range(task.times):
        if not task.time_left:
            return
        count = task.random.randint(1, MOST_IN_A_ROW - 1)
        steps = set(task.random.sample(range(STEPS), count))
        whole, again = task.folder / f"some-{number}", task.folder / f"again-{number}"
        cost = run_whole(tiny.work(whole, _spoil(steps)), whole, said)
        found = remains(whole)
        told = sum(int(row["skipped_steps"]) for row in found.log)
        finite = all(np.isfinite(t).all() for t in load_file(whole / "last.safetensors").values())
        fault = None
        if told != count or not finite:
            fault = f"{told} steps counted of {count}, weights finite: {finite}"
        elif number % 2:
            run_killed(tiny.work(again, _spoil(steps)), cost, task.random, said)
            ended = Child(tiny.work(again, _spoil(steps)), said).wait()
            fault = ended.said[-300:] if ended.code else difference(remains(again), found)
        yield Outcome(WRONG, fault) if fault else Outcome(RECOVERED)
        for folder in (whole, again):
            shutil.rmtree(folder, ignore_errors=True)


def all_from(task: Task) -> Iterator[Outcome]:
    """From some step on, all are without sense: it stops after a few with a diagnosis, and the
    checkpoint of what was trained before is there and sound.
    """
    tiny = TinyTraining(task.folder)
    said = task.folder / "said.txt"
    for number in range(task.times):
        if not task.time_left:
            return
        first = task.random.randrange(STEPS - MOST_IN_A_ROW)
        run = task.folder / f"run-{number}"
        ended = Child(tiny.work(run, _spoil(range(first, STEPS))), said).wait()
        if ended.error is None or "voxels that are no numbers" not in ended.error:
            yield Outcome(WRONG, f"exit code {ended.code}: {ended.said[-400:]}")
            continue
        checkpoint = run / "checkpoint.safetensors"
        if first and not checkpoint.is_file():
            yield Outcome(LOST, "no checkpoint")
            continue
        finite = not first or all(np.isfinite(t).all() for t in load_file(checkpoint).values())
        yield Outcome(REFUSED) if finite else Outcome(WRONG, "the checkpoint is spoilt")
        shutil.rmtree(run, ignore_errors=True)


def _spoil(steps: Collection[int]) -> Callable[[], None]:
    """Let the samples of these steps hold NaN, however often the run is started."""

    def patch() -> None:
        from ynet3d.training.sampling import Sampler

        sound = Sampler.batch

        def batch(self: Sampler, epoch: int, step: int) -> object:
            image, label = sound(self, epoch, step)
            if epoch * self.steps_per_epoch + step in steps:
                image[..., 3, 4, 5] = float("nan")
            return image, label

        Sampler.batch = batch

    return patch
