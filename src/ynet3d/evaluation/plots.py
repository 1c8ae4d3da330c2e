"""The Dice of every case as a dot, one panel per class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.figures import scored_words, titled_figure
from ynet3d.evaluation.summary import Evaluation
from ynet3d.files import save_figure
from ynet3d.labels import COLOURS, Label
from ynet3d.plots import INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

Point = tuple[float, float]

CLASS_COLOURS = {
    "liver": COLOURS[Label.LIVER],
    "liver_label1": COLOURS[Label.LIVER],
    "tumour": COLOURS[Label.TUMOUR],
}
_NAMED_CASES = 3
_NAME_LENGTH = 18
#: Dots nearer than this (as a share of the panel's height) are set side by side.
_DOT_HEIGHT = 0.022


def save_dice_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Write a panel per class: a dot per case, the mean, its interval, the worst cases by name.

    Hollow dots are cases whose reference lacks the class, where Dice is 0 or 1 by rule.
    """
    names = evaluation.class_names
    title = f"Dice per case, {scored_words(evaluation)} (each panel has its own scale)"
    figure = titled_figure(3.6 * len(names), 5.0, title)
    for axes, class_name in zip(figure.subplots(1, len(names)), names, strict=True):
        _draw_class(axes, evaluation, class_name)
    save_figure(figure, path)


def _draw_class(axes: Axes, evaluation: Evaluation, class_name: str) -> None:
    results = sorted(
        (case.classes[class_name].metrics.dice, case.name, case.classes[class_name].in_reference)
        for case in evaluation.cases
    )
    values = [dice for dice, _, _ in results]
    bottom = axis_bottom(values[0])
    offsets = side_by_side(values, height=_DOT_HEIGHT * (1 - bottom))
    colour = CLASS_COLOURS[class_name]
    for (dice, _, in_reference), offset in zip(results, offsets, strict=True):
        axes.plot(
            offset,
            dice,
            "o",
            markersize=5.5,
            markerfacecolor=colour if in_reference else "white",
            markeredgecolor=INK,
            markeredgewidth=0.6,
            clip_on=False,
            zorder=3,
        )
    margin = 0.02 * (1 - bottom)
    axes.set(xlim=(-1, 1), ylim=(bottom - margin, 1 + margin), xticks=[])
    tidy(axes)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(f"{class_name}\n{CLASSES[class_name].definition.split(',')[0]}", fontsize=10)
    summary = evaluation.summary[class_name]["dice"]
    if summary.mean is not None:
        axes.axhline(summary.mean, color=INK, linewidth=1.2, zorder=2)
    if summary.interval_95 is not None:
        axes.axhspan(*summary.interval_95, color=INK, alpha=0.1, linewidth=0, zorder=1)
    lines = [_mean_text("mean", summary.mean, summary.sd)]
    if summary.interval_95 is not None:
        low, high = summary.interval_95
        lines.append(f"its 95% interval {low:.3f} to {high:.3f} (band)")
    if summary.cases_with_reference < summary.cases:
        lines.append(f"hollow: no {class_name} in the reference")
    if 0 < summary.cases_with_reference < summary.cases:
        start = f"the other {summary.cases_with_reference}:"
        lines.append(_mean_text(start, summary.mean_with_reference, summary.sd_with_reference))
    axes.set_xlabel("\n".join(lines), fontsize=9)
    _name_worst(axes, results, offsets, height=0.045 * (1 - bottom))


def _mean_text(start: str, mean: float | None, sd: float | None) -> str:
    if mean is None:
        return f"{start} none"
    return f"{start} {mean:.3f}" if sd is None else f"{start} {mean:.3f} ± {sd:.3f}"


def _name_worst(
    axes: Axes, results: list[tuple[float, str, bool]], offsets: list[float], *, height: float
) -> None:
    """Names beside the lowest dots, pushed apart by at least `height` (in Dice).

    Of more cases tied than can be named, none is.
    """
    named = results[:_NAMED_CASES]
    if len(results) > _NAMED_CASES:
        named = [result for result in named if result[0] < results[_NAMED_CASES][0]]
    if not named:
        return
    top = named[0][0] + (len(named) + 1) * height
    beside = [offset for (dice, _, _), offset in zip(results, offsets, strict=True) if dice < top]
    right = min(0.45, max(offsets[: len(named)] + beside) + 0.18)
    above = -math.inf
    for (dice, name, _), offset in zip(named, offsets, strict=False):
        above = max(dice, above + height)
        name_dot(axes, name, (offset, dice), (right, above), gap=2)


def name_dot(
    axes: Axes, name: str, dot: Point, place: Point, *, gap: float, on_the_left: bool = False
) -> Annotation:
    """Write the name of a case at `place` with a line to its dot, `gap` points from its middle."""
    return axes.annotate(
        shortened(name, _NAME_LENGTH),
        dot,
        xytext=place,
        ha="right" if on_the_left else "left",
        va="center",
        fontsize=7.5,
        color=INK,
        parse_math=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
        arrowprops={
            "arrowstyle": "-",
            "color": "#a0a0a0",
            "linewidth": 0.6,
            "relpos": (1 if on_the_left else 0, 0.5),
            "shrinkA": gap,
        },
        zorder=2.5,
    )


def shortened(name: str, length: int) -> str:
    """The end of a long name, where names of one data set differ."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


def axis_bottom(lowest: float) -> float:
    """Zero, unless all cases are good: then just below the lowest."""
    if lowest < 0.5:
        return 0.0
    step = 0.05 if lowest < 0.92 else 0.02
    return min(0.98, step * math.floor(lowest / step - 0.2))


def side_by_side(
    values: Sequence[float], *, height: float, step: float = 0.09, width: float = 1.8
) -> list[float]:
    """Places across for sorted values, so that dots nearer than `height` do not overlap.

    Args:
        values: sorted.
        height: of a dot, in units of the values.
        step: from dot to dot across; less where `width` would not hold them all.
        width: across which the places lie, centred on 0.
    """
    rows: list[list[int]] = []
    for index, value in enumerate(values):
        if rows and value - values[rows[-1][0]] < height:
            rows[-1].append(index)
        else:
            rows.append([index])
    step = min(step, width / max(len(row) for row in rows))
    places = [0.0] * len(values)
    for row in rows:
        # From the middle outwards, so that the dots of a row do not make a slope.
        for position, index in enumerate(row):
            out = (position + 1) // 2 * (1 if position % 2 else -1)
            places[index] = (out - (0.5 if len(row) % 2 == 0 else 0)) * step
    return places
