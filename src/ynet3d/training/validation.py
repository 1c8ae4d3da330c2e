"""Dice on the validation cases, on the network grid; never NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from ynet3d.evaluation import confusion, dice
from ynet3d.inference import network_logits
from ynet3d.inference.runtimes import TorchForward
from ynet3d.labels import Label
from ynet3d.preprocessing import PreparedCase
from ynet3d.recipes import Recipe
from ynet3d.training.distributed import Group

#: Said in the log. Cases without tumour are left out of the mean, or weights that never find one
#: would look good and be kept.
RULE = (
    "Validation Dice is the mean over the validation cases on the network grid, for tumour over "
    "those that have one (if none has: 1 for each case in which none is predicted, else 0)."
)

#: Of what Dice is told, and the lowest label that belongs to it.
_LOWEST = {"dice_liver": Label.LIVER, "dice_tumour": Label.TUMOUR}

NO_VALIDATION = "No validation cases: all were trained on, and the last weights are kept."


class StoppedError(Exception):
    """Someone asked to stop while validation was under way."""


def validate(
    network: nn.Module,
    cases: Sequence[PreparedCase],
    recipe: Recipe,
    *,
    device: torch.device,
    group: Group | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """Mean Dice of the liver (labels 1 and 2) and of tumour over `cases`; `RULE` applies.

    The processes of `group` share the cases, and all have the same means.

    Args:
        stop: asked after each window.

    Raises:
        StoppedError: one of the processes was asked to stop.
    """

    def go_on(_: int) -> None:
        if stop():
            raise StoppedError

    network.eval()
    found = torch.zeros(len(cases), len(_LOWEST), 2, dtype=torch.float64)  # has the class, its Dice
    forward = TorchForward(network, device, mixed=recipe.training.mixed_precision)
    stopped = False
    for index in range(len(cases)) if group is None else group.part(len(cases)):
        case = cases[index]
        try:
            logits = network_logits(forward, case.image, recipe, after_window=go_on)
        except StoppedError:
            stopped = True
            break
        predicted, label = logits.argmax(0).numpy(), case.label
        for column, lowest in enumerate(_LOWEST.values()):
            counts = confusion(predicted >= lowest, label >= lowest)
            found[index, column, 0] = counts.reference > 0
            found[index, column, 1] = dice(counts)
    if group is not None:
        stopped = group.agreed(0.0, stopped)[1]  # all stop, or all have the whole table
    if stopped:
        raise StoppedError
    if group is not None:
        found = group.total(found)
    return {name: _mean(found[:, column].tolist()) for column, name in enumerate(_LOWEST)}


def _mean(scores: Sequence[Sequence[float]]) -> float:
    """Over the cases whose reference has the class, over all if none has."""
    having = [dice for has, dice in scores if has]
    return float(np.mean(having or [dice for _, dice in scores]))
