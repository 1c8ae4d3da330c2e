"""The differences in Dice of each model from the first, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.comparison.drawing import (
    HEAD,
    NAME_LENGTH,
    WORTH_NAMING,
    add_axes,
    cases_title,
    class_title,
    headed_figure,
    model_label,
    title_width,
)
from ynet3d.evaluation.comparison.pairs import PairComparison
from ynet3d.evaluation.comparison.words import difference, p_value
from ynet3d.evaluation.plots import CLASS_COLOURS, shortened, side_by_side
from ynet3d.evaluation.significance import Floats
from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches.
_LETTER = 0.065  # of the names of cases
_ROW, _WIDE, _NOTES = 0.78, 6.2, 1.9
#: How much of a row the dots may take.
_SWARM = 0.56


def save_differences(comparison: Comparison, path: str | Path) -> None:
    """Write the differences in Dice of every other model from the first; a dot per case.

    A panel per class to quote, over the cases to quote, and in it a row per model: dots, and below
    them the median with its 95% interval. The cases at either end are named.
    """
    first, others = comparison.models[0], comparison.models[1:]
    left = 0.3 + 0.078 * max(len(model_label(name)) for name in others)
    panel_height = _ROW * len(others)
    height = HEAD + 2 * (0.35 + panel_height + 0.75)
    width = max(left + _WIDE + _NOTES, title_width(comparison))
    figure = headed_figure(
        width, height, f"Difference in Dice from {model_label(first)}, {cases_title(comparison)}",
        comparison.data, "A dot per case; below, the median with its 95% bootstrap interval.",
    )  # fmt: skip
    for index, class_name in enumerate(comparison.headline):
        top = height - HEAD - index * (0.35 + panel_height + 0.75) - 0.35
        axes = add_axes(figure, left, top - panel_height, _WIDE, panel_height)
        case_set = comparison.case_set(class_name)
        values = comparison.values(class_name, "dice", case_set)
        names = comparison.names(class_name, case_set)
        n = len(names)
        axes.set_title(
            f"{class_title(class_name)}, {n} case{'s' if n > 1 else ''}",
            fontsize=10, loc="left", color=INK,
        )  # fmt: skip
        _prepare_rows(axes, values[:, 1:] - values[:, :1], names, others)
        axes.set_xlabel(
            f"Dice − Dice of {model_label(first)} (right of 0: better)",
            fontsize=9, color=INK, parse_math=False,
        )  # fmt: skip
        for row, other in enumerate(others):
            pair = comparison.pair(first, other, class_name=class_name)
            _draw_row(axes, row, values[:, row + 1] - values[:, 0], names, pair)
    save_figure(figure, path)


def _prepare_rows(
    axes: Axes, differences: Floats, names: tuple[str, ...], others: tuple[str, ...]
) -> None:
    low, high = min(0.0, float(differences.min())), max(0.0, float(differences.max()))
    reach = max(high - low, 2 * WORTH_NAMING)
    # Room for the names of the outermost cases, beside their dots.
    label = 0.12 + _LETTER * max(len(shortened(name, NAME_LENGTH)) for name in names)
    room = reach * label / (_WIDE - 2 * label)
    axes.set(xlim=(low - room, high + room), ylim=(len(others) - 0.5, -0.5))
    axes.set_yticks(range(len(others)), [model_label(name) for name in others], parse_math=False)
    axes.tick_params(axis="y", length=0, labelsize=9.5)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)


def _draw_row(
    axes: Axes, row: int, differences: Floats, names: tuple[str, ...], pair: PairComparison
) -> None:
    order = np.argsort(differences, kind="stable")
    ranked = differences[order].tolist()
    width = axes.get_xlim()[1] - axes.get_xlim()[0]
    # Smaller dots for many cases, so that they do not cover each other.
    size = 5.5 * min(1.0, max(0.5, (40 / len(ranked)) ** 0.5))
    places = side_by_side(ranked, height=0.0031 * size * width, step=0.02 * size, width=_SWARM)
    heights = [row - 0.1 + place for place in places]
    axes.plot(
        ranked,
        heights,
        "o",
        markersize=size,
        markerfacecolor=CLASS_COLOURS[pair.class_name],
        markeredgecolor="#404040",
        markeredgewidth=0.6,
        zorder=3,
    )
    below = row + 0.33
    if pair.interval_95:
        axes.plot(pair.interval_95, (below, below), color=INK, linewidth=1.6, zorder=2)
    axes.plot(float(np.median(differences)), below, "D", color=INK, markersize=4.5, zorder=3)
    test = "p (Holm)" if pair.tests > 1 else "p"
    axes.annotate(
        f"{difference(pair)}\n{test} {p_value(pair.p_holm)}",
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=INK,
        linespacing=1.35,
        annotation_clip=False,
    )
    for end, side in ((0, "right"), (-1, "left")):
        value, place = ranked[end], heights[end]
        outside = value < 0 if end == 0 else value > 0
        if outside and abs(value) >= WORTH_NAMING:
            axes.annotate(
                shortened(names[order[end]], NAME_LENGTH),
                (value, place),
                xytext=(-6 if end == 0 else 6, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=7.5,
                color=GREY,
                parse_math=False,
            )
