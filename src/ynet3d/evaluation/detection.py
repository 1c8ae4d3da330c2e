"""Counting found, missed and invented lesions, per case and over many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES, SizeClass

if TYPE_CHECKING:
    from ynet3d.evaluation.lesions import LesionMatching


@dataclass(frozen=True)
class DetectionCounts:
    """Lesions of both sides: recall counts reference lesions, precision predicted ones.

    The two kinds of true positives differ where one lesion matches several.

    Attributes:
        true_positives: reference lesions found.
        false_negatives: reference lesions missed.
        true_predictions: predicted lesions that are right.
        false_positives: predicted lesions that are wrong.
    """

    true_positives: int = 0
    false_negatives: int = 0
    true_predictions: int = 0
    false_positives: int = 0

    def __add__(self, other: DetectionCounts) -> DetectionCounts:
        return DetectionCounts(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.true_predictions + other.true_predictions,
            self.false_positives + other.false_positives,
        )

    @property
    def references(self) -> int:
        """All reference lesions."""
        return self.true_positives + self.false_negatives

    @property
    def predictions(self) -> int:
        """All predicted lesions."""
        return self.true_predictions + self.false_positives

    @property
    def recall(self) -> float | None:
        """Found share of the reference lesions; None without any."""
        return self.true_positives / self.references if self.references else None

    @property
    def precision(self) -> float | None:
        """Right share of the predicted lesions; None without any."""
        return self.true_predictions / self.predictions if self.predictions else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall.

        0 if only one side has lesions or none is found, None if neither side has any.
        """
        if not self.references and not self.predictions:
            return None
        recall, precision = self.recall or 0.0, self.precision or 0.0
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


@dataclass(frozen=True)
class DetectionSummary:
    """Lesion detection over a data set at one threshold; lesions of all cases count alike.

    Attributes:
        minimum_iou: 0 for any overlap, otherwise a lesion is found if IoU > this.
        cases: number of cases.
        counts: over all cases.
        by_size: the same by size class of the lesion itself, reference or predicted; empty in the
            LiTS convention, whose scorer has no size classes.
    """

    minimum_iou: float
    cases: int
    counts: DetectionCounts
    by_size: Mapping[SizeClass, DetectionCounts]

    @property
    def false_positives_per_scan(self) -> float:
        """Mean number of them; with `counts.recall` a point of the free-response curve."""
        return self.counts.false_positives / self.cases


def summarise_detection(
    matchings: Iterable[LesionMatching], minimum_iou: float
) -> DetectionSummary:
    """Add up the lesions of all cases (at least one).

    Raises:
        ValueError: see `LesionMatching.detection`.
    """
    cases = list(matchings)
    sizes = SIZE_CLASSES if all(case.convention == "default" for case in cases) else ()
    return DetectionSummary(
        minimum_iou=minimum_iou,
        cases=len(cases),
        counts=total(case.detection(minimum_iou) for case in cases),
        by_size={
            size: total(case.detection(minimum_iou, size_class=size) for case in cases)
            for size in sizes
        },
    )


def lesion_wise_dice(matchings: Iterable[LesionMatching]) -> float | None:
    """Mean Dice over the reference lesions of all cases; None without any.

    Each counts with the Dice of its match (`LesionMatching.reference_matches`), 0 if missed.
    """
    values = [dice for case in matchings for dice in case.reference_dice]
    return sum(values) / len(values) if values else None


def total(counts: Iterable[DetectionCounts]) -> DetectionCounts:
    """The sum of counts; all 0 for none."""
    return reduce(add, counts, DetectionCounts())
