"""Trainings by several processes that torchrun starts, and what such a process runs in tests.

As a script, each process trains the runs of a JSON file (a folder, a recipe, and after how many
steps one of them is asked to stop), or runs `ynet3d`, where the last one fails, hangs or has NaN.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from stopped_runs import stopped_after

from ynet3d.cli import main as cli
from ynet3d.datasets import open_dataset
from ynet3d.errors import YnetError
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe
from ynet3d.training import TrainingData, distributed, step, train
from ynet3d.training.distributed import joined


def torchrun(processes: int, *words: object) -> subprocess.Popen[str]:
    """Start a program, or a script, as so many processes that know of each other."""
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    command = [*start, "--nproc-per-node", processes, *words]
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def number(process: subprocess.Popen[str], rank: int) -> int:
    """The id of one of the processes that a torchrun has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
    for child in children.split():
        if f"RANK={rank}" in Path(f"/proc/{child}/environ").read_text("utf-8").split("\0"):
            return int(child)
    raise AssertionError(f"no process of rank {rank} in {children}")


def wait_until(done: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a run does, but not for ever, and not after its end."""
    deadline = time.monotonic() + 240
    while not done():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def small_data(folder: Path) -> TrainingData:
    """Three cases to train on and two to validate on."""
    cases = open_dataset(folder, kind="lits").cases
    return TrainingData("small", cases[:3], cases[3:])


def log(run: Path) -> dict[str, list[float]]:
    rows = list(csv.DictReader((run / "log.csv").open(encoding="utf-8")))
    return {
        name: [float(row[name] or "nan") for row in rows] for name in rows[0] if name != "seconds"
    }


def assert_alike(
    run: Path, other: Path, *, loss: float = 1e-5, dice: float = 0.002, weights: float = 1e-4
) -> None:
    """The same learning curve and weights, but for the rounding of sums in another order.

    Tolerances: of losses relative, of Dice absolute, of weights as a share of their norm (single
    ones may go astray by an Adam step or two, where their gradient is nothing but rounding).
    """
    one, two = log(run), log(other)
    assert one["epoch"] == two["epoch"]
    np.testing.assert_allclose(two["learning_rate"], one["learning_rate"], rtol=1e-9)
    np.testing.assert_allclose(two["train_loss"], one["train_loss"], rtol=loss)
    for name in ("dice_liver", "dice_tumour"):
        np.testing.assert_allclose(two[name], one[name], atol=dice)
    for name in ("best", "last"):
        ours, theirs = (
            torch.cat([value.flatten() for _, value in sorted(load_file(file).items())])
            for file in (each / f"{name}.safetensors" for each in (run, other))
        )
        assert (ours - theirs).norm() <= weights * ours.norm(), name


def main(plan: Path) -> None:
    """Train what `plan` says, as one of several processes."""
    content = json.loads(plan.read_text("utf-8"))
    data = small_data(Path(content["data"]))
    with joined("cpu") as group:
        for run in content["runs"]:
            recipe = Recipe.model_validate(run["recipe"])
            # The last process alone hears the signal: all must stop.
            hears = run["stop"] is not None and group.rank == group.size - 1
            with stopped_after(run["stop"] if hears else -1) as progress:
                progress = progress if hears else Progress(quiet=True)
                result = train(data, Path(run["folder"]), recipe, group=group, progress=progress)
            assert result.finished is (run["stop"] is None)


def spoilt_command(how: str, words: list[str]) -> None:
    """`ynet3d words...`, in which the last process fails in its third step, hangs, or has NaN."""
    calls = 0
    whole = step.SharedStep.__call__

    def spoilt(
        self: step.SharedStep, image: torch.Tensor, label: torch.Tensor
    ) -> tuple[float, float]:
        nonlocal calls
        calls += 1
        if calls >= 3 and os.environ["RANK"] == str(int(os.environ["WORLD_SIZE"]) - 1):
            if how == "failing":
                raise YnetError("The weather is bad.")
            if how == "hanging":
                time.sleep(1000)
            image = image * float("nan")
        return whole(self, image, label)

    step.SharedStep.__call__ = spoilt
    distributed.LONGEST_WAIT = timedelta(seconds=10)
    cli.main(words)


if __name__ == "__main__":
    if sys.argv[1] in ("failing", "hanging", "nan"):
        spoilt_command(sys.argv[1], sys.argv[2:])
    main(Path(sys.argv[1]))
