"""How well predicted volumes agree with those of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.cases import CaseEvaluation

#: A correlation of two points is always 1 or -1.
_CASES_FOR_CORRELATION = 3
#: Limits that hold 95% of normally distributed differences.
_LIMITS = 1.96


@dataclass(frozen=True)
class VolumeAgreement:
    """Volumes of one class over many cases; differences are prediction - reference, in mL.

    Attributes:
        cases: those in which the prediction or the reference has the class.
        bias_ml: mean difference.
        sd_ml: sample standard deviation of the differences; None for one case.
        limits_ml: 95% limits of agreement, bias ± 1.96 sd (Bland and Altman, Lancet 1986).
        pearson: correlation coefficient; None for fewer than three cases, or if a volume is the
            same in all.
        concordance: Lin's concordance correlation coefficient (Biometrics 1989), which, unlike
            Pearson's, falls with a bias; None likewise.
    """

    cases: int
    bias_ml: float | None
    sd_ml: float | None
    limits_ml: tuple[float, float] | None
    pearson: float | None
    concordance: float | None


def cases_with_class(cases: Sequence[CaseEvaluation], class_name: str) -> list[CaseEvaluation]:
    """The cases in which the prediction or the reference has a class."""
    return [
        case
        for case in cases
        if case.classes[class_name].counts.prediction or case.classes[class_name].in_reference
    ]


def volumes(
    cases: Sequence[CaseEvaluation], class_name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Predicted and reference volumes in mL, of `cases_with_class`."""
    results = [case.classes[class_name] for case in cases_with_class(cases, class_name)]
    return (
        np.array([result.prediction_ml for result in results], dtype=np.float64),
        np.array([result.reference_ml for result in results], dtype=np.float64),
    )


def volume_agreement(
    predicted_ml: npt.NDArray[np.float64], reference_ml: npt.NDArray[np.float64]
) -> VolumeAgreement:
    """Compare volumes of the same cases, in mL."""
    number = len(predicted_ml)
    if not number:
        return VolumeAgreement(0, None, None, None, None, None)
    difference = predicted_ml - reference_ml
    bias = float(difference.mean())
    if number == 1:
        return VolumeAgreement(1, bias, None, None, None, None)
    sd = float(difference.std(ddof=1))
    pearson = concordance = None
    if number >= _CASES_FOR_CORRELATION:
        # With 1/n throughout, as Lin defines it; in Pearson's it cancels.
        spreads = float(predicted_ml.std()), float(reference_ml.std())
        together = float(
            np.mean((predicted_ml - predicted_ml.mean()) * (reference_ml - reference_ml.mean()))
        )
        if min(spreads) > 0:
            pearson = together / (spreads[0] * spreads[1])
            concordance = 2 * together / (spreads[0] ** 2 + spreads[1] ** 2 + bias**2)
    limits = (bias - _LIMITS * sd, bias + _LIMITS * sd)
    return VolumeAgreement(number, bias, sd, limits, pearson, concordance)
