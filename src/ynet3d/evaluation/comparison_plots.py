"""Two pictures of a comparison: Dice against Dice, and the differences from the first model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.comparison import Comparison
from ynet3d.evaluation.comparison_pairs import PairComparison
from ynet3d.evaluation.comparison_text import difference, p_value
from ynet3d.evaluation.plots import CLASS_COLOURS, axis_bottom, shortened, side_by_side
from ynet3d.evaluation.significance import Floats
from ynet3d.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _GREY, _GRID = "#1d2430", "#69727f", "#e3e7ed"
_DPI = 150
_NAMED_CASES = 3
_NAME_LENGTH = 22
#: Differences in Dice below this are not worth a name.
_WORTH_NAMING = 0.005

# Inches.
_PANEL, _GAP, _LINE = 2.75, 0.6, 0.16
_LETTER = 0.065  # of the names of cases
_LEFT, _RIGHT, _HEAD = 0.75, 0.25, 0.85
_ROW, _WIDE, _NOTES = 0.78, 6.2, 1.9


def save_scatter(comparison: Comparison, path: str | Path) -> None:
    """Write the Dice of every other model against that of the first; a dot per case.

    A row of panels per class to quote (for two models, a panel per class). Above the diagonal the
    other model is better. Rings: the reference lacks the class. The cases farthest from the
    diagonal are numbered, and named below.
    """
    first, others = comparison.models[0], comparison.models[1:]
    panels = [(class_name, other) for class_name in comparison.headline for other in others]
    columns = max(2, len(others))
    rows = -(-len(panels) // columns)
    panel_height = 0.35 + _PANEL + 0.5 + (_NAMED_CASES + 2) * _LINE + 0.15
    width = max(_LEFT + columns * (_PANEL + _GAP) - _GAP + _RIGHT, _title_width(comparison))
    height = _HEAD + rows * panel_height
    figure = _figure(width, height, f"Dice per case, {_cases(comparison)}", comparison.data)
    for index, (class_name, other) in enumerate(panels):
        row, column = divmod(index, columns)
        x = _LEFT + column * (_PANEL + _GAP)
        y = height - _HEAD - row * panel_height - 0.35 - _PANEL
        axes = _axes(figure, x, y, _PANEL, _PANEL)
        values = comparison.values(class_name, "dice", "all")
        bottom = axis_bottom(float(values.min()))
        axes.set(xlim=(bottom, 1), ylim=(bottom, 1))
        axes.set_xlabel(_model(first), color=_INK, fontsize=9, parse_math=False)
        axes.set_ylabel(_model(other), color=_INK, fontsize=9, parse_math=False)
        if other == others[0]:
            axes.set_title(_class_title(class_name), fontsize=10, loc="left", color=_INK)
        _draw_scatter(axes, comparison, class_name, values[:, [0, 1 + others.index(other)]])
    _save(figure, path)


def _draw_scatter(axes: Axes, comparison: Comparison, class_name: str, pair: Floats) -> None:
    bottom, top = axes.get_xlim()
    axes.plot([bottom, top], [bottom, top], color=_GREY, linewidth=1, zorder=1)
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
    worth = [i for i in ranked.tolist() if has[i] == has.any() and differences[i] >= _WORTH_NAMING]
    named = worth[:_NAMED_CASES]
    _count_equals(axes, pair, has)
    _number(axes, pair, named)
    above, below = int((pair[:, 1] > pair[:, 0]).sum()), int((pair[:, 1] < pair[:, 0]).sum())
    lines = [f"better in {above}, worse in {below}, equal in {len(pair) - above - below}"]
    if not has.all():
        lines.append(f"rings: no {class_name} in the reference ({int((~has).sum())})")
    for number, index in enumerate(named, start=1):
        a, b = pair[index].tolist()
        name = shortened(comparison.cases[index], _NAME_LENGTH)
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
            color=_GREY if index < len(lines) - len(named) else _INK,
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
        color=_INK if bold else _GREY,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=4,
    )


def save_differences(comparison: Comparison, path: str | Path) -> None:
    """Write the differences in Dice of every other model from the first; a dot per case.

    A panel per class to quote, over the cases to quote, and in it a row per model: dots, and below
    them the median with its 95% interval. The cases at either end are named.
    """
    first, others = comparison.models[0], comparison.models[1:]
    left = 0.3 + 0.078 * max(len(_model(name)) for name in others)
    panel_height = _ROW * len(others)
    height = _HEAD + 2 * (0.35 + panel_height + 0.75)
    width = max(left + _WIDE + _NOTES, _title_width(comparison))
    figure = _figure(
        width, height, f"Difference in Dice from {_model(first)}, {_cases(comparison)}",
        comparison.data, "A dot per case; below, the median with its 95% bootstrap interval.",
    )  # fmt: skip
    for index, class_name in enumerate(comparison.headline):
        top = height - _HEAD - index * (0.35 + panel_height + 0.75) - 0.35
        axes = _axes(figure, left, top - panel_height, _WIDE, panel_height)
        case_set = comparison.case_set(class_name)
        values = comparison.values(class_name, "dice", case_set)
        names = comparison.names(class_name, case_set)
        n = len(names)
        axes.set_title(
            f"{_class_title(class_name)}, {n} case{'s' if n > 1 else ''}",
            fontsize=10, loc="left", color=_INK,
        )  # fmt: skip
        _prepare_rows(axes, values[:, 1:] - values[:, :1], names, others)
        axes.set_xlabel(
            f"Dice − Dice of {_model(first)} (right of 0: better)",
            fontsize=9, color=_INK, parse_math=False,
        )  # fmt: skip
        for row, other in enumerate(others):
            pair = comparison.pair(first, other, class_name=class_name)
            _draw_row(axes, row, values[:, row + 1] - values[:, 0], names, pair)
    _save(figure, path)


def _prepare_rows(
    axes: Axes, differences: Floats, names: tuple[str, ...], others: tuple[str, ...]
) -> None:
    low, high = min(0.0, float(differences.min())), max(0.0, float(differences.max()))
    reach = max(high - low, 2 * _WORTH_NAMING)
    # Room for the names of the outermost cases, beside their dots.
    label = 0.12 + _LETTER * max(len(shortened(name, _NAME_LENGTH)) for name in names)
    room = reach * label / (_WIDE - 2 * label)
    axes.set(xlim=(low - room, high + room), ylim=(len(others) - 0.5, -0.5))
    axes.set_yticks(range(len(others)), [_model(name) for name in others], parse_math=False)
    axes.tick_params(axis="y", length=0, labelsize=9.5)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=_GREY, linewidth=1, zorder=1)


def _draw_row(
    axes: Axes, row: int, differences: Floats, names: tuple[str, ...], pair: PairComparison
) -> None:
    order = np.argsort(differences, kind="stable")
    ranked = differences[order].tolist()
    size = axes.get_xlim()[1] - axes.get_xlim()[0]
    places = side_by_side(ranked, height=0.017 * size, step=0.11, width=0.56)
    colour = CLASS_COLOURS[pair.class_name]
    dots = [(value, row - 0.1 + place) for value, place in zip(ranked, places, strict=True)]
    for value, place in dots:
        axes.plot(
            value,
            place,
            "o",
            markersize=5.5,
            markerfacecolor=colour,
            markeredgecolor="#404040",
            markeredgewidth=0.6,
            zorder=3,
        )
    below = row + 0.33
    if pair.interval_95:
        axes.plot(pair.interval_95, (below, below), color=_INK, linewidth=1.6, zorder=2)
    axes.plot(float(np.median(differences)), below, "D", color=_INK, markersize=4.5, zorder=3)
    test = "p (Holm)" if pair.tests > 1 else "p"
    axes.annotate(
        f"{difference(pair)}\n{test} {p_value(pair.p_holm)}",
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=_INK,
        linespacing=1.35,
        annotation_clip=False,
    )
    for end, side in ((0, "right"), (-1, "left")):
        value, place = dots[end]
        outside = value < 0 if end == 0 else value > 0
        if outside and abs(value) >= _WORTH_NAMING:
            axes.annotate(
                shortened(names[order[end]], _NAME_LENGTH),
                (value, place),
                xytext=(-6 if end == 0 else 6, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=7.5,
                color=_GREY,
                parse_math=False,
            )


def _cases(comparison: Comparison) -> str:
    number, whole = len(comparison.cases), len(comparison.cases) + len(comparison.incomplete)
    if number < whole:
        return f"{number} of {whole} cases (those scored for every model)"
    return f"{number} case{'s' if number > 1 else ''}"


def _class_title(class_name: str) -> str:
    return f"{class_name} ({CLASSES[class_name].definition.split(',')[0]})"


def _model(name: str) -> str:
    """A name of a model; long ones keep both ends."""
    half = _NAME_LENGTH // 2
    return name if len(name) <= _NAME_LENGTH else f"{name[:half]}…{name[1 - half :]}"


def _title_width(comparison: Comparison) -> float:
    """Inches that the headings need at least."""
    return max(7.0, 0.3 + 0.075 * len(comparison.data))


def _figure(width: float, height: float, title: str, *notes: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    lines = [(title, 12.5, _INK), *((note, 9, _GREY) for note in notes if note)]
    for (text, size, colour), y in zip(lines, (0.18, 0.46, 0.64), strict=False):
        figure.text(
            0.15 / width, 1 - y / height, text,
            ha="left", va="top", fontsize=size, color=colour, parse_math=False,
        )  # fmt: skip
    return figure


def _axes(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the lower left corner."""
    whole = figure.get_size_inches()
    axes = figure.add_axes((x / whole[0], y / whole[1], width / whole[0], height / whole[1]))
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GREY)
    return axes


def _save(figure: Figure, path: str | Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
