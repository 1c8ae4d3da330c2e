"""Masks whose surfaces are compared, and how: in the library, and by all pairs of points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.evaluation.surface import SurfaceDistances, surface_distances

Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
ANISOTROPIC: Spacing = (0.7, 0.8, 2.5)


def boxed(shape: tuple[int, int, int], *boxes: tuple[slice, slice, slice]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[box] = True
    return mask


def ball(side: int, radius_mm: float, spacing: Spacing, centre: float | None = None) -> Mask:
    index = np.indices((side, side, side)).reshape(3, -1) - (
        side // 2 if centre is None else centre
    )
    far = np.linalg.norm(index * np.array(spacing)[:, None], axis=0)
    return (far <= radius_mm).reshape(side, side, side)


def blob(shape: tuple[int, int, int], density: float, seed: int) -> Mask:
    """Lumps of all sizes with holes, some touching the border."""
    noise = np.random.default_rng(seed).random(shape)
    return np.asarray(ndimage.uniform_filter(noise, 2, mode="nearest") < density)


def measured(prediction: Mask, reference: Mask, spacing: Spacing = (1, 1, 1)) -> SurfaceDistances:
    distances = surface_distances(prediction, reference, spacing)
    assert distances is not None
    return distances


def surface_points(mask: Mask, spacing: Spacing) -> npt.NDArray[np.float64]:
    eroded = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(3, 2))
    return np.argwhere(mask ^ eroded) * np.array(spacing)


def all_pairs(
    prediction: Mask, reference: Mask, spacing: Spacing
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    one, other = surface_points(prediction, spacing), surface_points(reference, spacing)
    apart = np.linalg.norm(one[:, None] - other[None], axis=-1)
    return apart.min(axis=1), apart.min(axis=0)


def assert_equal(one: SurfaceDistances, other: SurfaceDistances, tolerance: float = 1e-5) -> None:
    """The same distances, in whatever order."""
    for name in ("prediction_to_reference_mm", "reference_to_prediction_mm"):
        first, second = np.sort(getattr(one, name)), np.sort(getattr(other, name))
        assert first.shape == second.shape
        np.testing.assert_allclose(first, second, atol=tolerance)
