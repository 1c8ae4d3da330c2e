"""The longest diameter of a lesion in an axial slice, and the longest one across it.

What RECIST and WHO measure by hand. All distances run between outer voxel corners, because a lesion
covers its voxels whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.diameter import Slices, find_slices, outer_corners, plane_basis
from ynet3d.evaluation.lesion_geometry import FoundLesions
from ynet3d.evaluation.runs import Runs

Points = npt.NDArray[np.float64]

#: Diameters that differ by less are equally long: headers hold affines as float32.
_TIE_MM = 1e-4
#: Places along the long diameter that differ by less are one.
_SAME_MM = 1e-6
#: Numbers held at a time where every row is cut at every place.
_MOST_CUTS = 1_000_000


@dataclass(frozen=True, eq=False)
class Bidimensional:
    """Two diameters of one lesion, at right angles in one axial slice.

    Attributes:
        longest_mm: the largest distance between two points of the lesion in one axial slice.
        across_mm: the largest distance between two points of the lesion in that slice whose line
            is at right angles to it.
        slice: source index of the slice, along the axis nearest to head and feet.
        longest_ends: (2, 3), where the longest one ends, in voxel indices (i, j, k) of the source.
        across_ends: likewise of the other.
    """

    longest_mm: float
    across_mm: float
    slice: int
    longest_ends: Points
    across_ends: Points

    def moved(self, voxels: npt.NDArray[np.int64], axis: int) -> Bidimensional:
        """Those of a lesion of the same shape, so many voxels (i, j, k) away.

        Args:
            axis: source axis nearest to head and feet.
        """
        return replace(
            self,
            slice=self.slice + int(voxels[axis]),
            longest_ends=self.longest_ends + voxels,
            across_ends=self.across_ends + voxels,
        )


def bidimensional(found: FoundLesions, affine: Points) -> list[Bidimensional]:
    """Both diameters of each lesion.

    Of several longest diameters (a square has two) the one with the longest across counts, so that
    the numbers do not depend on how the scan is stored.

    Args:
        found: by `find_lesions`.
        affine: that it was given.
    """
    if not found.lesions:
        return []
    plane = plane_basis(affine[:3, list(found.axes[1:])])
    ends = found.row_ends()
    slices = find_slices(ends, plane)
    bounds = np.searchsorted(slices.lesion, np.arange(len(found.lesions) + 1))
    first_run = np.searchsorted(found.lesion_of_run, np.arange(len(found.lesions) + 1))
    result: list[Bidimensional] = []
    for index, first in enumerate(found.first_alike()):
        if first < index:
            result.append(result[first].moved(_between(found, first, index), found.axes[0]))
            continue
        lesion = found.lesions[index]
        runs = found.runs.taken(slice(int(first_run[index]), int(first_run[index + 1])))
        best: Bidimensional | None = None
        for one in range(bounds[index], bounds[index + 1]):
            if slices.limit_mm[one] < lesion.diameter_mm - _TIE_MM:
                continue
            rows = _rows(slices, one)
            corners = outer_corners(ends.row[rows], ends.first[rows], ends.stop[rows])
            here = ends.plane[rows.start]
            in_slice = runs.taken(slice(*np.searchsorted(runs.plane, [here, here + 1]).tolist()))
            for pair in _longest_pairs(corners, plane, lesion.diameter_mm):
                measured = _measure(pair, in_slice, plane, int(here), found)
                if best is None or measured.across_mm > best.across_mm:
                    best = measured
        assert best is not None  # the slice in which its diameter was found is among them
        result.append(best)
    return result


def _between(found: FoundLesions, one: int, other: int) -> npt.NDArray[np.int64]:
    """Voxels (i, j, k) from one lesion to another."""
    result = np.empty(3, dtype=np.int64)
    result[list(found.axes)] = found.boxes[other, :, 0] - found.boxes[one, :, 0]
    return result


def _rows(slices: Slices, index: int) -> slice:
    return slice(int(slices.start[index]), int(slices.stop[index]))


def _longest_pairs(
    corners: npt.NDArray[np.int64], plane: Points, longest_mm: float
) -> list[npt.NDArray[np.int64]]:
    """Pairs of corners (2, 2) as far apart as the longest diameter."""
    places = corners @ plane
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    pairs = np.argwhere(np.triu(apart >= longest_mm - _TIE_MM))
    # Neighbouring runs share corners.
    unique = np.unique(corners[pairs].reshape(-1, 4), axis=0)
    return list(unique.reshape(-1, 2, 2))


def _measure(
    pair: npt.NDArray[np.int64], runs: Runs, plane: Points, here: int, found: FoundLesions
) -> Bidimensional:
    ends = pair @ plane
    longest = float(np.linalg.norm(ends[1] - ends[0]))
    along = (ends[1] - ends[0]) / longest
    turned = np.column_stack([along, [-along[1], along[0]]])  # mm along and across it
    place, low, high = _longest_across(runs, plane @ turned)
    across = np.array([[place, low], [place, high]]) @ turned.T @ np.linalg.inv(plane)
    return Bidimensional(
        longest_mm=longest,
        across_mm=high - low,
        slice=here + int(found.offset[0]),
        longest_ends=_in_source(pair.astype(np.float64), here, found),
        across_ends=_in_source(across, here, found),
    )


def _in_source(corners: Points, here: int, found: FoundLesions) -> Points:
    """Voxel indices (i, j, k) of places between voxels (row, column) of a slice."""
    axial = np.column_stack([np.full(len(corners), float(here)), corners - 0.5]) + found.offset
    result: Points = np.empty((len(corners), 3))
    result[:, list(found.axes)] = axial
    return result


def _longest_across(runs: Runs, basis: Points) -> tuple[float, float, float]:
    """The longest line across that begins and ends in the slice: its place along, low and high end.

    Every run is a parallelogram. Cut at a place along the long diameter, the lesion reaches from
    the lowest of the cuts to the highest; between corners of runs that length is convex, because
    it is a largest linear function less a smallest one, so that it is largest at a corner.

    Args:
        runs: of the slice.
        basis: (2, 2), mm along and across the long diameter of a step along rows and columns.
    """
    top, left, right = runs.row, runs.start, runs.stop
    corners = np.stack(
        [
            np.stack([top, left], axis=1),
            np.stack([top, right], axis=1),
            np.stack([top + 1, right], axis=1),
            np.stack([top + 1, left], axis=1),
        ]
    )
    places = corners @ basis  # (4, runs, along and across)
    flat = places.reshape(-1, 2)
    where = flat[np.unique(np.round(flat[:, 0] / _SAME_MM), return_index=True)[1], 0]
    step = max(1, _MOST_CUTS // len(flat))
    several = len(where) > step
    limits = _limits(where, flat) if several else np.full(len(where), np.inf)
    order = np.argsort(-limits, kind="stable")
    best = (-1.0, 0.0, 0.0, 0.0)
    for first in range(0, len(order), step):
        chosen = order[first : first + step]
        if limits[chosen[0]] <= best[0]:
            break
        low, high = _cuts(where[chosen], places)
        widest = int(np.argmax(high - low))
        length = float(high[widest] - low[widest])
        if length > best[0]:
            best = length, float(where[chosen[widest]]), float(low[widest]), float(high[widest])
    return best[1], best[2], best[3]


def _limits(where: Points, points: Points) -> Points:
    """Length across the convex hull of the points at each place: none in the lesion is longer."""
    from scipy.spatial import ConvexHull  # scipy takes half of the package's import, hence here

    hull = points[ConvexHull(points).vertices]  # anticlockwise
    hull = np.roll(hull, -int(np.argmin(hull[:, 0])), axis=0)
    last = int(np.argmax(hull[:, 0]))
    lower, upper = hull[: last + 1], np.concatenate([hull[last:], hull[:1]])[::-1]
    reach = np.interp(where, upper[:, 0], upper[:, 1]) - np.interp(where, lower[:, 0], lower[:, 1])
    # At its two ends the hull may stop with an upright side, of which interpolation sees one end.
    return np.asarray(reach + _upright(where, hull), dtype=np.float64)


def _upright(where: Points, hull: Points) -> Points:
    """What to add to the length at the ends of the hull, so that it is never too small."""
    result = np.zeros_like(where)
    height = np.ptp(hull[:, 1])
    for end in (hull[:, 0].min(), hull[:, 0].max()):
        result[np.abs(where - end) <= 2 * _SAME_MM] = height
    return result


def _cuts(where: Points, places: Points) -> tuple[Points, Points]:
    """Lowest and highest point of all parallelograms (4, n, 2) at each place."""
    low = np.full(len(where), np.inf)
    high = np.full(len(where), -np.inf)
    for start, end in zip(places, np.roll(places, -1, axis=0), strict=True):
        (a, b), (c, d) = start.T, end.T
        meets = (where[:, None] >= np.minimum(a, c) - _SAME_MM) & (
            where[:, None] <= np.maximum(a, c) + _SAME_MM
        )
        upright = np.abs(c - a) <= _SAME_MM
        share = np.clip((where[:, None] - a) / np.where(upright, 1.0, c - a), 0.0, 1.0)
        crossing = b + np.where(upright, 0.0, share) * (d - b)
        ends = np.where(upright, d, crossing)
        low = np.minimum(low, np.where(meets, np.minimum(crossing, ends), np.inf).min(axis=1))
        high = np.maximum(high, np.where(meets, np.maximum(crossing, ends), -np.inf).max(axis=1))
    return low, high
