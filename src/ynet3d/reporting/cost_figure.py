"""Dice against what it costs, for instance FLOPs and parameters of each network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK, new_figure, tidy
from ynet3d.reporting import style
from ynet3d.reporting.label_placement import place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval = tuple[float, float]

#: Fields of a point to draw against, and what their axes say.
COSTS = {"flop": "FLOP of one forward pass", "parameters": "Parameters"}
_CLASSES = {"liver": style.PLOT_LIVER, "tumour": style.PLOT_TUMOUR}
_SMALLEST_SPAN = 0.08  # of the Dice axis, so that noise is not drawn as a difference
#: Up to so many different costs are named on the axis themselves.
_FEW_COSTS = 3


class DicePoint(Protocol):
    """A network and how well it does; what it costs are further fields.

    Attributes:
        name: written beside its point; may be empty.
        dice_liver, dice_tumour: mean Dice, 0 to 1; None where not measured.
        interval_liver, interval_tumour: their 95% intervals (lower, upper).
        family: networks of one family (one encoder, several widths) share a colour and a line.
    """

    @property
    def name(self) -> str: ...
    @property
    def dice_liver(self) -> float | None: ...
    @property
    def dice_tumour(self) -> float | None: ...
    @property
    def interval_liver(self) -> Interval | None: ...
    @property
    def interval_tumour(self) -> Interval | None: ...
    @property
    def family(self) -> str: ...


@dataclass(frozen=True)
class CostPoint:
    """A network (`DicePoint`) and what it costs.

    Attributes:
        parameters: number of trainable parameters.
        flop: floating-point operations of one forward pass.
    """

    name: str
    parameters: float
    flop: float
    dice_liver: float | None
    dice_tumour: float | None
    interval_liver: Interval | None = None
    interval_tumour: Interval | None = None
    family: str = ""


def save_dice_against_cost(
    points: Sequence[DicePoint],
    path: str | Path,
    *,
    title: str = "",
    note: str = "",
    costs: Mapping[str, str] = COSTS,
) -> None:
    """Draw Dice of liver (above) and tumour (below) against two costs (left and right).

    Args:
        points: one per network.
        path: PNG to write.
        title: headline.
        note: data set and number of cases.
        costs: two fields of the points, and the words of their axes; FLOPs and parameters.

    Raises:
        ValueError: a cost is not above 0, which has no place on a logarithmic axis.
    """
    for point in points:
        found = {cost: getattr(point, cost) for cost in costs}
        if min(found.values()) <= 0:
            named = " and ".join(f"{value} {cost}" for cost, value in found.items())
            raise ValueError(f"{point.name}: {named}; both must be above 0")
    figure = new_figure(11.0, 8.0)
    grid = figure.subplots(2, 2, sharex="col", sharey="row")
    figure.subplots_adjust(left=0.07, right=0.985, bottom=0.08, top=0.88, wspace=0.05, hspace=0.1)
    figure.text(
        0.012, 0.965, title or "Dice against cost", color=INK, fontsize=13,
        fontweight="bold", va="center", parse_math=False,
    )  # fmt: skip
    bars = any(point.interval_liver or point.interval_tumour for point in points)
    words = [note, "bars: 95% intervals" if bars else ""]
    figure.text(
        0.012, 0.927, "; ".join(filter(None, words)), color=GREY, fontsize=10,
        va="center", parse_math=False,
    )  # fmt: skip
    series = list(dict.fromkeys(point.family or point.name for point in points))
    for row, class_name in zip(grid, _CLASSES, strict=True):
        for axes, cost in zip(row, costs, strict=True):
            _prepare(axes, points, cost, class_name)
            _draw(axes, points, cost, class_name, series)
        row[0].set_ylabel("Mean Dice", color=INK)
        row[0].set_title(
            class_name.capitalize(), loc="left", color=_CLASSES[class_name], fontsize=11.5,
            fontweight="bold",
        )  # fmt: skip
    for axes, words_ in zip(grid[1], costs.values(), strict=True):
        axes.set_xlabel(words_, color=INK)
    figure.canvas.draw()  # names are placed in pixels, once all limits are final
    for row, class_name in zip(grid, _CLASSES, strict=True):
        for axes, cost in zip(row, costs, strict=True):
            _name(axes, points, cost, class_name, series)
    save_figure(figure, path)


def _prepare(axes: Axes, points: Sequence[DicePoint], cost: str, class_name: str) -> None:
    from matplotlib.ticker import EngFormatter, FixedLocator, LogLocator, NullFormatter, NullLocator

    costs = [float(getattr(point, cost)) for point in points] or [1e6, 1e9]
    axes.set_xscale("log")
    room = max(1.25, (max(costs) / min(costs)) ** 0.12)
    axes.set_xlim(min(costs) / room, max(costs) * room)
    decades = math.log10(max(costs) / min(costs)) if min(costs) > 0 else 0.0
    different = sorted(set(costs))
    apart = all(after / before > room for before, after in pairwise(different))
    if len(different) <= _FEW_COSTS and apart:  # such as budgets
        axes.xaxis.set_major_locator(FixedLocator(different))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,)))
    axes.xaxis.set_major_formatter(EngFormatter(sep="\N{THIN SPACE}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(*_dice_limits(points, class_name))
    tidy(axes)


def _dice_limits(points: Sequence[DicePoint], class_name: str) -> tuple[float, float]:
    """All values and intervals with some room, within what Dice can be."""
    values = [
        value
        for point in points
        for value in (_dice(point, class_name), *(_interval(point, class_name) or ()))
        if value is not None
    ]
    if not values:
        return 0.0, 1.0
    middle, span = (max(values) + min(values)) / 2, max(values) - min(values)
    half = max(_SMALLEST_SPAN, 1.16 * span) / 2
    return max(-0.01, middle - half), min(1.01, middle + half)


def _dice(point: DicePoint, class_name: str) -> float | None:
    value = getattr(point, f"dice_{class_name}")
    return None if value is None or math.isnan(value) else float(value)


def _interval(point: DicePoint, class_name: str) -> Interval | None:
    interval: Interval | None = getattr(point, f"interval_{class_name}")
    if interval is None or any(math.isnan(value) for value in interval):
        return None
    return interval


def _measured(
    points: Sequence[DicePoint], cost: str, class_name: str
) -> list[tuple[DicePoint, float, float]]:
    """The networks with a Dice: network, cost, Dice; by cost."""
    found = [
        (point, float(getattr(point, cost)), dice)
        for point in points
        if (dice := _dice(point, class_name)) is not None
    ]
    return sorted(found, key=lambda one: one[1])


def _draw(
    axes: Axes, points: Sequence[DicePoint], cost: str, class_name: str, series: Sequence[str]
) -> None:
    measured = _measured(points, cost, class_name)
    if not measured:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, color=GREY, ha="center")
    for number, name in enumerate(series):
        colour = style.SERIES[number % len(style.SERIES)]
        marker = style.MARKERS[number % len(style.MARKERS)]
        mine = [one for one in measured if (one[0].family or one[0].name) == name]
        for point, at, _ in mine:
            interval = _interval(point, class_name)
            if interval is not None:
                axes.plot(
                    [at, at], interval, color=colour, linewidth=1.4, alpha=0.45, marker="_",
                    markersize=8, zorder=2,
                )  # fmt: skip
        axes.plot(
            [at for _, at, _ in mine], [dice for *_, dice in mine], color=colour, linewidth=1.8,
            marker=marker, markersize=8.5, markeredgecolor="white", markeredgewidth=0.9, zorder=3,
        )  # fmt: skip


def _name(
    axes: Axes, points: Sequence[DicePoint], cost: str, class_name: str, series: Sequence[str]
) -> None:
    measured = _measured(points, cost, class_name)
    named = [one for one in measured if one[0].name]
    lines = [
        [(at, interval[0]), (at, interval[1])]
        for point, at, _ in measured
        if (interval := _interval(point, class_name)) is not None
    ]
    for name in series:
        family = [(at, dice) for point, at, dice in measured if point.family == name]
        if len(family) > 1:
            lines.append(family)
    place_labels(
        axes,
        [point.name for point, *_ in named],
        [(at, dice) for _, at, dice in named],
        colours=[
            style.darker(style.SERIES[series.index(point.family or point.name) % len(style.SERIES)])
            for point, *_ in named
        ],
        lines=lines,
    )
