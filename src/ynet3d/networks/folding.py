"""Neighbouring voxels as channels of one position, and back: fewer positions for a network.

Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel
convolutional neural network", in 3D.
"""

from __future__ import annotations

import torch


def fold(image: torch.Tensor, factors: tuple[int, int, int]) -> torch.Tensor:
    """(N, C, D, H, W) to (N, C x d x h x w, D / d, H / h, W / w) for `factors` (d, h, w).

    D, H and W have to be multiples of the factors.
    """
    if factors == (1, 1, 1):
        return image
    count, channels, depth, height, width = image.shape
    d, h, w = factors
    small = (depth // d, height // h, width // w)
    parts = image.reshape(count, channels, small[0], d, small[1], h, small[2], w)
    return parts.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(count, channels * d * h * w, *small)


def unfold(maps: torch.Tensor, factors: tuple[int, int, int]) -> torch.Tensor:
    """The opposite of `fold`: (N, C x d x h x w, D, H, W) to (N, C, D x d, H x h, W x w)."""
    if factors == (1, 1, 1):
        return maps
    count, _, depth, height, width = maps.shape
    d, h, w = factors
    parts = maps.reshape(count, -1, d, h, w, depth, height, width)
    return parts.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
        count, -1, depth * d, height * h, width * w
    )
