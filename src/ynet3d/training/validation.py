"""Dice on the validation cases, on the network grid; never NaN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ynet3d.evaluation import ClassMetrics, confusion
from ynet3d.inference import network_logits
from ynet3d.labels import Label
from ynet3d.preprocessing import PreparedCase
from ynet3d.recipes import Recipe

#: Said in the log: what a case without tumour counts.
RULE = (
    "Validation Dice is the mean over the validation cases on the network grid; a case without "
    "tumour counts 1 if none is predicted and 0 otherwise."
)


def validate(
    network: nn.Module,
    cases: Sequence[PreparedCase],
    recipe: Recipe,
    *,
    device: torch.device,
) -> dict[str, float]:
    """Mean Dice of the liver (labels 1 and 2) and of tumour over `cases`; `RULE` applies."""
    network.eval()
    scores: dict[str, list[float]] = {"dice_liver": [], "dice_tumour": []}
    for case in cases:
        logits = network_logits(network, case.image, recipe, device=device)
        predicted, label = logits.argmax(0).numpy(), case.label
        for name, lowest in (("dice_liver", Label.LIVER), ("dice_tumour", Label.TUMOUR)):
            counts = confusion(predicted >= lowest, label >= lowest)
            scores[name].append(ClassMetrics.of(counts).dice)
    return {name: float(np.mean(values)) for name, values in scores.items()}
