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

#: Said in the log. Cases without tumour are left out of the mean, or weights that never find one
#: would look good and be kept.
RULE = (
    "Validation Dice is the mean over the validation cases on the network grid, for tumour over "
    "those that have one (if none has: 1 for each case in which none is predicted, else 0)."
)

NO_VALIDATION = "No validation cases: all were trained on, and the last weights are kept."


def validate(
    network: nn.Module,
    cases: Sequence[PreparedCase],
    recipe: Recipe,
    *,
    device: torch.device,
    after_window: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Mean Dice of the liver (labels 1 and 2) and of tumour over `cases`; `RULE` applies.

    `after_window`: see `network_logits`; what it raises ends the validation.
    """
    network.eval()
    scores: dict[str, list[tuple[bool, float]]] = {"dice_liver": [], "dice_tumour": []}
    forward = TorchForward(network, device, mixed=recipe.training.mixed_precision)
    for case in cases:
        logits = network_logits(forward, case.image, recipe, after_window=after_window)
        predicted, label = logits.argmax(0).numpy(), case.label
        for name, lowest in (("dice_liver", Label.LIVER), ("dice_tumour", Label.TUMOUR)):
            counts = confusion(predicted >= lowest, label >= lowest)
            scores[name].append((counts.reference > 0, dice(counts)))
    return {name: _mean(values) for name, values in scores.items()}


def _mean(scores: Sequence[tuple[bool, float]]) -> float:
    """Over the cases whose reference has the class, over all if none has."""
    having = [dice for has, dice in scores if has]
    return float(np.mean(having or [dice for _, dice in scores]))
