"""A mask as the share of space that it fills, on a grid even enough to cut a surface from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_SHAPE_REACH_MM = 8.0  # distances beyond this count as far


@dataclass(frozen=True, eq=False)
class Field:
    """How much of the space around each grid point is filled.

    Attributes:
        values: (x, y, z), 0 to 1, float32, along the axes of the labels; background all around.
        grid_mm: (3,), distance of its grid points.
        factors: (3,), voxels that were averaged to one.
        zoom: (3,), grid points that each of these became.
    """

    values: npt.NDArray[np.float32]
    grid_mm: npt.NDArray[np.float64]
    factors: npt.NDArray[np.int_]
    zoom: npt.NDArray[np.float64]

    def voxels(self, places: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Voxel indices (n, 3) of places given by grid points."""
        # A grid point is the middle of its block of voxels.
        in_coarse = (places + 0.5) / self.zoom - 1.0
        return np.asarray(in_coarse * self.factors - 0.5, dtype=np.float64)


def filled_space(
    labels: npt.NDArray[Any],
    spacing: npt.NDArray[np.float64],
    *,
    grid_mm: float,
    at_least: int = 1,
) -> Field | None:
    """Average a mask down, and interpolate it, to a grid of about `grid_mm`; None if it is empty.

    Args:
        labels: (i, j, k), a label map or a mask.
        spacing: (3,), mm.
        at_least: lowest label inside.
        grid_mm: distance of grid points to aim at.
    """
    factors = np.maximum(1, np.floor(grid_mm / spacing + 0.5)).astype(int)
    coarse = np.pad(_mean_of_blocks(labels, at_least, factors), 1)
    if not coarse.any():
        return None
    step = spacing * factors
    thick = int(np.argmax(step))
    if step[thick] > 1.4 * grid_mm:
        coarse = _shapes(coarse, thick, step)
    zoom = np.maximum(1.0, step / grid_mm)
    zoom = np.where(zoom > 1.2, zoom, 1.0)
    counts = np.round(coarse.shape * zoom)
    zoom = counts / coarse.shape  # what the rounding to whole grid points makes of it
    if (zoom > 1.0).any():
        coarse = ndimage.zoom(coarse, zoom, order=1, mode="nearest", grid_mode=True)
    return Field(coarse, step / zoom, factors, zoom)


def whole_voxels(
    mask: npt.NDArray[np.bool_], spacing: npt.NDArray[np.float64], *, grid_mm: float
) -> Field:
    """A mask of few voxels as the boxes that they are: nothing is interpolated between them.

    Args:
        mask: (i, j, k), boolean.
        spacing: (3,), mm.
        grid_mm: distance of grid points to aim at, smaller than voxels.
    """
    zoom = np.maximum(1, np.round(spacing / grid_mm)).astype(int)
    values = np.pad(mask, 1).astype(np.float32)
    for axis in range(3):
        values = np.repeat(values, zoom[axis], axis=axis)
    return Field(values, spacing / zoom, np.ones(3, dtype=int), zoom.astype(np.float64))


def _shapes(
    coarse: npt.NDArray[np.float32], thick: int, step: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Thick slices, made ready for interpolation by shape (Raya and Udupa 1990).

    Each slice is replaced by its signed distance to the outline, scaled so that the outline is at
    0.5. Interpolated between slices, outlines then move from one to the next without terraces.
    """
    in_plane = [size for axis, size in enumerate(step) if axis != thick]
    slices = np.moveaxis(coarse, thick, 0)
    result = np.zeros_like(slices)
    for index, one in enumerate(slices):
        mask = one >= 0.5 if (one >= 0.5).any() else one > 0.0
        if mask.any():
            within = ndimage.distance_transform_edt(mask, sampling=in_plane)
            outside = ndimage.distance_transform_edt(~mask, sampling=in_plane)
            half = np.mean(in_plane) / 2.0  # the outline lies between voxels, not on their centres
            distance = np.where(mask, within - half, half - outside)
            result[index] = np.clip(0.5 + distance / (2 * _SHAPE_REACH_MM), 0.0, 1.0)
    # Beyond the last slice the surface closes half a slice further, as far as its voxels reach.
    peaks = np.pad(result.max(axis=(1, 2)), 1)
    for index in np.flatnonzero(peaks[1:-1] == 0.0).tolist():
        beside = max(peaks[index], peaks[index + 2])
        if beside > 0.0:
            result[index] = 1.0 - beside
    return np.moveaxis(result, 0, thick)


def _mean_of_blocks(
    labels: npt.NDArray[Any], at_least: int, factors: npt.NDArray[np.int_]
) -> npt.NDArray[np.float32]:
    """Share of voxels that are `at_least` a value, in blocks of `factors` voxels.

    Works through one layer of blocks after another, so that it needs no copy of the volume.
    """
    slowest = int(np.argmax(np.abs(labels.strides)))  # layers in the order of memory
    labels = np.moveaxis(labels, slowest, 0)
    ordered = np.array([factors[slowest], *np.delete(factors, slowest)])
    blocks = -(-np.array(labels.shape) // ordered)
    result = np.zeros(blocks, np.float32)
    starts = [np.arange(count) * factor for count, factor in zip(blocks, ordered, strict=True)]
    for index in range(blocks[0]):
        layer = labels[index * ordered[0] : (index + 1) * ordered[0]] >= at_least
        summed = layer.sum(axis=0, dtype=np.uint16)
        summed = np.add.reduceat(summed, starts[1], axis=0)
        result[index] = np.add.reduceat(summed, starts[2], axis=1)
    result /= np.float32(np.prod(factors))
    return np.moveaxis(result, 0, slowest)
