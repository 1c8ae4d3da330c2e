"""Predicted against reference volumes, of liver and tumour (`volumes.png`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.agreement import VolumeAgreement, cases_with_class, volumes
from ynet3d.evaluation.figures import (
    cases_words,
    say_instead,
    scored_words,
    titled_figure,
)
from ynet3d.evaluation.plots import CLASS_COLOURS, name_dot
from ynet3d.evaluation.summary import Evaluation
from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_CASES = 3
#: From this ratio of largest to smallest volume on, a linear axis would squeeze the small ones.
_RATIO_FOR_LOG = 20


def save_volume_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Write a row of panels for liver and tumour: one against the other, and Bland-Altman.

    Hollow dots are cases in which only one side has the class.
    """
    names = evaluation.headline
    title = f"Volumes, {scored_words(evaluation)}"
    presence = [evaluation.presence[name] for name in names]
    if any(one.missed or one.invented for one in presence):
        title += " (hollow dots: only the prediction or only the reference has any)"
    figure = titled_figure(9.6, 4.3 * len(names), title)
    for row, class_name in zip(figure.subplots(len(names), 2), names, strict=True):
        agreement = evaluation.volumes[class_name]
        if not agreement.cases:
            for axes in row:
                say_instead(axes, f"No {class_name} in any\nreference or prediction.")
            continue
        predicted, reference = volumes(evaluation.cases, class_name)
        cases = [case.name for case in cases_with_class(evaluation.cases, class_name)]
        colour = CLASS_COLOURS[class_name]
        _draw_scatter(row[0], predicted, reference, colour)
        row[0].set_title(_scatter_title(class_name, agreement), fontsize=9.5, color=INK)
        _draw_differences(row[1], predicted, reference, agreement, cases, colour)
        row[1].set_title(_difference_title(class_name, agreement), fontsize=9.5, color=INK)
    save_figure(figure, path)


def _draw_scatter(
    axes: Axes,
    predicted: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    colour: str,
) -> None:
    tidy(axes)
    both = np.concatenate([predicted, reference])
    positive = both[both > 0]
    largest, smallest = float(both.max()), float(positive.min())
    if largest / smallest > _RATIO_FOR_LOG:
        # Logarithmic, with room for 0 (missed or invented) below the smallest volume.
        threshold = 10.0 ** np.floor(np.log10(smallest))
        limits = (-0.15 * threshold if positive.size < both.size else threshold, largest * 1.6)
        axes.set_xscale("symlog", linthresh=threshold, linscale=0.4)
        axes.set_yscale("symlog", linthresh=threshold, linscale=0.4)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        margin = 0.06 * max(largest - float(both.min()), 0.1 * largest)
        limits = (float(both.min()) - margin, largest + margin)
    axes.plot(limits, limits, color=GREY, linewidth=1, zorder=1)
    axes.set(xlim=limits, ylim=limits)
    axes.set_box_aspect(1)
    _dots(axes, reference, predicted, predicted, reference, colour)
    axes.set_xlabel("reference, mL", fontsize=9)
    axes.set_ylabel("prediction, mL", fontsize=9)


def _draw_differences(
    axes: Axes,
    predicted: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    agreement: VolumeAgreement,
    cases: list[str],
    colour: str,
) -> None:
    tidy(axes)
    middle, difference = (predicted + reference) / 2, predicted - reference
    axes.axhline(0, color=GREY, linewidth=1, zorder=1)
    _dots(axes, middle, difference, predicted, reference, colour)
    lines = [] if agreement.bias_ml is None else [(agreement.bias_ml, "bias", "-")]
    if agreement.limits_ml is not None:
        lines += [(limit, "", "--") for limit in agreement.limits_ml]
    levels = [float(difference.min()), float(difference.max()), 0.0, *(line[0] for line in lines)]
    span = max(max(levels) - min(levels), 1e-3 * float(middle.max()))
    axes.set_ylim(min(levels) - 0.12 * span, max(levels) + 0.12 * span)
    width = max(float(middle.max() - middle.min()), 0.1 * float(middle.max()))
    left, right = float(middle.min()) - 0.08 * width, float(middle.max()) + 0.08 * width
    axes.set_xlim(left, right)
    if len(middle) > 1:
        for level, _, style in lines:
            axes.axhline(level, color=INK, linewidth=1.1, linestyle=style, zorder=2)
    named = np.argsort(-np.abs(difference), kind="stable")[:_NAMED_CASES]
    _name(
        axes, middle, difference, cases, named[difference[named] != 0], height=0.055 * 1.24 * span
    )
    axes.set_xlabel("mean of prediction and reference, mL", fontsize=9)
    axes.set_ylabel("prediction - reference, mL", fontsize=9)


def _name(
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    names: list[str],
    which: npt.NDArray[np.intp],
    *,
    height: float,
) -> None:
    """Names beside some dots, on the side with more room, pushed apart by at least `height`."""
    left, right = axes.get_xlim()
    centre, beside = (left + right) / 2, 0.025 * (right - left)
    above = -np.inf
    for index in which[np.argsort(y[which])].tolist():
        above = max(y[index], above + height)
        on_the_left = bool(x[index] >= centre)
        place = x[index] + (-beside if on_the_left else beside), above
        dot = x[index], y[index]
        text = name_dot(axes, names[index], dot, place, gap=1, on_the_left=on_the_left)
        text.set_in_layout(False)


def _dots(
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    predicted: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    colour: str,
) -> None:
    in_both = (predicted > 0) & (reference > 0)
    for where, face in ((in_both, colour), (~in_both, "white")):
        if not where.any():  # an empty artist counts for the layout as one in the corner
            continue
        axes.plot(
            x[where],
            y[where],
            "o",
            markersize=5.5,
            markerfacecolor=face,
            markeredgecolor=INK,
            markeredgewidth=0.6,
            clip_on=False,
            zorder=3,
        )


def _scatter_title(class_name: str, agreement: VolumeAgreement) -> str:
    words = f"{class_name}, in {cases_words(agreement.cases)}"
    if agreement.pearson is None or agreement.concordance is None:
        return f"{words}\n"
    return (
        f"{words}\nPearson {agreement.pearson:.3f}, Lin's concordance {agreement.concordance:.3f}"
    )


def _difference_title(class_name: str, agreement: VolumeAgreement) -> str:
    if agreement.bias_ml is None:
        return class_name
    if agreement.limits_ml is None:
        return f"{class_name}: difference {signed_ml(agreement.bias_ml)}\n"
    low, high = agreement.limits_ml
    return (
        f"{class_name}: bias {signed_ml(agreement.bias_ml)} (solid)\n"
        f"95% limits {signed_ml(low)} to {signed_ml(high)} (dashed)"
    )


def signed_ml(value: float) -> str:
    """A difference for people: three digits that count, a true minus sign."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:+.{digits}f}" if round(value, digits) else "0"
    return f"{text.replace('-', chr(0x2212))} mL"
