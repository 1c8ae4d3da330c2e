"""One entry's figures: accuracy with intervals, and what it cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.accuracy.entries import Entry
from ynet3d.evaluation import Bootstrap, Estimate, Evaluation
from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES

_ANY_OVERLAP = "overlap_above_0"
_FROM_10_MM = SIZE_CLASSES[1:]
_UNDEFINED = Estimate(None, None)


@dataclass(frozen=True)
class Figure:
    """One column of accuracy.

    Attributes:
        words: its head.
        form: how it is printed.
        higher: whether more is better.
    """

    words: str
    form: str = ".3f"
    higher: bool = True


FIGURES: Mapping[str, Figure] = {
    "liver_dice": Figure("Liver Dice"),
    "tumour_dice": Figure("Tumour Dice"),
    "liver_nsd_2mm": Figure("Liver NSD 2 mm"),
    "tumour_nsd_2mm": Figure("Tumour NSD 2 mm"),
    "recall": Figure("Tumours found", ".2f"),
    "recall_10mm": Figure("of 10 mm and more", ".2f"),
    "precision": Figure("Claims that are right", ".2f"),
    "false_positives_per_scan": Figure("Wrong claims a scan", ".1f", higher=False),
}


@dataclass(frozen=True)
class Row:
    """An entry as it stands; without figures it was not measured, or failed.

    Attributes:
        figures: by the names of `FIGURES`.
        failure: the sentence it failed with.
        training_minutes: of its training as it counts itself, from the first step to the last.
        trained: how far it came in that time, in words.
        further_minutes: what its training processes took besides: preprocessing, start-up, the
            last validation. nnU-Net's planning and preprocessing, which its entries share, are
            counted for each.
        seconds_per_case: mean, from the scan in memory to its mask in memory.
        load_before: how many programs ran on the machine when its training began.
    """

    entry: Entry
    figures: Mapping[str, Estimate] = field(default_factory=dict)
    failure: str | None = None
    training_minutes: float | None = None
    trained: str = ""
    further_minutes: float | None = None
    seconds_per_case: float | None = None
    parameters: int | None = None
    load_before: float | None = None

    @property
    def measured(self) -> bool:
        """Whether there are figures."""
        return bool(self.figures)

    @property
    def state(self) -> str:
        """What stands in the table instead of figures."""
        if self.failure is not None:
            return f"failed: {self.failure}"
        return "measured" if self.measured else "not measured"


def measured_row(
    entry: Entry, evaluation: Evaluation, seconds: Mapping[str, float], result: Mapping[str, Any]
) -> Row:
    """The row of an entry that was trained, predicted and scored.

    Args:
        seconds: of each test case.
        result: of the training: seconds, wall_seconds, load_before, parameters, and epochs (ours)
            or steps (nnU-Net).
    """
    trained = f"{result['epochs']} epochs" if "epochs" in result else f"{result['steps']} steps"
    further = result["wall_seconds"] - result["seconds"] + result.get("preparation_seconds", 0.0)
    return Row(
        entry,
        figures=_figures(evaluation),
        training_minutes=result["seconds"] / 60,
        trained=trained,
        further_minutes=max(0.0, further) / 60,
        seconds_per_case=statistics.fmean(seconds.values()),
        parameters=result["parameters"],
        load_before=result["load_before"],
    )


def _figures(evaluation: Evaluation) -> dict[str, Estimate]:
    figures = {}
    for class_name in ("liver", "tumour"):
        for metric in ("dice", "nsd_2mm"):
            found = evaluation.summary[class_name][metric]
            figures[f"{class_name}_{metric}"] = Estimate(
                found.mean_with_reference, found.interval_95_with_reference
            )
    detection = evaluation.lesions.thresholds[_ANY_OVERLAP].all_sizes
    figures |= {
        "recall": detection.recall,
        "recall_10mm": _recall_from_10_mm(evaluation),
        "precision": detection.precision,
        "false_positives_per_scan": detection.false_positives_per_scan,
    }
    return {name: figures.get(name, _UNDEFINED) for name in FIGURES}


def _recall_from_10_mm(evaluation: Evaluation) -> Estimate:
    """Share of the reference tumours of 10 mm and more of which any voxel is found."""
    counts = [
        [case.lesions.detection(0.0, size_class=size) for size in _FROM_10_MM]
        for case in evaluation.cases
    ]
    found = np.array([[sum(one.true_positives for one in case)] for case in counts], np.float64)
    every = np.array([[sum(one.references for one in case)] for case in counts], np.float64)
    if not every.sum():
        return _UNDEFINED
    (interval,) = Bootstrap.of(len(counts)).of_ratios(found, every)
    return Estimate(float(found.sum() / every.sum()), interval)
