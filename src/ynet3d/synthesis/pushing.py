"""The mass effect: a growing lesion pushes what is around it outwards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.synthesis.fields import Spacing, along
from ynet3d.synthesis.lesions import Lesion

#: How soon the push fades outside the lesion, in its radii.
_FADE = 0.55


def pushed(
    hu: npt.NDArray[np.float32],
    label: npt.NDArray[np.uint8],
    lesion: Lesion,
    *,
    spacing: Spacing,
    offset: Spacing,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Image and label of a box, moved away from the lesion's centre (`offset` mm from voxel 0).

    What lies at radius r comes from r - p(r), with p = push * exp(-((r - R) / (fade * R))**2)
    outside the lesion's radius R and proportional to r inside. r - p(r) rises everywhere as long as
    the push stays below about 0.6 R, so that nothing folds.
    """
    radius = lesion.radius_mm
    push = min(lesion.mass_effect, 0.35) * radius
    axes = [
        along((np.arange(n) * step - o).astype(np.float32), k)
        for k, (n, step, o) in enumerate(zip(hu.shape, spacing, offset, strict=True))
    ]
    distance = np.sqrt(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2)
    outside = np.exp(-(((distance - radius) / (_FADE * radius)) ** 2))
    amount = push * np.where(distance > radius, outside, distance / radius)
    # The box's rim stays where it is, or a seam would show.
    amount *= _rim_weight(hu.shape)
    back = amount / np.maximum(distance, 1e-3)
    where = np.stack(
        [
            along(np.arange(n, dtype=np.float32), k) - axis * back / step
            for k, (n, axis, step) in enumerate(zip(hu.shape, axes, spacing, strict=True))
        ]
    )
    moved = ndimage.map_coordinates(hu, where, order=3, mode="nearest", output=np.float32)
    np.clip(moved, hu.min(), hu.max(), out=moved)
    marks = ndimage.map_coordinates(label, where, order=0, mode="nearest")
    return moved, marks


def _rim_weight(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """0 on the faces of the box, 1 a few voxels further in."""
    weight = np.ones(shape, np.float32)
    for axis, n in enumerate(shape):
        index = np.arange(n)
        line = np.clip(np.minimum(index, n - 1 - index) / 3, 0, 1).astype(np.float32)
        weight *= along(line, axis)
    return weight
