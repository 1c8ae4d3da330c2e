"""Closed outlines of a mask in one slice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.measure import find_contours, points_in_poly

Polygon = npt.NDArray[np.float64]


def outlines(mask: npt.NDArray[np.bool_]) -> list[Polygon]:
    """Outlines of a 2D mask by marching squares, halfway between pixels inside and outside.

    The centres of exactly the mask's pixels lie inside (by the even-odd rule); the area is half a
    pixel less than the mask's for each outline. A part with holes is one outline that goes in to
    each hole and back along the same line, a keyhole, as DICOM asks for (PS3.3, C.8.8.6.3).

    Args:
        mask: (row, column).

    Returns:
        Polygons (n, 2) of (row, column), pixel centres at whole numbers, the first point not
        repeated at the end.
    """
    where = np.argwhere(mask)
    if not len(where):
        return []
    low, high = where.min(axis=0), where.max(axis=0) + 1
    crop = np.pad(mask[low[0] : high[0], low[1] : high[1]], 1)
    # Pixels that touch by a corner are parted, so that no outline touches itself or another.
    closed = find_contours(crop.astype(np.float32), 0.5, fully_connected="low")
    polygons = [_corners(line[:-1]) + (low - 1) for line in closed]
    outer = [polygon for polygon in polygons if _area(polygon) > 0]
    holes = [polygon for polygon in polygons if _area(polygon) < 0]
    inside: list[list[Polygon]] = [[] for _ in outer]
    if holes:
        least = np.array([each.min(axis=0) for each in outer])
        most = np.array([each.max(axis=0) for each in outer])
    for hole in holes:
        may = np.flatnonzero(((least < hole[0]) & (hole[0] < most)).all(axis=1))
        around = [int(i) for i in may if points_in_poly(hole[:1], outer[i])[0]]
        inside[min(around, key=lambda i: _area(outer[i]))].append(hole)
    return [_with_keyholes(each, mine) for each, mine in zip(outer, inside, strict=True)]


def _area(polygon: Polygon) -> float:
    """Of a polygon whose inside is on the side that `find_contours` has it on; else negative."""
    row, column = polygon.T
    return float(np.dot(column, np.roll(row, -1)) - np.dot(row, np.roll(column, -1))) / 2


def _corners(polygon: Polygon) -> Polygon:
    """Without the points on a straight line between their neighbours."""
    before = polygon - np.roll(polygon, 1, axis=0)
    after = np.roll(polygon, -1, axis=0) - polygon
    bend = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    corners: Polygon = polygon[np.abs(bend) > 1e-9]
    return corners


def _with_keyholes(outline: Polygon, holes: list[Polygon]) -> Polygon:
    """`outline` with each hole, the nearest first, joined by a line there and back."""
    if not holes:
        return outline
    bridges = [_bridge(outline, hole) for hole in holes]
    lengths = np.array([length for length, _, _ in bridges])
    middles = np.array([hole.mean(axis=0) for hole in holes])
    reach = np.array(
        [
            np.linalg.norm(hole - middle, axis=1).max()
            for hole, middle in zip(holes, middles, strict=True)
        ]
    )
    waiting = np.ones(len(holes), dtype=np.bool_)
    while waiting.any():
        nearest = int(np.where(waiting, lengths, np.inf).argmin())
        waiting[nearest] = False
        _, begin, to = bridges[nearest]
        hole = np.roll(holes[nearest], -to, axis=0)
        at = int(np.flatnonzero((outline == begin).all(axis=1))[0])
        outline = np.concatenate([outline[: at + 1], hole, hole[:1], outline[at:]])
        # The hole is part of the outline now; others may be nearer to it than to the rest.
        least = np.linalg.norm(middles - middles[nearest], axis=1) - reach - reach[nearest]
        for index in np.flatnonzero(waiting & (least < lengths)):
            bridge = _bridge(hole, holes[index])
            if bridge[0] < lengths[index]:
                bridges[index], lengths[index] = bridge, bridge[0]
    return outline


def _bridge(outline: Polygon, hole: Polygon) -> tuple[float, Polygon, int]:
    """Shortest line from a point of `outline` to one of `hole`: length, its point, the other's."""
    apart = np.linalg.norm(outline[:, None] - hole[None], axis=-1)
    at, to = np.unravel_index(apart.argmin(), apart.shape)
    return float(apart[at, to]), outline[at], int(to)
