"""Training of several networks in one picture: loss and validation Dice of all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK, new_figure
from ynet3d.reporting import style
from ynet3d.reporting.curves import Row, best_epoch, column, prepare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = {
    "train_loss": "Training loss",
    "dice_liver": "Validation Dice, liver",
    "dice_tumour": "Validation Dice, tumour",
}
_WIDTH, _LEGEND = 14.0, 3.1  # inches
_TOP, _BOTTOM = 0.85, 0.55  # inches above and below the plots
_ENTRY = 0.37  # inches of the legend for each run
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)))
_MANY = 30  # points from which on a running mean is drawn


def save_curves_of_runs(
    histories: Mapping[str, Sequence[Row]], path: str | Path, *, title: str = "", note: str = ""
) -> None:
    """Draw training loss and validation Dice of liver and tumour against the epoch, for all runs.

    Long runs are drawn as a running mean over each epoch's value in pale. The best epoch (as
    `best_epoch` has it) is marked, and its Dice stand in the legend.

    Args:
        histories: the rows of each run's log, by the run's name, in the order of the legend.
        path: PNG to write.
        title: headline.
        note: data set and number of validation cases.
    """
    height = _TOP + _BOTTOM + max(4.0, _ENTRY * (len(histories) + 1))
    figure = new_figure(_WIDTH, height, dpi=130)
    plots = figure.subplots(1, len(_PANELS))
    figure.subplots_adjust(
        left=0.035, right=1 - (_LEGEND + 0.2) / _WIDTH, bottom=_BOTTOM / height,
        top=1 - _TOP / height, wspace=0.14,
    )  # fmt: skip
    figure.text(
        0.012, 1 - 0.28 / height, title or "Training", color=INK, fontsize=13,
        fontweight="bold", va="center", parse_math=False,
    )  # fmt: skip
    smoothed = any(len(history) >= _MANY for history in histories.values())
    words = [note, "pale: each epoch, bold: running mean" if smoothed else ""]
    words.append("marked: the epoch that is kept" if histories else "no run")
    figure.text(
        1 - 0.012, 1 - 0.28 / height, "; ".join(filter(None, words)), color=GREY,
        fontsize=10, va="center", ha="right", parse_math=False,
    )  # fmt: skip
    last = max([1.0, *(float(rows[-1]["epoch"]) for rows in histories.values() if rows)])
    for axes, (key, name) in zip(plots, _PANELS.items(), strict=True):
        prepare(axes, name, np.array([1.0, last]))
        for number, history in enumerate(histories.values()):
            _draw(axes, history, key, number, pale=0.28 if len(histories) <= 6 else 0.14)
        _scale(axes, key, list(histories.values()))
    _legend(figure, histories, height)
    save_figure(figure, path)


def _draw(axes: Axes, history: Sequence[Row], key: str, number: int, *, pale: float) -> None:
    epochs, values = column(history, "epoch"), column(history, key)
    measured = np.isfinite(values)
    if not measured.any():
        return
    colour, line, marker = _look(number)
    drawn = values[measured]
    if len(drawn) >= _MANY:
        axes.plot(epochs[measured], drawn, color=colour, linewidth=0.8, alpha=pale, zorder=2)
        drawn = _running_mean(drawn, len(drawn) // 15)
    single = marker if len(drawn) == 1 else ""  # a line needs two points
    axes.plot(
        epochs[measured], drawn, color=colour, linestyle=line, linewidth=1.9, marker=single,
        zorder=3,
    )  # fmt: skip
    best = best_epoch(history)
    if key != "train_loss" and best is not None and measured[best]:
        axes.plot(
            [epochs[best]], [values[best]], marker=marker, color=colour, markersize=8.5,
            markeredgecolor="white", markeredgewidth=1.2, zorder=4,
        )  # fmt: skip


def _look(number: int) -> tuple[str, Any, str]:
    """Colour, line and marker of a run; 21 runs look different."""
    colours = len(style.SERIES)
    return (
        style.SERIES[number % colours],
        _LINES[number // colours % len(_LINES)],
        style.MARKERS[number % colours],
    )


def _running_mean(values: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """Mean of each value and its neighbours, `reach` in all, fewer at the ends."""
    window = np.ones(2 * (reach // 2) + 1)
    sums = np.convolve(values, window, mode="same")
    return np.asarray(sums / np.convolve(np.ones_like(values), window, mode="same"))


def _scale(axes: Axes, key: str, histories: Sequence[Sequence[Row]]) -> None:
    """Loss on a logarithmic axis where it falls far; Dice from 0 to 1."""
    if key != "train_loss":
        axes.set_ylim(-0.02, 1.02)
        axes.set_yticks(np.linspace(0.0, 1.0, 6))
        return
    values = np.concatenate([column(rows, key) for rows in histories] or [np.array([])])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, histories: Mapping[str, Sequence[Row]], height: float) -> None:
    """Beside the plots: how each run is drawn, its best Dice and the epoch."""
    from matplotlib.lines import Line2D

    left, top = 1 - _LEGEND / _WIDTH, 1 - (_TOP - 0.14) / height
    figure.text(
        left, top, "Dice of the kept epoch, liver / tumour", color=GREY, fontsize=9.5,
        va="center",
    )  # fmt: skip
    for number, (name, history) in enumerate(histories.items()):
        colour, line, marker = _look(number)
        at = top - (0.36 + _ENTRY * number) / height
        figure.add_artist(
            Line2D(
                [left, left + 0.4 / _WIDTH], [at, at], color=colour, linestyle=line, linewidth=2.0
            )
        )
        figure.add_artist(
            Line2D(
                [left + 0.2 / _WIDTH], [at], color=colour, marker=marker, markersize=8,
                markeredgecolor="white", markeredgewidth=1.0,
            )
        )  # fmt: skip
        for down, words, ink, size in (
            (-0.08, name, INK, 10.0),
            (0.08, _best_words(history), GREY, 8.5),
        ):
            figure.text(
                left + 0.52 / _WIDTH, at - down / height, words, color=ink, fontsize=size,
                va="center", parse_math=False,
            )  # fmt: skip


def _best_words(history: Sequence[Row]) -> str:
    best = best_epoch(history)
    if best is None:
        return "not yet measured"
    dice = " / ".join(
        f"{value:.3f}" if np.isfinite(value) else "–"
        for value in (column(history, key)[best] for key in ("dice_liver", "dice_tumour"))
    )
    epochs = column(history, "epoch")
    return f"{dice}, epoch {epochs[best]:.0f} of {epochs[-1]:.0f}"
