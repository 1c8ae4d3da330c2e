"""A training run of seconds in which everything is on, and what is left of it, to be compared."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from safetensors import safe_open
from small_runs import write_small_dataset

from faults.children import run_main
from faults.kills import Whole, run_whole
from ynet3d.training.checkpoint import FILE as CHECKPOINT

RECIPE = {
    "name": "tiny",
    # Batch normalisation has running statistics, which a checkpoint must hold as well.
    "network": {"name": "3dynet", "options": {"width": 2, "normalisation": "batch"}},
    "augmentation": {"flip_probability": 0.5, "noise": 0.05, "noise_probability": 0.5},
    "preprocessing": {"window_hu": [-100, 200], "size": None, "spacing_mm": [4, 3, 3]},
    "patches": {"size": [16, 16, 16], "per_case": 2},
    "training": {
        "epochs": 4,
        "batch_size": 2,
        "learning_rate": 1e-3,
        "ema_decay": 0.9,
        "gradient_clip": 1.0,
        "warmup_steps": 2,
        "validate_every": 2,
    },
}
_SPLIT = {
    "parts": {"train": ["volume-0", "volume-1", "volume-2"], "validation": ["volume-3"], "test": []}
}
STEPS = 12


@dataclass(frozen=True)
class Remains:
    """What a finished run leaves: its log line by line, and weights and checkpoint bit by bit."""

    log: list[dict[str, str]]
    weights: dict[str, bytes]
    state: dict[str, Any]
    tensors: dict[str, bytes]


class TinyTraining:
    """A data set in `folder`, and runs on it."""

    def __init__(self, folder: Path, **training: object) -> None:
        self.folder = folder
        self.data = write_small_dataset(folder / "data", cases=4)
        self.recipe, self.split = folder / "recipe.yaml", folder / "split.yaml"
        content = RECIPE | {"training": RECIPE["training"] | training}
        self.recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.split.write_text(yaml.safe_dump(_SPLIT), encoding="utf-8")
        self._kind = str(content)

    def words(self, run: Path) -> list[str]:
        """The command: `--resume` as soon as there is something to resume, as schedulers do it."""
        if (run / CHECKPOINT).exists():
            return ["train", str(self.data), "-o", str(run), "--resume", "--device", "cpu"]
        return [
            *("train", str(self.data), "-o", str(run), "--device", "cpu"),
            *("--recipe", str(self.recipe), "--split", str(self.split)),
        ]

    def work(self, run: Path, prepare: Callable[[], object] = lambda: None) -> Callable[[], None]:
        """The command in this process, with a checkpoint after every step."""

        def command() -> None:
            from ynet3d.training import loop

            loop._SECONDS_BETWEEN_CHECKPOINTS = -1.0
            prepare()
            run_main(self.words(run))

        return command

    def whole(self) -> tuple[Whole, Remains]:
        """What a run takes that nothing happens to, and what it leaves; made once in a process."""
        if self._kind not in _WHOLE:
            run = self.folder / "whole"
            cost = run_whole(self.work(run), run, self.folder / "whole.txt")
            _WHOLE[self._kind] = cost, remains(run)
            shutil.rmtree(run)
        return _WHOLE[self._kind]


_WHOLE: dict[str, tuple[Whole, Remains]] = {}


def remains(run: Path) -> Remains:
    """Read what a finished run left."""
    with (run / "log.csv").open(encoding="utf-8", newline="") as file:
        log = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    weights = {name: (run / f"{name}.safetensors").read_bytes() for name in ("best", "last")}
    with safe_open(run / CHECKPOINT, framework="np") as stored:
        state = json.loads(stored.metadata()["state"])
        tensors = {name: stored.get_tensor(name).tobytes() for name in stored.keys()}  # noqa: SIM118 - it is no mapping
    for name in ("seconds", "peak_memory_bytes"):
        del state[name]
    for row in state["history"]:
        del row["seconds"]
    return Remains(log, weights, state, tensors)


def difference(found: Remains, expected: Remains) -> str | None:
    """What of a run differs from another; None if nothing does."""
    if found.log != expected.log:
        lines = range(max(len(found.log), len(expected.log)))
        first = next(n for n in lines if found.log[n : n + 1] != expected.log[n : n + 1])
        return (
            f"line {first + 1} of log.csv is {found.log[first : first + 1]} instead of "
            f"{expected.log[first : first + 1]}"
        )
    for part in ("weights", "state", "tensors"):
        one, other = getattr(found, part), getattr(expected, part)
        if one != other:
            names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
            return f"{part}: {', '.join(sorted(names)[:4])} differ"
    return None
