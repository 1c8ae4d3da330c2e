"""`curves.png`: loss and Dice of a training run, redrawn after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK, new_figure, tidy
from ynet3d.reporting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]

_LOSS, _VALIDATION = "#2b6cb0", "#8b5cf6"


def save_curves(history: Sequence[Row], path: str | Path, *, title: str = "") -> None:
    """Draw loss and Dice against the epoch, with the best epoch marked.

    The best epoch is the one with the highest mean of the Dice that are there (liver, tumour), the
    first of equals. A row may say so itself with a true value under "best": the last such counts.

    Args:
        history: one mapping per epoch: `epoch`, `train_loss`, `validation_loss`, `dice_liver`,
            `dice_tumour`, `learning_rate`; a missing key, None or NaN means not measured.
        path: PNG to write.
        title: headline, for instance the recipe.
    """
    figure = new_figure(11.0, 4.6, dpi=110)
    loss_axes, dice_axes = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.05, right=0.985, bottom=0.12, top=0.84, wspace=0.12)
    epochs = column(history, "epoch")
    if title:
        figure.suptitle(
            title,
            color=INK,
            fontsize=13,
            fontweight="bold",
            x=0.012,
            ha="left",
            parse_math=False,
        )

    prepare(loss_axes, "Loss", epochs)
    _draw(loss_axes, epochs, column(history, "train_loss"), "training", _LOSS)
    _draw(loss_axes, epochs, column(history, "validation_loss"), "validation", _VALIDATION)
    _draw_learning_rate(loss_axes, epochs, column(history, "learning_rate"))

    prepare(dice_axes, "Validation Dice", epochs)
    dice_axes.set_ylim(-0.02, 1.02)
    dice_axes.set_yticks(np.linspace(0.0, 1.0, 6))
    liver, tumour = column(history, "dice_liver"), column(history, "dice_tumour")
    _draw(dice_axes, epochs, liver, "liver", style.PLOT_LIVER)
    _draw(dice_axes, epochs, tumour, "tumour", style.PLOT_TUMOUR)

    best = best_epoch(history)
    if best is not None:
        at = epochs[best]
        for axes in (loss_axes, dice_axes):
            axes.axvline(at, color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        measured = [
            f"{name} {values[best]:.3f}"
            for name, values in (("liver", liver), ("tumour", tumour))
            if np.isfinite(values[best])
        ]
        dice_axes.set_title(
            f"best: epoch {at:.0f} ({', '.join(measured)})",
            loc="right",
            color=GREY,
            fontsize=9.5,
        )
        for values, colour in ((liver, style.PLOT_LIVER), (tumour, style.PLOT_TUMOUR)):
            dice_axes.plot(
                [at], [values[best]], "o", color=colour, markersize=8, markeredgecolor="white",
                markeredgewidth=1.5, zorder=4,
            )  # fmt: skip
    elif len(history):
        words = "not yet measured"
        dice_axes.text(0.5, 0.5, words, transform=dice_axes.transAxes, color=GREY, ha="center")
    for axes in (loss_axes, dice_axes):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, loc="best")
    save_figure(figure, path)


def best_epoch(history: Sequence[Row]) -> int | None:
    """Index of the best row, None where no Dice was measured."""
    said = [index for index, row in enumerate(history) if row.get("best")]
    if said:
        return said[-1]
    dice = np.stack([column(history, "dice_liver"), column(history, "dice_tumour")])
    measured = np.isfinite(dice)
    if not measured.any():
        return None
    counts = measured.sum(axis=0)
    means = np.where(measured, dice, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return int(np.where(counts > 0, means, -1.0).argmax())


def column(history: Sequence[Row], key: str) -> npt.NDArray[np.float64]:
    """The values of a key, NaN where there is none."""
    values = [row.get(key) for row in history]
    return np.array([np.nan if value is None else float(value) for value in values], np.float64)


def prepare(axes: Axes, title: str, epochs: npt.NDArray[np.float64]) -> None:
    """A plot against the epoch."""
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, loc="left", color=INK, fontsize=11.5, fontweight="bold")
    axes.set_xlabel("Epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    tidy(axes)
    if len(epochs):
        span = max(1.0, epochs[-1] - epochs[0])
        axes.set_xlim(epochs[0] - 0.03 * span, epochs[-1] + 0.03 * span)


def _draw(
    axes: Axes,
    epochs: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    name: str,
    colour: str,
) -> None:
    """One curve, its points marked while they are few; gaps of unmeasured epochs are bridged."""
    measured = np.isfinite(values)
    if not measured.any():
        return
    marker = "o" if measured.sum() <= 40 else ""
    axes.plot(
        epochs[measured], values[measured], color=colour, linewidth=1.8, marker=marker,
        markersize=3.5, label=name, zorder=3,
    )  # fmt: skip


def _draw_learning_rate(
    axes: Axes, epochs: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> None:
    """The learning rate as a pale area behind the loss, its largest value in words."""
    measured = np.isfinite(values) & (values > 0)
    if measured.sum() < 2:
        return
    behind = axes.twinx()
    behind.set_axis_off()
    behind.set_ylim(0.0, 1.15 * values[measured].max())
    behind.fill_between(epochs[measured], values[measured], color=GREY, alpha=0.10, linewidth=0)
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.set_title(
        f"grey: learning rate, at most {values[measured].max():.1e}",
        loc="right", color=GREY, fontsize=9.5,
    )  # fmt: skip
