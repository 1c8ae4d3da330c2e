"""Random changes of grey values, cheap enough to be made while two cores train.

Our own: MONAI's blur convolves by its general filter, and its gamma stretches each image to its own
extremes first. Images are (1, D, H, W) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from monai.transforms import Randomizable, Transform

from ynet3d.recipes import Augmentation


def power(image: torch.Tensor, exponent: float) -> torch.Tensor:
    """Gamma: 0 and 1 stay, above 1 what lies between gets darker."""
    return image.clamp(0, 1).pow_(exponent)


def spread(image: torch.Tensor, factor: float) -> torch.Tensor:
    """Contrast: each voxel `factor` times as far from the mean of the image."""
    return torch.lerp(image.mean(), image, factor)


def scale(image: torch.Tensor, factor: float) -> torch.Tensor:
    """Brightness: each voxel `factor` times as bright."""
    return image * factor


def blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian filter of standard deviation `sigma` voxels; the border is repeated."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(reach + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel[0] + 2 * kernel[1:].sum()
    for axis in (1, 2, 3):
        size = image.shape[axis]
        padding = [0, 0, 0, 0, 0, 0]
        padding[2 * (3 - axis) : 2 * (3 - axis) + 2] = [reach, reach]
        padded = F.pad(image, padding, mode="replicate")
        # Sums of shifted copies: for a few taps much faster on a CPU than a convolution.
        image = padded.narrow(axis, reach, size) * float(kernel[0])
        for away in range(1, reach + 1):
            for start in (reach - away, reach + away):
                image.add_(padded.narrow(axis, start, size), alpha=float(kernel[away]))
    return image


@dataclass(frozen=True)
class _Change:
    """What is done, how often, and from which range its parameter is drawn."""

    apply: Callable[[torch.Tensor, float], torch.Tensor]
    probability: float
    draw: Callable[[np.random.RandomState], float]


class RandomIntensity(Randomizable, Transform):
    """The recipe's gamma, contrast, brightness and blur, in this order, on the key "image"."""

    def __init__(self, augmentation: Augmentation) -> None:
        a = augmentation
        self._changes = [
            _Change(power, a.gamma_probability, _factor(a.gamma)),
            _Change(spread, a.contrast_probability, _factor(a.contrast)),
            _Change(scale, a.brightness_probability, _factor(a.brightness)),
            _Change(blur, a.blur_probability, lambda random: random.uniform(0, a.blur_voxels)),
        ]
        self.any = any(change.probability > 0 for change in self._changes)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Change `data["image"]`; the random state decides, and moves on alike whatever it says."""
        image = torch.as_tensor(data["image"]).as_subclass(torch.Tensor).float()
        for change in self._changes:
            chance, parameter = self.R.random_sample(), change.draw(self.R)
            if chance < change.probability:
                image = change.apply(image, parameter).clamp_(0, 1)
        return {**data, "image": image}


def _factor(most: float) -> Callable[[np.random.RandomState], float]:
    """Between 1 / (1 + most) and 1 + most, both sides of 1 equally likely."""
    limit = np.log1p(most)
    return lambda random: float(np.exp(random.uniform(-limit, limit)))
