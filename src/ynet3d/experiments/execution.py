"""Training the runs of an experiment, each in a process of its own, one on each device at a time.

A process of its own gives each network a clean measure of memory, and lets one that fails (out of
memory, no number) leave the others alone.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ynet3d.errors import InputError
from ynet3d.experiments.plan import PlannedRun
from ynet3d.processes import how_it_ended
from ynet3d.progress import Progress
from ynet3d.stopping import stop_on_signals
from ynet3d.training.checkpoint import FILE as CHECKPOINT
from ynet3d.training.log import RECIPE, RESULT, read_recipe, write_recipe

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_WORDS = 60.0
_OUTPUT = "output.txt"


@dataclass(frozen=True)
class Slot:
    """A place where one network trains at a time: the device, and the threads it may use."""

    device: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """What every run trains on, as arguments of `ynet3d train`."""

    data: Path
    split: Path
    cache: Path
    kind: str = "auto"
    labels: Path | None = None
    licence: str | None = None
    fold: int | None = None
    masks: Path | None = None
    start: str | None = None
    member: int | None = None

    def words(self) -> list[str]:
        """The arguments."""
        words = [str(self.data), "--split", str(self.split), "--cache", str(self.cache)]
        words += ["--kind", self.kind]
        if self.labels is not None:
            words += ["--labels", str(self.labels)]
        if self.licence is not None:
            words += ["--licence", self.licence]
        if self.fold is not None:
            words += ["--fold", str(self.fold)]
        if self.masks is not None:
            words += ["--masks", str(self.masks)]
        if self.start is not None:
            words += ["--start", self.start]
        if self.member is not None:
            words += ["--member", str(self.member)]
        return words


def slots(device: str, jobs: int | None) -> list[Slot]:
    """Where networks can train: one slot for each GPU, or `jobs` that share the CPU's cores."""
    import torch

    from ynet3d.devices import choose_device

    kind = choose_device(device).type
    if kind == "cuda":
        count = torch.cuda.device_count()
        if jobs is not None and jobs > count:
            raise InputError(
                f"--jobs is {jobs}, but this machine has {count} GPUs: give at most {count}."
            )
        names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        if len(names) != count:
            names = [str(number) for number in range(count)]
        return [Slot("cuda", {"CUDA_VISIBLE_DEVICES": name}) for name in names[: jobs or count]]
    if kind != "cpu" and (jobs or 1) > 1:
        raise InputError(f"--jobs is {jobs}, but one network at a time fits the {kind} device.")
    count = jobs or 1
    threads = max(1, torch.get_num_threads() // count)
    return [Slot(kind, {"OMP_NUM_THREADS": str(threads)})] * count


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` was trained to its end."""
    return (folder / RESULT).is_file()


def check_recipes(runs: Sequence[PlannedRun], folder: Path) -> None:
    """Make sure that what was trained in `folder` before was trained by these recipes.

    Raises:
        InputError: a run there has another recipe.
    """
    for run in runs:
        trained = folder / run.name
        if (trained / RECIPE).is_file() and read_recipe(trained) != run.recipe:
            raise InputError(
                f"The run {trained} was trained with another recipe than this experiment "
                "gives it: use the settings of before, move it away, or give another folder."
            )


def train_runs(
    runs: Sequence[PlannedRun],
    folder: Path,
    sources: Mapping[str, Source],
    places: Sequence[Slot],
    progress: Progress,
) -> dict[str, str]:
    """Train every run that is not finished into `folder`/NAME; goes on where one was stopped.

    Args:
        sources: by name of the run.

    Returns:
        By name of each run that failed, the sentence it failed with.

    Raises:
        KeyboardInterrupt: stopped; every run keeps its checkpoint.
    """
    waiting = [run for run in runs if not is_finished(folder / run.name)]
    done = len(runs) - len(waiting)
    if done:
        progress.say(f"{done} of {len(runs)} are trained already.")
    free = list(places)
    active: list[_Child] = []
    failures: dict[str, str] = {}
    with (
        stop_on_signals() as stop,
        _children_are_ended(active),
        progress.task("Training runs", total=len(runs), done=done) as task,
    ):
        while waiting or active:
            while waiting and free:
                run = waiting.pop(0)
                active.append(_Child(run, folder / run.name, sources[run.name], free.pop(0)))
                cost = run.recipe.training
                progress.say(
                    f"{run.title} ({run.name}): {run.cost.parameters / 1e6:.3g} million "
                    f"parameters, {run.cost.flop / 1e9:.3g} GFLOP a pass, {cost.epochs} epochs"
                    + (f" or {cost.minutes:g} min" if cost.minutes else "")
                )
            if stop.wait(_SECONDS_BETWEEN_LOOKS):
                raise KeyboardInterrupt
            for child in [child for child in active if child.ended]:
                active.remove(child)
                free.append(child.slot)
                if child.failure is not None:
                    failures[child.run.name] = child.failure
                    progress.say(f"{child.run.title} failed: {child.failure}")
                task.advance(note=child.run.title)
            for child in active:
                words = child.news()
                if words:
                    progress.say(words)
    return failures


class _Child:
    """A running `ynet3d train`."""

    def __init__(self, run: PlannedRun, folder: Path, source: Source, slot: Slot) -> None:
        self.run, self.folder, self.slot = run, folder, slot
        folder.mkdir(parents=True, exist_ok=True)
        recipe = folder.parent.parent / "recipes" / f"{run.name}.yaml"
        write_recipe(recipe, run.recipe)
        words = [sys.executable, "-m", "ynet3d.cli.main", "train", *source.words()]
        words += ["-o", str(folder), "--recipe", str(recipe), "--device", slot.device]
        if (folder / CHECKPOINT).is_file():
            words.append("--resume")
        self._output: IO[str] = (folder / _OUTPUT).open("a", encoding="utf-8")
        # A group of its own: Ctrl-C reaches it through us, once, however often it is pressed.
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **slot.environment},
            start_new_session=True,
        )
        self._told = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the process is over."""
        if self.process.poll() is None:
            return False
        self._output.close()
        return True

    @property
    def failure(self) -> str | None:
        """Why an ended process did not finish its run; None if it did."""
        if self.process.returncode == 0 and is_finished(self.folder):
            return None
        lines = (self.folder / _OUTPUT).read_text("utf-8", errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("Error: ")]
        if self.process.returncode < 0:
            return (
                f"the process that trained it {how_it_ended(self.process.returncode)} "
                f"({self.folder / _OUTPUT}); run the experiment again, and it goes on from its "
                "last checkpoint."
            )
        return errors[-1].removeprefix("Error: ") if errors else f"see {self.folder / _OUTPUT}."

    def stop(self) -> None:
        """Ask the process to save its checkpoint and end, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self._output.close()

    def news(self) -> str | None:
        """How far the run is, if it was not told for a while."""
        now = time.monotonic()
        if now - self._told < _SECONDS_BETWEEN_WORDS:
            return None
        self._told = now
        rows = read_log(self.folder)
        if not rows:
            return None
        row = rows[-1]
        epochs = self.run.recipe.training.epochs
        loss = "-" if row["train_loss"] is None else f"{row['train_loss']:.3f}"
        words = f"{self.run.title}: epoch {row['epoch']} of {epochs}, loss {loss}"
        scored = [row for row in rows if row["dice_liver"] is not None]
        if scored:
            liver, tumour = scored[-1]["dice_liver"], scored[-1]["dice_tumour"]
            words += f", validation Dice liver {liver:.3f} tumour {tumour:.3f}"
        return words


@contextmanager
def _children_are_ended(active: list[_Child]) -> Iterator[None]:
    """However the block ends, no process is left behind."""
    try:
        yield
    finally:
        for child in active:
            child.stop()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's log.csv as numbers; None where a value is empty."""
    path = folder / "log.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {key: (float(value) if value else None) for key, value in row.items()}
            | {"epoch": int(row["epoch"])}
            for row in csv.DictReader(file)
        ]


def read_result(folder: Path) -> dict[str, Any]:
    """What a finished run says of itself: epochs, seconds, peak memory, device."""
    content = json.loads((folder / RESULT).read_text("utf-8"))
    assert isinstance(content, dict)
    return content
