"""The loss of a batch that several processes, or several passes of one, see a part of each.

A mean over a part is not always a share of the mean over the batch: one Dice over all samples is
none, nor is cross-entropy with class weights, nor a mean over those samples that have lesions. So
each loss is told by sums, which are added up over the parts, and by what their totals come to.
Values and gradients are those that `make_loss` gives for the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai.losses import DiceLoss, FocalLoss, TverskyLoss
from torch import nn
from torch.nn import functional as F

from ynet3d.labels import NUM_CLASSES, Label
from ynet3d.recipes import Training
from ynet3d.training.blob_loss import BlobLoss

_SMOOTHING = 1e-5  # as in MONAI's losses
Amount = Callable[[torch.Tensor], torch.Tensor]


class SharedLoss(nn.Module):
    """The sum of losses that a recipe says, for a batch in parts."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        weights = training.loss_weights
        self._weights = tuple(weights.values())
        self._terms = [_term(name, training) for name in weights]
        self.parts = nn.ModuleList(self._terms)  # for their buffers

    def sums(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """(K,) float64 of a part's logits (N, 3, D, H, W) and label (N, 1, D, H, W); they add."""
        return torch.cat([term(logits, label) for term in self._terms]).double()

    def value(self, sums: torch.Tensor) -> torch.Tensor:
        """Loss of the batch whose parts add up to `sums`."""
        parts = sums.split([term.count for term in self._terms])
        values = [
            weight * term.value(part)
            for weight, term, part in zip(self._weights, self._terms, parts, strict=True)
        ]
        return torch.stack(values).sum()


class _Mean(nn.Module):
    """A loss that is a mean over what `amount` counts in a label: samples, weights of voxels."""

    count = 2

    def __init__(self, loss: nn.Module, amount: Amount) -> None:
        super().__init__()
        self.loss, self.amount = loss, amount

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        amount = self.amount(label).to(logits.device, torch.float64)
        return torch.stack([self.loss(logits, label).double() * amount, amount])

    @staticmethod
    def value(sums: torch.Tensor) -> torch.Tensor:
        return sums[0] / sums[1].clamp(min=1e-12)  # nothing to count, as no lesion: 0


class _OverlapOfBatch(nn.Module):
    """Soft Dice or Tversky loss, one over all samples: MONAI's with `batch=True`."""

    count = 3 * NUM_CLASSES

    def __init__(self, training: Training, *, tversky: bool) -> None:
        super().__init__()
        self.first = 0 if training.dice_includes_background else 1
        # Dice is Tversky's index of two halves, which halves what smooths it.
        self.alpha, self.beta, self.smoothing = 0.5, 0.5, _SMOOTHING / 2
        self.weights = training.class_weights
        if tversky:
            self.alpha, self.beta = training.tversky_alpha, training.tversky_beta
            self.smoothing, self.weights = _SMOOTHING, (1.0, 1.0, 1.0)

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        probability = logits.softmax(1)
        classes = torch.arange(NUM_CLASSES, device=label.device).reshape(1, -1, 1, 1, 1)
        there = label == classes
        axes = (0, 2, 3, 4)
        sums = [(probability * there).sum(axes), probability.sum(axes), there.sum(axes)]
        return torch.cat([value.double() for value in sums])

    def value(self, sums: torch.Tensor) -> torch.Tensor:
        both, claimed, there = sums.reshape(3, NUM_CLASSES)
        wrong = self.alpha * (claimed - both) + self.beta * (there - both)
        loss = 1 - (both + self.smoothing) / (both + wrong + self.smoothing)
        return (loss * loss.new_tensor(self.weights))[self.first :].mean()


class _CrossEntropy(nn.Module):
    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        weights = self.get_buffer("weights").to(logits)
        return F.cross_entropy(logits, label[:, 0].long(), weight=weights)


def _term(name: str, training: Training) -> _Mean | _OverlapOfBatch:
    background, classes = training.dice_includes_background, training.class_weights
    if name in ("dice", "tversky") and training.dice_over_batch:
        return _OverlapOfBatch(training, tversky=name == "tversky")
    if name == "dice":
        weights = None if set(classes) == {1.0} else torch.tensor(classes[0 if background else 1 :])
        dice = DiceLoss(
            include_background=background, to_onehot_y=True, softmax=True, weight=weights
        )
        return _Mean(dice, _samples)
    if name == "tversky":
        tversky = TverskyLoss(
            include_background=background,
            to_onehot_y=True,
            softmax=True,
            alpha=training.tversky_alpha,
            beta=training.tversky_beta,
        )
        return _Mean(tversky, _samples)
    if name == "cross_entropy":
        of_class = torch.tensor(classes, dtype=torch.float64)
        return _Mean(_CrossEntropy(classes), lambda label: of_class[label.cpu().long()].sum())
    if name == "focal":
        weights = None if set(classes) == {1.0} else torch.tensor(classes)
        focal = FocalLoss(
            to_onehot_y=True, use_softmax=True, gamma=training.focal_gamma, weight=weights
        )
        return _Mean(focal, _samples)
    return _Mean(BlobLoss(), _samples_with_lesions)


def _samples(label: torch.Tensor) -> torch.Tensor:
    return torch.tensor(len(label))


def _samples_with_lesions(label: torch.Tensor) -> torch.Tensor:
    return (label == Label.TUMOUR).flatten(1).any(1).sum()
