"""Blob loss on tumours: Kofler et al. 2022, "blob loss: instance imbalance aware loss functions for
semantic segmentation" (arXiv 2205.08209): every lesion counts alike, however small it is.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ynet3d.components import label_components
from ynet3d.labels import Label

_SMOOTHING = 1e-5  # as in the other losses


class BlobLoss(nn.Module):
    """Soft Dice loss of each lesion in the absence of the others, then the mean over lesions.

    Lesions are the connected components (26 neighbours) of label 2 in each sample. For each of them
    the voxels of all other lesions are left out. Then the mean over the samples that have lesions;
    0, with zero gradients, if none has.
    """

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Loss of logits (N, 3, D, H, W) and label (N, 1, D, H, W)."""
        probabilities = logits.softmax(1)[:, Label.TUMOUR]
        losses = [
            loss
            for probability, target in zip(probabilities, label[:, 0], strict=True)
            if (loss := _of_sample(probability, target)) is not None
        ]
        return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def _of_sample(probability: torch.Tensor, label: torch.Tensor) -> torch.Tensor | None:
    lesions = np.ravel(label_components((label == Label.TUMOUR).cpu().numpy()))
    inside = np.flatnonzero(lesions)
    if not inside.size:
        return None
    number = torch.from_numpy(lesions[inside].astype(np.int64) - 1).to(probability.device)
    voxels = torch.bincount(number).to(probability.dtype)
    flat = probability.reshape(-1)
    chosen = flat[torch.from_numpy(inside).to(probability.device)]
    # What is predicted in each lesion, and outside all of them, decides every lesion's Dice: one
    # pass over the sample instead of one for each lesion.
    overlap = torch.zeros_like(voxels).index_add(0, number, chosen)
    outside = flat.sum() - chosen.sum()
    dice = (2 * overlap + _SMOOTHING) / (outside + overlap + voxels + _SMOOTHING)
    return 1 - dice.mean()
