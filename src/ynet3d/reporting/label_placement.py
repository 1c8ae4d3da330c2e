"""Names beside the points of a plot, so that none covers another name, a point or a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

Array = npt.NDArray[np.float64]  # boxes: shape (N, 4): left, bottom, right, top in pixels

_DIRECTIONS = np.deg2rad(np.arange(0, 360, 15))
_DISTANCES = (12.0, 19.0, 29.0, 42.0, 60.0)  # pixels from the point to the edge of the name
_LEADER_FROM = 25.0  # pixels from which on a line leads to the name
_MARK = 8.0  # pixels kept free to each side of a point
_ROUNDS = 4
#: Costs beside the covered area: of a name on a name, for each pixel away, of leaving the plot.
_ON_NAME, _AWAY, _OUTSIDE = 3.0, 0.35, 1e6


def place_labels(
    axes: Axes,
    names: Sequence[str],
    at: Sequence[tuple[float, float]],
    *,
    colours: Sequence[str],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
    size: float = 9.0,
) -> list[Annotation]:
    """Write a name beside each point, with a thin line to it where it had to go far.

    To be called last, when the limits of `axes` and its place in the figure are final.

    Args:
        names: one for each point.
        at: the points, in data coordinates.
        colours: of the names.
        lines: polylines to keep free, in data coordinates (error bars, curves).
        size: of the letters, in points.

    Returns:
        The written names.
    """
    from matplotlib.patheffects import withStroke

    if not names:
        return []
    sizes = np.array([_size(axes, name, size) for name in names])
    points = axes.transData.transform(np.asarray(at, float))
    marks = np.concatenate([points - _MARK, points + _MARK], axis=1)
    taken = np.concatenate([marks, *(_beads(axes, line) for line in lines)])
    offsets, far = _offsets(points, sizes, taken, np.array(axes.get_window_extent().extents))
    return [
        axes.annotate(
            name,
            at[index],
            xytext=tuple(offsets[index].tolist()),
            textcoords="offset pixels",
            ha="center",
            va="center",
            fontsize=size,
            color=colours[index],
            parse_math=False,
            zorder=6,
            path_effects=[withStroke(linewidth=2.2, foreground="#ffffffd0")],
            arrowprops=(
                {"arrowstyle": "-", "color": colours[index], "linewidth": 0.6}
                if far[index] >= _LEADER_FROM
                else None
            ),
        )
        for index, name in enumerate(names)
    ]


def _offsets(points: Array, sizes: Array, taken: Array, frame: Array) -> tuple[Array, Array]:
    """Where the middle of each name lies from its point, and how far its edge is from there.

    Each name in turn takes the cheapest place, those with near neighbours first; in later rounds
    all choose again, knowing where the others are.
    """
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    order = np.argsort(np.sort(squared, axis=1)[:, 1:4].sum(axis=1))
    boxes = np.full((len(points), 4), np.nan)
    offsets, far = np.zeros_like(points), np.zeros(len(points))
    for _ in range(_ROUNDS):
        for index in order:
            steps, distances = _candidates(sizes[index])
            middles = points[index] + steps
            places = np.concatenate([middles - sizes[index] / 2, middles + sizes[index] / 2], 1)
            others = np.delete(boxes, index, axis=0)
            others = others[np.isfinite(others[:, 0])]
            outside = (places[:, :2] < frame[:2]) | (places[:, 2:] > frame[2:])
            cost = (
                _overlap(places, taken)
                + _ON_NAME * _overlap(places, others)
                + _AWAY * distances * sizes[index][1]
                + _OUTSIDE * outside.any(axis=1)
            )
            best = int(cost.argmin())
            boxes[index], offsets[index], far[index] = places[best], steps[best], distances[best]
    return offsets, far


def _size(axes: Axes, name: str, size: float) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = axes.text(0, 0, name, fontsize=size, parse_math=False)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _candidates(size: Array) -> tuple[Array, Array]:
    """Offsets of a name's middle from its point, and the distance of its edge for each."""
    directions = np.stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)], axis=1)
    # From the middle of a box to its edge along each direction.
    reach = np.min(size / 2 / np.maximum(np.abs(directions), 1e-9), axis=1)
    offsets = [directions * (reach + far)[:, None] for far in _DISTANCES]
    return np.concatenate(offsets), np.repeat(_DISTANCES, len(directions))


def _beads(axes: Axes, line: Sequence[tuple[float, float]]) -> Array:
    """Small boxes along a polyline."""
    corners = axes.transData.transform(np.asarray(line, float))
    beads = [corners[:1]]
    for start, end in pairwise(corners):
        count = max(1, int(np.hypot(*(end - start)) / 5))
        beads.append(start + (end - start) * np.linspace(0, 1, count + 1)[1:, None])
    middles = np.concatenate(beads)
    return np.concatenate([middles - 2, middles + 2], axis=1)


def _overlap(boxes: Array, others: Array) -> Array:
    """Area that each box shares with the others, in pixels."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.clip(high - low, 0.0, None)
    return np.asarray((sides[..., 0] * sides[..., 1]).sum(axis=1))
