"""Random fields on a voxel grid, fast enough to be drawn anew for every training sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.phantoms.fields import FloatArray, cubic_spline

Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]

#: Variance of a cubic B-spline sum of unit normals, per axis.
_VARIANCE = 0.479


def smooth_field(
    generator: np.random.Generator, shape: Shape, scale: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Random field (D, H, W), mean 0 and about unit variance: cubic B-splines on a lattice.

    Args:
        scale: distance of the lattice's nodes along each axis, in voxels.
    """
    steps = [max(float(step), 1e-3) for step in scale]
    counts = [int(np.ceil((n - 1) / step)) + 4 for n, step in zip(shape, steps, strict=True)]
    control = generator.standard_normal(counts, dtype=np.float32)
    return _spread(control, shape, steps, generator.random(3)) / np.float32(_VARIANCE**1.5)


def displacement(
    generator: np.random.Generator,
    shape: Shape,
    *,
    spacing: Spacing,
    scale_mm: float,
    amplitude_mm: float,
) -> npt.NDArray[np.float32]:
    """Smooth displacement (3, D, H, W) in mm that folds nothing.

    Cubic B-splines whose controls lie within `amplitude_mm` of 0, limited to 0.4 of `scale_mm`:
    a map x + u(x) is one to one if the controls stay within about 1/2.48 of the distance between
    the nodes (Choi and Lee, "Injectivity conditions of 2D and 3D uniform cubic B-spline functions",
    Graphical Models 2000).
    """
    amplitude = min(amplitude_mm, 0.4 * scale_mm)
    steps = [scale_mm / step for step in spacing]
    counts = [int(np.ceil((n - 1) / step)) + 4 for n, step in zip(shape, steps, strict=True)]
    phase = generator.random(3)
    control = generator.uniform(-amplitude, amplitude, (3, *counts)).astype(np.float32)
    return np.stack([_spread(part, shape, steps, phase) for part in control])


def kernel_noise(
    generator: np.random.Generator,
    shape: Shape,
    *,
    smoothness: Sequence[float],
) -> npt.NDArray[np.float32]:
    """Unit noise (D, H, W) whose neighbours are correlated as a reconstruction kernel makes them.

    Args:
        smoothness: for each axis, the weight of either neighbour; 0 for none, 0.5 for about 2/3
            correlation. A negative one gives the grain of a sharp kernel.
    """
    noise = generator.standard_normal(shape, dtype=np.float32)
    power = 1.0
    for axis, weight in enumerate(smoothness):
        if weight:
            shifted = np.zeros_like(noise)
            ahead, behind = [slice(None)] * 3, [slice(None)] * 3
            ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
            shifted[tuple(behind)] = noise[tuple(ahead)]
            shifted[tuple(ahead)] += noise[tuple(behind)]
            noise += np.float32(weight) * shifted
            power *= 1 + 2 * weight**2
    noise *= np.float32(power**-0.5)
    return noise


def _spread(
    control: npt.NDArray[np.float32], shape: Shape, steps: Sequence[float], phase: FloatArray
) -> npt.NDArray[np.float32]:
    """Values on the grid of cubic B-splines with these controls; axis by axis."""
    weights = [
        _weights(n, count, step, float(start))
        for n, count, step, start in zip(shape, control.shape, steps, phase, strict=True)
    ]
    values = np.tensordot(weights[0], control, (1, 0))
    values = np.matmul(weights[1], values)
    result: npt.NDArray[np.float32] = np.matmul(values, weights[2].T)
    return result


def _weights(n: int, count: int, step: float, phase: float) -> npt.NDArray[np.float32]:
    """Weights (n, count) of the controls for each voxel; `phase` shifts the lattice."""
    position = np.arange(n) / step + phase + 1
    distance = np.abs(position[:, None] - np.arange(count)[None])
    return cubic_spline(distance)


def along(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """A line of values as an array (D, 1, 1), (1, H, 1) or (1, 1, W)."""
    return values.reshape([-1 if i == axis else 1 for i in range(3)])
