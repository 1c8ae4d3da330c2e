"""Counts of found, missed and invented lesions, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add


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


def total(counts: Iterable[DetectionCounts]) -> DetectionCounts:
    """The sum of counts; all 0 for none."""
    return reduce(add, counts, DetectionCounts())
