"""The lesions of many cases: how many are found, how well, and how many are invented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.bootstrap import Bootstrap, Estimate, interval_95
from ynet3d.evaluation.detection import DetectionCounts, total
from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES, SizeClass
from ynet3d.evaluation.lesions import LesionMatching
from ynet3d.evaluation.metrics import ratio

#: The two overlaps at which lesions count as found: any, and the LiTS challenge's.
THRESHOLDS: Mapping[str, float] = {"overlap_above_0": 0.0, "iou_above_0.5": 0.5}


@dataclass(frozen=True)
class Detection:
    """Lesions found, missed and invented; all lesions of all cases count alike.

    Attributes:
        counts: over all cases.
        recall: found share of the reference lesions.
        precision: right share of the predicted lesions.
        f1: harmonic mean of the two.
        false_positives_per_scan: their mean number.
    """

    counts: DetectionCounts
    recall: Estimate
    precision: Estimate
    f1: Estimate
    false_positives_per_scan: Estimate


@dataclass(frozen=True)
class ThresholdSummary:
    """Detection at one overlap.

    Attributes:
        minimum_iou: a lesion is found if its IoU > this; 0 for any shared voxel.
        all_sizes: over all lesions.
        by_size: by the lesion's own longest axial diameter, reference or predicted.
    """

    minimum_iou: float
    all_sizes: Detection
    by_size: Mapping[SizeClass, Detection]


@dataclass(frozen=True)
class LesionSummary:
    """The lesions of a data set, matched by the default convention.

    Attributes:
        reference: number of reference lesions.
        prediction: number of predicted lesions.
        thresholds: by the names of `THRESHOLDS`.
        lesion_wise_dice: mean over the reference lesions of the Dice of each one's match, 0 for a
            missed one.
    """

    reference: int
    prediction: int
    thresholds: Mapping[str, ThresholdSummary]
    lesion_wise_dice: Estimate


def summarise_lesions(matchings: Sequence[LesionMatching], draws: Bootstrap) -> LesionSummary:
    """Add up the lesions of all cases, one `LesionMatching` each."""
    thresholds = {
        name: ThresholdSummary(
            minimum_iou,
            _detection([case.detection(minimum_iou) for case in matchings], draws),
            {
                size: _detection(
                    [case.detection(minimum_iou, size_class=size) for case in matchings], draws
                )
                for size in SIZE_CLASSES
            },
        )
        for name, minimum_iou in THRESHOLDS.items()
    }
    dice = np.array([sum(case.reference_dice) for case in matchings], dtype=np.float64)
    number = np.array([len(case.reference) for case in matchings], dtype=np.float64)
    (interval,) = draws.of_ratios(dice[:, None], number[:, None])
    return LesionSummary(
        reference=int(number.sum()),
        prediction=sum(len(case.prediction) for case in matchings),
        thresholds=thresholds,
        lesion_wise_dice=Estimate(ratio(float(dice.sum()), float(number.sum())), interval),
    )


def _detection(cases: Sequence[DetectionCounts], draws: Bootstrap) -> Detection:
    counts = total(cases)
    found, right, wrong, references, predictions = (
        np.array([getattr(case, name) for case in cases], dtype=np.float64)
        for name in (
            "true_positives",
            "true_predictions",
            "false_positives",
            "references",
            "predictions",
        )
    )
    recall, precision, wrong_per_scan = draws.of_ratios(
        np.column_stack([found, right, wrong]),
        np.column_stack([references, predictions, np.ones(len(cases))]),
    )
    return Detection(
        counts=counts,
        recall=Estimate(counts.recall, recall),
        precision=Estimate(counts.precision, precision),
        f1=Estimate(
            counts.f1,
            _f1_interval(draws, np.column_stack([found, references, right, predictions])),
        ),
        false_positives_per_scan=Estimate(counts.false_positives / len(cases), wrong_per_scan),
    )


def _f1_interval(draws: Bootstrap, columns: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Of found and all reference lesions, right and all predicted ones; (cases, 4)."""
    if np.count_nonzero(columns.sum(axis=1)) < 2:
        return None
    found, references, right, predictions = draws.sums(columns).T
    recall, precision = (
        np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        for part, whole in ((found, references), (right, predictions))
    )
    f1 = np.where(references + predictions > 0, 0.0, np.nan)
    np.divide(2 * recall * precision, recall + precision, out=f1, where=recall + precision > 0)
    return interval_95(f1)
