"""Masks of real scans by rule: ragged, with holes and small parts, as any mask may be."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ynet3d.volumes import Volume


def rule_mask(scan: Volume) -> Volume:
    """Soft tissue in an ellipsoid is liver (1), what is darker in two balls in it is tumour (2)."""
    shape = np.array(scan.shape)
    place = [
        (np.arange(size) - size / 2).reshape([-1 if axis == a else 1 for a in range(3)])
        for axis, size in enumerate(shape)
    ]
    organ = sum((each / (0.3 * size)) ** 2 for each, size in zip(place, shape, strict=True)) < 1
    label = np.zeros(scan.shape, dtype=np.uint8)
    smooth = ndimage.uniform_filter(scan.array.astype(np.float32), 3)
    label[organ & (smooth > 0) & (smooth < 250)] = 1
    for offset in (-0.12, 0.1):
        from_ball = [
            (each - offset * size * (axis < 2)) * spacing
            for axis, (each, size, spacing) in enumerate(
                zip(place, shape, scan.spacing, strict=True)
            )
        ]
        ball = sum(each**2 for each in from_ball) < 12**2
        label[ball & (smooth < 100)] = 2
    return scan.with_array(label)
