"""From the source grid to the network grid: canonical axes, HU window, one resize.

A resize keeps the physical extent: the outer faces of the first and last voxels stay in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ynet3d.recipes import Preprocessing
from ynet3d.threads import in_threads
from ynet3d.volumes import Reorientation, Volume

#: Slices made at a time, in bytes before they are resized.
_BATCH_BYTES = 16 * 2**20


def network_shape(volume: Volume, preprocessing: Preprocessing) -> tuple[int, int, int]:
    """Voxels (D, H, W) of the network grid for this scan."""
    if preprocessing.size is not None:
        return preprocessing.size
    assert preprocessing.spacing_mm is not None  # the recipe's own check
    turn = Reorientation.of(volume.affine)
    source = turn.apply(volume.array).shape
    spacing = turn.spacing(volume.spacing)
    depth, height, width = (
        max(1, round(count * have / want))
        for count, have, want in zip(source, spacing, preprocessing.spacing_mm, strict=True)
    )
    return depth, height, width


def network_spacing(volume: Volume, preprocessing: Preprocessing) -> tuple[float, float, float]:
    """Size in mm (D, H, W) of the voxels of the network grid for this scan."""
    turn = Reorientation.of(volume.affine)
    depth, height, width = (
        count * have / want
        for count, have, want in zip(
            turn.apply(volume.array).shape,
            turn.spacing(volume.spacing),
            network_shape(volume, preprocessing),
            strict=True,
        )
    )
    return depth, height, width


def to_network_grid(volume: Volume, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """The scan as a network sees it: (D, H, W) float32 in [0, 1].

    Linear interpolation, with a triangle filter as wide as the shrinking where it shrinks (no
    aliasing). A few slices at a time, so that no float copy of the source is ever made.
    """
    source = Reorientation.of(volume.affine).apply(volume.array)
    depth, height, width = network_shape(volume, preprocessing)
    low, high = preprocessing.window_hu
    result = np.empty((depth, height, width), dtype=np.float32)

    def mixed(row: tuple[int, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """One slice of the network grid, still with the rows and columns of the source."""
        first, weights = row
        slab = source[first : first + len(weights)].astype(np.float32)
        np.clip(slab, low, high, out=slab)
        picture: npt.NDArray[np.float32] = np.tensordot(weights, slab, axes=1)
        picture -= low
        picture /= high - low
        return picture

    rows = _triangle_weights(source.shape[0], depth)
    step = max(1, _BATCH_BYTES // (4 * source.shape[1] * source.shape[2]))
    workers = torch.get_num_threads()
    for start in range(0, depth, step):
        # Several slices at once, because torch's threads cost time at each call.
        few = rows[start : start + step]
        slices = map(mixed, few) if workers == 1 else in_threads(mixed, few, workers=workers)
        batch = np.stack(list(slices))
        if batch.shape[1:] != (height, width):
            batch = F.interpolate(
                torch.from_numpy(batch)[:, None],
                size=(height, width),
                mode="bilinear",
                antialias=True,
                align_corners=False,
            )[:, 0].numpy()
        result[start : start + step] = batch
    return np.clip(result, 0, 1, out=result)  # weights add up to 1 but for rounding


def label_to_network_grid(label: Volume, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """The label map on the network grid (D, H, W), by nearest neighbour."""
    source = Reorientation.of(label.affine).apply(label.array)
    shape = network_shape(label, preprocessing)
    nearest = [
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for old, new in zip(source.shape, shape, strict=True)
    ]
    return np.ascontiguousarray(source[np.ix_(*nearest)], dtype=np.uint8)


def _triangle_weights(old: int, new: int) -> list[tuple[int, npt.NDArray[np.float32]]]:
    """For each of `new` samples along an axis of `old`: the first source index and its weights."""
    scale = old / new
    support = max(1.0, scale)
    rows: list[tuple[int, npt.NDArray[Any]]] = []
    for index in range(new):
        centre = (index + 0.5) * scale - 0.5
        first = max(0, int(np.ceil(centre - support)))
        last = min(old - 1, int(np.floor(centre + support)))
        weights = 1.0 - np.abs(np.arange(first, last + 1) - centre) / support
        keep = weights > 0
        if not keep.any():  # the sample lies on the border, outside the outermost voxel's centre
            keep, weights = np.array([True]), np.array([1.0])
        first += int(np.argmax(keep))
        weights = weights[keep]
        rows.append((first, (weights / weights.sum()).astype(np.float32)))
    return rows
