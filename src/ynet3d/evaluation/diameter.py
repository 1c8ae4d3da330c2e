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
    plane = plane_basis(in_plane)
    slices = find_slices(ends, plane)
    longest = np.zeros(int(slices.lesion[-1]) + 1)
    # A slice of one row is that rectangle.
    single = slices.rows == 1
    np.maximum.at(longest, slices.lesion[single], slices.limit_mm[single])
    for index in np.flatnonzero(~single)[np.argsort(-slices.limit_mm[~single])].tolist():
        lesion = slices.lesion[index]
        if slices.limit_mm[index] > longest[lesion]:
            rows = slice(slices.start[index], slices.stop[index])
            diameter = _diameter(ends.row[rows], ends.first[rows], ends.stop[rows], plane)
            longest[lesion] = max(longest[lesion], diameter)
    return longest


def plane_basis(in_plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(2, 2), steps along rows and columns in mm in a plane, as far apart as those of `in_plane`.

    `(row, column) @ plane_basis(in_plane)` is a place in that plane; distances in it are those in
    space.
    """
    return np.asarray(np.linalg.cholesky(in_plane.T @ in_plane), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Slices:
    """The axial slices of all lesions, by lesion and slice; one entry a lesion and slice.

    Attributes:
        lesion: index of the lesion.
        start: its first entry in `RowEnds`.
        stop: the entry behind its last one.
        rows: how many rows it spans, empty ones between them included.
        limit_mm: no diameter of the slice is longer than this.
    """

    lesion: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    limit_mm: npt.NDArray[np.float64]


def find_slices(ends: RowEnds, plane: npt.NDArray[np.float64]) -> Slices:
    """Each lesion's slices; `plane` as from `plane_basis`. There must be a lesion."""
    key = ends.lesion * (ends.plane.max() + 1) + ends.plane
    start = np.flatnonzero(np.diff(key, prepend=-1))
    stop = np.append(start[1:], len(key))
    height = ends.row[stop - 1] + 1 - ends.row[start]
    width = np.maximum.reduceat(ends.stop, start) - np.minimum.reduceat(ends.first, start)
    # No diameter of a slice is longer than the diagonals of the rectangle around it.
    diagonals = np.stack([height, width], axis=1)[:, None] * np.array([[1, 1], [1, -1]])
    limit = np.linalg.norm(diagonals @ plane, axis=-1).max(axis=1)
    return Slices(ends.lesion[start], start, stop, height, limit)


def outer_corners(
    rows: npt.NDArray[np.int64], first: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """(n, 2), row and column of corners of a slice of which the ends of every diameter are two."""
    top = np.concatenate([rows, rows, rows + 1, rows + 1])
    ends = np.concatenate([first, stop])
    return hull_of(np.column_stack([top, np.concatenate([ends, ends])]))


def hull_of(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The points (n, 2 or 3) of the convex hull, or all of them where they are few."""
    if len(points) <= _POINTS_FOR_HULL:
        return points
    from scipy.spatial import ConvexHull  # scipy takes half of the package's import, hence here

    hull: npt.NDArray[np.int64] = points[ConvexHull(points).vertices]
    return hull


def _diameter(
    rows: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    stop: npt.NDArray[np.int64],
    plane: npt.NDArray[np.float64],
) -> float:
    corners = outer_corners(rows, first, stop) @ plane
    apart = corners[:, None] - corners
    return math.sqrt(np.einsum("ijk,ijk->ij", apart, apart).max())
