"""What a run leaves to look at: recipe.yaml, log.csv, curves.png, run.json, TensorBoard events."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from ynet3d.errors import InputError
from ynet3d.files import atomic_path, write_json, write_text
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.reporting import save_curves
from ynet3d.training.checkpoint import RunState

RECIPE = "recipe.yaml"
RESULT = "run.json"
CURVES = "curves.png"


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Save a recipe as YAML; that of a run is RECIPE in its folder."""
    content = recipe.model_dump(mode="json")
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a run.

    Raises:
        InputError: the folder holds no run.
    """
    path = folder / RECIPE
    if not path.is_file():
        raise InputError(f"The folder {folder} holds no run to resume: train without --resume.")
    return load_recipe(str(path))


class RunLog:
    """Rewrites the log of a run after each epoch, so that a resumed run leaves no double rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: Any = None

    def write(self, history: Sequence[dict[str, Any]]) -> None:
        """Write log.csv, curves.png and, if the package is there, TensorBoard's newest epoch."""
        with (
            atomic_path(self._folder / "log.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=list(history[-1]))
            writer.writeheader()
            writer.writerows(history)
        save_curves(history, self._folder / CURVES)
        self._write_events(history[-1])

    def write_result(self, state: RunState, device: torch.device, *, processes: int = 1) -> None:
        """Write run.json, which says that the run is finished and what it took."""
        content = {
            "epochs": state.epoch,
            "seconds": round(state.seconds, 1),
            "best_validation_dice": round(state.best, 4) if state.best >= 0 else None,
            "peak_memory_bytes": state.peak_memory_bytes,
            "device": str(device),
            "processes": processes,
            "threads": torch.get_num_threads(),
        }
        write_json(self._folder / RESULT, content)

    def _write_events(self, row: dict[str, Any]) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            return  # an extra; log.csv and curves.png hold the same
        if self._events is None:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._events = SummaryWriter(str(self._folder / "tensorboard"), purge_step=row["epoch"])
        for name, value in row.items():
            if name != "epoch" and value is not None:
                self._events.add_scalar(name, value, row["epoch"])
        self._events.flush()


def progress_note(state: RunState) -> str:
    """What is said beside the progress: the epoch, its loss so far, the last Dice."""
    loss = "-" if state.mean_loss is None else f"{state.mean_loss:.3f}"
    text = f"epoch {state.epoch + 1}, loss {loss}"
    for row in reversed(state.history):
        if row["dice_liver"] is not None:
            return f"{text}, Dice liver {row['dice_liver']:.3f} tumour {row['dice_tumour']:.3f}"
    return text
