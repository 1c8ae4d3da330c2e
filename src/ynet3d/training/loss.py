"""The loss of a recipe. The paper's is soft Dice plus cross-entropy, equal weights (equations 1 to
3); as printed, equation (1) lacks the factor 2 of the soft Dice; the usual form is used, see
docs/paper.md. The others: docs/recipes.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from monai.losses import DiceCELoss, FocalLoss, TverskyLoss
from torch import nn

from ynet3d.recipes import Training
from ynet3d.training.blob_loss import BlobLoss


class WeightedSum(nn.Module):
    """Sum of losses times their weights."""

    def __init__(self, terms: Mapping[nn.Module, float]) -> None:
        super().__init__()
        self.terms = nn.ModuleList(terms)
        self.weights = tuple(terms.values())

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Loss of logits (N, 3, D, H, W) and label (N, 1, D, H, W)."""
        values = [
            weight * term(logits, label)
            for term, weight in zip(self.terms, self.weights, strict=True)
        ]
        return torch.stack(values).sum()


def make_loss(training: Training) -> nn.Module:
    """Loss of logits (N, 3, D, H, W) and label (N, 1, D, H, W): the sum that `training` says."""
    weights = training.loss_weights
    terms: dict[nn.Module, float] = {}
    if "dice" in weights or "cross_entropy" in weights:
        both = DiceCELoss(
            to_onehot_y=True,
            softmax=True,
            include_background=training.dice_includes_background,
            batch=training.dice_over_batch,
            weight=_class_weights(training),
            lambda_dice=weights.get("dice", 0.0),
            lambda_ce=weights.get("cross_entropy", 0.0),
        )
        terms[both] = 1.0
    if "focal" in weights:
        # Its mean is over voxels and classes, hence a third of the sum over classes.
        focal = FocalLoss(
            to_onehot_y=True,
            use_softmax=True,
            gamma=training.focal_gamma,
            weight=_class_weights(training),
        )
        terms[focal] = weights["focal"]
    if "tversky" in weights:
        tversky = TverskyLoss(
            to_onehot_y=True,
            softmax=True,
            include_background=training.dice_includes_background,
            batch=training.dice_over_batch,
            alpha=training.tversky_alpha,
            beta=training.tversky_beta,
        )
        terms[tversky] = weights["tversky"]
    if "blob" in weights:
        terms[BlobLoss()] = weights["blob"]
    first = next(iter(terms))
    return first if terms == {first: 1.0} else WeightedSum(terms)


def _class_weights(training: Training) -> torch.Tensor | None:
    weights = training.class_weights
    return None if set(weights) == {1.0} else torch.tensor(weights)
