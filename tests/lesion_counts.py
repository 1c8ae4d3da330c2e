"""The four counts of a detection in one line, for tables of cases."""

from __future__ import annotations

from ynet3d.evaluation.lesions import LesionMatching

Counts = tuple[int, int, int, int]


def counts(matching: LesionMatching, minimum_iou: float) -> Counts:
    """Reference lesions found and missed, predicted lesions right and wrong."""
    found = matching.detection(minimum_iou)
    return (
        found.true_positives,
        found.false_negatives,
        found.true_predictions,
        found.false_positives,
    )
