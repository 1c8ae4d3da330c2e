"""The four metrics of the paper for one class of one case, and what they are of empty classes."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ynet3d.evaluation.counting import Confusion

#: Printed with every table and kept in every summary.json.
EMPTY_CLASS_RULE = (
    "Dice is 1 when neither the reference nor the prediction has a voxel of the class, and 0 when "
    "only one of them has (the rule of the LiTS scorer). Sensitivity without reference voxels, "
    "precision without predicted voxels and specificity without background are undefined: left "
    "empty and not averaged."
)


@dataclass(frozen=True)
class ClassMetrics:
    """Overlap of one class in one case, each from 0 to 1; None where undefined.

    Attributes:
        sensitivity: found share of the reference, tp / (tp + fn).
        specificity: left-out share of everything else, tn / (tn + fp). It grows with the field of
            view, because most of a scan is background.
        precision: right share of the prediction, tp / (tp + fp).
        dice: 2 tp / (2 tp + fp + fn); 1 if both are empty.
    """

    sensitivity: float | None
    specificity: float | None
    precision: float | None
    dice: float

    @classmethod
    def of(cls, counts: Confusion) -> ClassMetrics:
        """The metrics of these counts (see EMPTY_CLASS_RULE)."""
        dice = _ratio(2 * counts.tp, counts.prediction + counts.reference)
        return cls(
            sensitivity=_ratio(counts.tp, counts.reference),
            specificity=_ratio(counts.tn, counts.tn + counts.fp),
            precision=_ratio(counts.tp, counts.prediction),
            dice=1.0 if dice is None else dice,
        )


#: Names of the metrics, in the order of every table (the paper's Table 1).
METRICS: tuple[str, ...] = tuple(field.name for field in fields(ClassMetrics))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
