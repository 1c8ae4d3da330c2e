"""Smooth random fields and separable resampling, both independent of the grid they are read on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

#: Computed in float32 wherever the whole grid is concerned.
FloatArray = npt.NDArray[np.floating[Any]]

#: Box in which anatomy is defined: scanner mm, z to the head, y to the back, x to the left.
LOWEST = (-420.0, -260.0, -300.0)
HIGHEST = (190.0, 260.0, 300.0)


class SmoothField:
    """Random scalar field, mean 0 and about unit variance: cubic B-splines on a fixed lattice.

    The lattice is fixed in millimetres, so that a coarse and a fine grid see the same field.
    """

    def __init__(
        self, rng: np.random.Generator, *, scale_mm: float, depth_scale: float = 1.0
    ) -> None:
        self._steps = (scale_mm * depth_scale, scale_mm, scale_mm)
        counts = [
            int(np.ceil((high - low) / step)) + 4
            for low, high, step in zip(LOWEST, HIGHEST, self._steps, strict=True)
        ]
        # A cubic B-spline sum of unit normals has a variance of about 0.48 per axis.
        self._control = (rng.standard_normal(counts) / 0.48**1.5).astype(np.float32)

    def _weights(self, axis: int, positions: npt.ArrayLike) -> FloatArray:
        step = self._steps[axis]
        knots = LOWEST[axis] + step * (np.arange(self._control.shape[axis]) - 1.5)
        distance = np.abs(np.asarray(positions, dtype=np.float64)[:, None] - knots[None]) / step
        return cubic_spline(distance)

    def on_grid(self, z: npt.ArrayLike, y: npt.ArrayLike, x: npt.ArrayLike) -> FloatArray:
        """Values on the grid of the three axes' positions (mm): shape (len(z), len(y), len(x))."""
        values = np.tensordot(self._weights(0, z), self._control, (1, 0))
        values = np.einsum("zyx,ny->znx", values, self._weights(1, y), optimize=True)
        return np.matmul(values, self._weights(2, x).T)

    def at(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Values at points of shape (n, 3), mm along (z, y, x)."""
        steps = np.array(self._steps)
        where = (np.asarray(points, dtype=float) - LOWEST) / steps + 1.5
        return map_coordinates(
            self._control, where.T, output=np.float64, order=3, mode="constant", prefilter=False
        )


def cubic_spline(distance: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """The cubic B-spline, at distances from its centre in steps of its lattice."""
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def resampling_matrix(
    source: npt.NDArray[np.floating], target: npt.NDArray[np.floating], width_mm: float
) -> FloatArray:
    """Rows of weights that take samples at `source` (evenly spaced, mm) to positions `target`.

    The kernel is a triangle as wide as the coarser of the two steps: linear interpolation where
    the target is finer, the average over a voxel of `width_mm` where it is coarser.
    """
    step = abs(float(source[1] - source[0]))
    distance = np.abs(target[:, None] - source[None])
    weights = np.clip(1 - distance / max(step, width_mm), 0, None)
    outside = weights.sum(1) < 1e-6
    weights[outside, np.argmin(distance[outside], axis=1)] = 1
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resample(volume: FloatArray, matrices: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    """Apply one matrix to each axis of `volume`; slice by slice, so that little memory is used."""
    along_z, along_y, along_x = matrices
    out = np.empty((len(along_z), len(along_y), len(along_x)), dtype=np.float32)
    for index, row in enumerate(along_z):
        used = np.flatnonzero(row)
        low, high = used[0], used[-1] + 1
        plane = np.tensordot(row[low:high], volume[low:high], (0, 0))
        np.matmul(along_y @ plane, along_x.T, out=out[index])
    return out
