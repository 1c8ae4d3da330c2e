"""The longest diameter of a lesion within one axial slice, as radiologists measure it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: From this many points on, the convex hull is faster than comparing all pairs.
_POINTS_FOR_HULL = 64


@dataclass(frozen=True, eq=False)
class RowEnds:
    """The outermost voxels of each row of each lesion; one entry per lesion, slice and row.

    Sorted by lesion, then slice, then row. Only these can be the ends of a diameter.

    Attributes:
        lesion: index from 0; every index up to the last occurs.
        plane: axial slice.
        row: row of the slice.
        first: first voxel of the lesion in the row.
        stop: voxel behind the last one.
    """

    lesion: npt.NDArray[np.int64]
    plane: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]


def longest_axial_diameters(
    ends: RowEnds, in_plane: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Largest distance in mm between two outer voxel corners in one slice, for each lesion.

    To the outer corners, because a lesion covers its voxels whole: one of a single voxel has its
    diagonal for a diameter instead of 0.

    Args:
        ends: of all lesions together.
        in_plane: (3, 2), the affine's columns of the row axis and of the axis along the rows: a
            step along each, in mm. They need not be at right angles.

    Returns:
        One diameter per lesion, in mm.
    """
    if not len(ends.lesion):
        return np.zeros(0)
    # Distances in this plane are those in space.
    plane = np.asarray(np.linalg.cholesky(in_plane.T @ in_plane), dtype=np.float64)
    key = ends.lesion * (ends.plane.max() + 1) + ends.plane
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    stops = np.append(starts[1:], len(key))
    height = ends.row[stops - 1] + 1 - ends.row[starts]
    width = np.maximum.reduceat(ends.stop, starts) - np.minimum.reduceat(ends.first, starts)
    # No diameter of a slice is longer than the diagonals of the rectangle around it.
    diagonals = np.stack([height, width], axis=1)[:, None] * np.array([[1, 1], [1, -1]])
    limits = np.linalg.norm(diagonals @ plane, axis=-1).max(axis=1)
    lesions = ends.lesion[starts]
    longest = np.zeros(int(lesions[-1]) + 1)
    # A slice of one row is that rectangle.
    single = height == 1
    np.maximum.at(longest, lesions[single], limits[single])
    for slice_index in np.flatnonzero(~single)[np.argsort(-limits[~single])].tolist():
        lesion = lesions[slice_index]
        if limits[slice_index] > longest[lesion]:
            rows = slice(starts[slice_index], stops[slice_index])
            diameter = _diameter(ends.row[rows], ends.first[rows], ends.stop[rows], plane)
            longest[lesion] = max(longest[lesion], diameter)
    return longest


def _diameter(
    rows: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    stop: npt.NDArray[np.int64],
    plane: npt.NDArray[np.float64],
) -> float:
    top = np.concatenate([rows, rows, rows + 1, rows + 1])
    ends = np.concatenate([first, stop])
    corners = np.column_stack([top, np.concatenate([ends, ends])]) @ plane
    if len(corners) > _POINTS_FOR_HULL:
        from scipy.spatial import ConvexHull  # scipy takes half of the package's import, hence here

        corners = corners[ConvexHull(corners).vertices]
    apart = corners[:, None] - corners
    return math.sqrt(np.einsum("ijk,ijk->ij", apart, apart).max())
