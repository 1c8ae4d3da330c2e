"""Augmentation on the fly, through MONAI, repeatable from one seed for each sample."""

from __future__ import annotations

import math

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandShiftIntensityd,
    RandSimulateLowResolutiond,
    Transform,
)

from ynet3d.preprocessing.intensity import RandomIntensity
from ynet3d.recipes import Augmentation

_BOTH = ("image", "label")


class Augmenter:
    """Applies a recipe's augmentation to image and label together.

    Calling it takes and returns image (1, D, H, W) float32 in [0, 1] and label (1, D, H, W) uint8.
    The same `seed` gives the same result, whatever came before.
    """

    def __init__(self, augmentation: Augmentation, *, size: tuple[int, int, int]) -> None:
        """`size` (D, H, W) of the samples, which shifts are a fraction of."""
        self._compose = Compose(_transforms(augmentation, size))

    def __call__(
        self, image: torch.Tensor, label: torch.Tensor, *, seed: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self._compose.transforms:
            return image, label
        self._compose.set_random_state(state=np.random.RandomState(seed % 2**32))
        changed = self._compose({"image": image, "label": label})
        image, label = (torch.as_tensor(changed[key]).as_subclass(torch.Tensor) for key in _BOTH)
        return image.float().clamp_(0, 1), label.to(torch.uint8)


def _transforms(augmentation: Augmentation, size: tuple[int, int, int]) -> list[Transform]:
    chosen: list[Transform] = []
    if augmentation.flip_probability:
        chosen += [
            RandFlipd(_BOTH, prob=augmentation.flip_probability, spatial_axis=axis)
            for axis in range(3)
        ]
    if augmentation.affine_probability:
        angle = math.radians(augmentation.rotation_degrees)
        chosen.append(
            RandAffined(
                _BOTH,
                prob=augmentation.affine_probability,
                rotate_range=(angle, angle, angle),
                translate_range=[augmentation.shift_fraction * voxels for voxels in size],
                scale_range=[augmentation.scale_fraction] * 3,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",  # air around the body, background around the label
            )
        )
    if augmentation.low_resolution_probability:
        chosen.append(
            RandSimulateLowResolutiond(
                "image", prob=augmentation.low_resolution_probability, zoom_range=(0.5, 1.0)
            )
        )
    grey = RandomIntensity(augmentation)
    if grey.any:
        chosen.append(grey)
    if augmentation.intensity_shift_probability:
        chosen.append(
            RandShiftIntensityd(
                "image",
                offsets=augmentation.intensity_shift,
                prob=augmentation.intensity_shift_probability,
            )
        )
    if augmentation.noise_probability:
        chosen.append(
            RandGaussianNoised("image", prob=augmentation.noise_probability, std=augmentation.noise)
        )
    return chosen
