"""Which tumours are found and which are invented (`lesions.png`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ynet3d.evaluation.bootstrap import Estimate
from ynet3d.evaluation.figures import (
    say_instead,
    scored_words,
    titled_figure,
)
from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES, SIZE_WORDS
from ynet3d.evaluation.lesions import LesionMatching
from ynet3d.evaluation.summary import Evaluation
from ynet3d.files import save_figure
from ynet3d.labels import COLOURS, Label
from ynet3d.plots import GREY, INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FOUND = COLOURS[Label.TUMOUR]
_TOUCHED = "#bfe8c8"
#: Scans with more false positives than this share a bar.
_BARS = 10
#: How lesions look and are called: found well, found somehow, missed.
_KINDS = ((_FOUND, "IoU > 0.5"), (_TOUCHED, "less overlap"), ("white", "missed"))


def save_lesion_plot(evaluation: Evaluation, path: str | Path) -> None:
    """Write three panels: recall by size, every reference lesion, false positives per scan."""
    lesions = evaluation.lesions
    figure = titled_figure(
        13,
        4.6,
        f"Tumours one by one: {lesions.reference} in the reference, {lesions.prediction} "
        f"predicted, {scored_words(evaluation)}",
    )
    by_size, each, invented = figure.subplots(1, 3)
    if lesions.reference:
        _draw_recall(by_size, evaluation)
        _draw_each(each, [case.lesions for case in evaluation.cases])
        each.set_title(
            f"Each tumour of the reference\n{_mean_dice(lesions.lesion_wise_dice)}",
            fontsize=9.5,
            color=INK,
        )
    else:
        for axes in (by_size, each):
            say_instead(axes, "No tumour in any reference.")
    _draw_false_positives(invented, evaluation)
    save_figure(figure, path)


def _draw_recall(axes: Axes, evaluation: Evaluation) -> None:
    tidy(axes)
    axes.grid(visible=False, axis="x")
    thresholds = list(evaluation.lesions.thresholds.values())
    looks = ((_TOUCHED, "any overlap"), (_FOUND, "IoU > 0.5"))
    for threshold, (colour, words), shift in zip(thresholds, looks, (-0.2, 0.2), strict=True):
        for place, size in enumerate(SIZE_CLASSES):
            detection = threshold.by_size[size]
            recall, interval = detection.recall.value, detection.recall.interval_95
            counts = f"{detection.counts.true_positives}\nof {detection.counts.references}"
            if recall is None:
                axes.text(
                    place + shift, 0.01, "none", ha="center", va="bottom", fontsize=8, color=GREY
                )
                continue
            axes.bar(
                place + shift,
                recall,
                width=0.36,
                color=colour,
                edgecolor=INK,
                linewidth=0.6,
                label=words if size == _first_size(evaluation) else None,
                zorder=2,
            )
            top = recall
            if interval is not None:
                axes.plot([place + shift] * 2, interval, color=INK, linewidth=1.2, zorder=3)
                top = max(recall, interval[1])
            axes.text(
                place + shift, top + 0.015, counts,
                ha="center", va="bottom", fontsize=8, color=INK, linespacing=0.95,
            )  # fmt: skip
    axes.set_xticks(range(len(SIZE_CLASSES)), [SIZE_WORDS[size] for size in SIZE_CLASSES])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set(ylim=(0, 1.32), xlim=(-0.6, len(SIZE_CLASSES) - 0.4))
    axes.legend(fontsize=8, loc="upper left", ncols=2, frameon=False)
    title = "Found share of the reference's tumours, by diameter"
    if thresholds[0].all_sizes.recall.interval_95 is not None:
        title += "\nlines: 95% bootstrap intervals over cases"
    axes.set_title(title, fontsize=9.5, color=INK)
    axes.set_ylabel("recall", fontsize=9)


def _first_size(evaluation: Evaluation) -> str:
    """The smallest size class that has lesions: its bars carry the legend."""
    by_size = next(iter(evaluation.lesions.thresholds.values())).by_size
    return next(size for size in SIZE_CLASSES if by_size[size].counts.references)


def _draw_each(axes: Axes, matchings: Sequence[LesionMatching]) -> None:
    tidy(axes)
    points: dict[str, list[tuple[float, float]]] = {words: [] for _, words in _KINDS}
    for matching in matchings:
        touched, found = matching.found(0)[1], matching.found(0.5)[1]
        for lesion, dice, is_touched, is_found in zip(
            matching.reference, matching.reference_dice, touched, found, strict=True
        ):
            kind = 0 if is_found else 1 if is_touched else 2
            points[_KINDS[kind][1]].append((lesion.diameter_mm, dice))
    for colour, words in _KINDS:
        if points[words]:
            axes.plot(
                *zip(*points[words], strict=True),
                "o",
                markersize=5.5,
                markerfacecolor=colour,
                markeredgecolor=INK,
                markeredgewidth=0.6,
                clip_on=False,
                zorder=3,
                label=f"{words}: {len(points[words])}",
            )
    diameters = [diameter for entries in points.values() for diameter, _ in entries]
    axes.set_xscale("log")
    low, high = min(*diameters, 8) / 1.2, max(*diameters, 25) * 1.2
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200) if low <= tick <= high]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlim=(low, high), ylim=(-0.02, 1.2), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    for border in (10, 20):
        axes.axvline(border, color=GREY, linewidth=1, linestyle=":", zorder=1)
    axes.legend(fontsize=8, loc="upper center", ncols=3, frameon=False, columnspacing=1.2)
    axes.set_xlabel("longest axial diameter, mm", fontsize=9)
    axes.set_ylabel("Dice of its match", fontsize=9)


def _mean_dice(estimate: Estimate) -> str:
    text = f"lesion-wise Dice {estimate.value:.3f}"
    if estimate.interval_95 is None:
        return text
    low, high = estimate.interval_95
    return f"{text} (95% interval {low:.3f} to {high:.3f})"


def _draw_false_positives(axes: Axes, evaluation: Evaluation) -> None:
    from matplotlib.ticker import MaxNLocator

    tidy(axes)
    axes.grid(visible=False, axis="x")
    any_overlap = next(iter(evaluation.lesions.thresholds.values()))
    per_scan = Counter(
        min(case.lesions.detection(0).false_positives, _BARS) for case in evaluation.cases
    )
    last = max(max(per_scan), 3)
    axes.bar(
        range(last + 1),
        [per_scan.get(number, 0) for number in range(last + 1)],
        width=0.8,
        color="#c9c9c9",
        edgecolor=INK,
        linewidth=0.6,
        zorder=2,
    )
    for number, scans in per_scan.items():
        axes.text(number, scans, f"{scans}", ha="center", va="bottom", fontsize=8, color=INK)
    labels = [f"{_BARS}+" if number == _BARS else str(number) for number in range(last + 1)]
    axes.set_xticks(range(last + 1), labels)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 1.12 * max(per_scan.values()))
    axes.set_xlabel("predicted tumours that touch none of the reference", fontsize=9)
    axes.set_ylabel("scans", fontsize=9)
    mean = any_overlap.all_sizes.false_positives_per_scan.value
    axes.set_title(
        f"False positives\n{mean:.2f} a scan on average"
        f" ({any_overlap.all_sizes.counts.false_positives} in all)",
        fontsize=9.5,
        color=INK,
    )
