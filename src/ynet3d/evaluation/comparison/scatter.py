"""The Dice of each model against that of the first, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
from ynet3d.evaluation.plots import CLASS_COLOURS, axis_bottom, shortened
from ynet3d.evaluation.significance import Floats
from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_CASES = 3
_COLUMNS = 4
# Inches.
_PANEL, _GAP, _LINE = 2.75, 0.6, 0.16
_LEFT, _RIGHT = 0.75, 0.25


def save_scatter(comparison: Comparison, path: str | Path) -> None:
    """Write the Dice of every other model against that of the first; a dot per case.

    A row of panels per class to quote (for two models, a panel per class). Above the diagonal the
    other model is better. Rings: the reference lacks the class. The cases farthest from the
    diagonal are numbered, and named below.
    """
    first, others = comparison.models[0], comparison.models[1:]
    columns = min(_COLUMNS, max(2, len(others)))
    # Two models: the classes side by side; else each class begins a row.
    rows_of_class = -(-len(others) // columns)
    rows = 1 if len(others) == 1 else 2 * rows_of_class
    panel_height = 0.35 + _PANEL + 0.5 + (_NAMED_CASES + 2) * _LINE + 0.15
    width = max(_LEFT + columns * (_PANEL + _GAP) - _GAP + _RIGHT, title_width(comparison))
    height = HEAD + rows * panel_height
    figure = headed_figure(
        width, height, f"Dice per case, {cases_title(comparison)}", comparison.data,
        "A dot per case; above the diagonal the model of the upright axis is better.",
    )  # fmt: skip
    panels = [(c, o) for c in range(len(comparison.headline)) for o in range(len(others))]
    for of_class, index in panels:
        class_name, other = comparison.headline[of_class], others[index]
        row, column = divmod(index, columns)
        row, column = (0, of_class) if rows == 1 else (row + of_class * rows_of_class, column)
        x = _LEFT + column * (_PANEL + _GAP)
        y = height - HEAD - row * panel_height - 0.35 - _PANEL
        axes = add_axes(figure, x, y, _PANEL, _PANEL)
        values = comparison.values(class_name, "dice", "all")
        bottom = axis_bottom(float(values.min()))
        axes.set(xlim=(bottom, 1), ylim=(bottom, 1))
        axes.locator_params(nbins=5)
        axes.set_xlabel(model_label(first), color=INK, fontsize=9, parse_math=False)
        axes.set_ylabel(model_label(other), color=INK, fontsize=9, parse_math=False)
        if index == 0:
            axes.set_title(class_title(class_name), fontsize=10, loc="left", color=INK)
        _draw_scatter(axes, comparison, class_name, values[:, [0, 1 + index]])
    save_figure(figure, path)


def _draw_scatter(axes: Axes, comparison: Comparison, class_name: str, pair: Floats) -> None:
    bottom, top = axes.get_xlim()
    axes.plot([bottom, top], [bottom, top], color=GREY, linewidth=1, zorder=1)
    has = np.array([comparison.in_reference(case, class_name) for case in comparison.cases])
    style: dict[str, Any] = {
        "markeredgecolor": "#404040",
        "clip_on": False,
        "linestyle": "none",
        "marker": "o",
    }
    axes.plot(
        *pair[~has].T, markersize=9, markerfacecolor="none", markeredgewidth=0.9, zorder=2, **style
    )
    axes.plot(
        *pair[has].T, markersize=5.5, markerfacecolor=CLASS_COLOURS[class_name],
        markeredgewidth=0.6, zorder=3, **style,
    )  # fmt: skip
    differences = np.abs(pair[:, 1] - pair[:, 0])
    ranked = np.argsort(-differences, kind="stable")
    worth = [i for i in ranked.tolist() if has[i] == has.any() and differences[i] >= WORTH_NAMING]
    named = worth[:_NAMED_CASES]
    _count_equals(axes, pair, has)
    _number(axes, pair, named)
    above, below = int((pair[:, 1] > pair[:, 0]).sum()), int((pair[:, 1] < pair[:, 0]).sum())
    lines = [f"above the diagonal {above}, below {below}, on it {len(pair) - above - below}"]
    if not has.all():
        lines.append(f"rings: no {class_name} in the reference ({int((~has).sum())})")
    for number, index in enumerate(named, start=1):
        a, b = pair[index].tolist()
        name = shortened(comparison.cases[index], NAME_LENGTH)
        lines.append(f"{number}  {name}:  {a:.3f} → {b:.3f}")
    for index, line in enumerate(lines):
        axes.annotate(
            line,
            (0, 0),
            xycoords="axes fraction",
            xytext=(0, -72 * (0.5 + index * _LINE)),
            textcoords="offset points",
            va="top",
            fontsize=7.5,
            color=GREY if index < len(lines) - len(named) else INK,
            annotation_clip=False,
            parse_math=False,
        )


def _count_equals(axes: Axes, pair: Floats, has: npt.NDArray[np.bool_]) -> None:
    """Say how many cases lie on one spot, where it is more than one."""
    counts: dict[tuple[float, float], list[int]] = {}
    for spot, filled in zip(pair.tolist(), has.tolist(), strict=True):
        counts.setdefault((spot[0], spot[1]), [0, 0])[filled] += 1
    for (a, b), (rings, dots) in counts.items():
        parts = [f"×{dots}"] * (dots > 1) + [f"○×{rings}"] * (rings > 1)
        if parts:
            middle = sum(axes.get_xlim()) / 2
            into = (1 if a < middle else -1, 1 if b < middle else -1)
            _beside(axes, (a, b), " ".join(parts), *into, bold=False)


def _number(axes: Axes, pair: Floats, named: list[int]) -> None:
    """Put numbers beside the dots of the named cases; cases on one spot share theirs."""
    spots: dict[tuple[float, float], list[int]] = {}
    low, high = axes.get_xlim()
    reach = high - low
    for number, index in enumerate(named, start=1):
        near = (spot for spot in spots if np.hypot(*(pair[index] - spot)) < 0.05 * reach)
        spots.setdefault(next(near, (pair[index, 0].item(), pair[index, 1].item())), []).append(
            number
        )
    for (a, b), numbers in spots.items():
        # Away from the diagonal, unless that is out of the panel.
        across, up = (-1, 1) if b > a else (1, -1)
        if not low + 0.06 * reach < a < high - 0.06 * reach:
            across = -across
        if not low + 0.06 * reach < b < high - 0.06 * reach:
            up = -up
        _beside(axes, (a, b), ", ".join(map(str, numbers)), across, up, bold=True)


def _beside(
    axes: Axes, spot: tuple[float, float], text: str, across: int, up: int, *, bold: bool
) -> None:
    from matplotlib.patheffects import withStroke

    axes.annotate(
        text,
        spot,
        xytext=(5 * across, 4 * up),
        textcoords="offset points",
        ha="left" if across > 0 else "right",
        va="bottom" if up > 0 else "top",
        fontsize=8 if bold else 7,
        fontweight="bold" if bold else "normal",
        color=INK if bold else GREY,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=4,
    )
