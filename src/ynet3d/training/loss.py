"""The paper's loss: soft Dice plus cross-entropy, equal weights (equations 1 to 3).

As printed, equation (1) lacks the factor 2 of the soft Dice; the usual form is used, see
docs/paper.md.
"""

from __future__ import annotations

import torch
from monai.losses import DiceCELoss
from torch import nn

from ynet3d.recipes import Training


def make_loss(training: Training) -> nn.Module:
    """Loss of logits (N, 3, D, H, W) and label (N, 1, D, H, W); the sum, or one part of it."""
    return DiceCELoss(
        to_onehot_y=True,
        softmax=True,
        include_background=training.dice_includes_background,
        batch=training.dice_over_batch,
        weight=_cross_entropy_weights(training),
        lambda_dice=float(training.loss != "cross_entropy"),
        lambda_ce=float(training.loss != "dice"),
    )


def _cross_entropy_weights(training: Training) -> torch.Tensor | None:
    weights = training.class_weights
    return None if set(weights) == {1.0} else torch.tensor(weights)
