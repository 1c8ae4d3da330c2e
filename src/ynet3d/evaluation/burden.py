"""Tumour burden: the tumour's share of the organ, and how far the prediction's is off."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.conventions import Convention, check_convention
from ynet3d.labels import Label

#: What the LiTS scorer takes for the burden of a prediction without label 1.
LITS_PENALTY = 9001.0


@dataclass(frozen=True)
class TumourBurden:
    """Tumour voxels / voxels of the organ (labels 1 and 2), from 0 to 1; None without organ.

    Attributes:
        reference: of the reference.
        prediction: of the prediction; in the LiTS convention 9001 without a voxel of label 1.
        convention: "default" or "lits".
    """

    reference: float | None
    prediction: float | None
    convention: Convention

    @property
    def error(self) -> float | None:
        """Default: prediction - reference. LiTS: reference - prediction. None if undefined."""
        if self.reference is None or self.prediction is None:
            return None
        error = self.prediction - self.reference
        return error if self.convention == "default" else -error


@dataclass(frozen=True)
class BurdenSummary:
    """Tumour burden over a data set.

    Attributes:
        rmse: root of the mean squared error; None if no case has one.
        maximum: largest absolute error; in the LiTS convention largest signed reference -
            prediction, in which over-estimated burdens do not show.
        cases: number of cases that have an error.
        undefined: number of cases that have none, because one side lacks the organ.
    """

    rmse: float | None
    maximum: float | None
    cases: int
    undefined: int


def tumour_burden(
    table: npt.NDArray[np.int64], *, convention: Convention = "default"
) -> TumourBurden:
    """The burdens of one case.

    The LiTS scorer crashes on a reference without organ; here that burden is undefined in both
    conventions.

    Args:
        table: (3, 3), voxels by predicted and reference label, as `joint_counts` gives them.
        convention: "default" or "lits".

    Raises:
        InputError: there is no such convention.
    """
    check_convention(convention)
    predicted, referred = table.sum(axis=1), table.sum(axis=0)
    prediction = _burden(predicted)
    if convention == "lits" and not predicted[Label.LIVER]:
        prediction = LITS_PENALTY
    return TumourBurden(_burden(referred), prediction, convention)


def _burden(voxels: npt.NDArray[np.int64]) -> float | None:
    tumour = int(voxels[Label.TUMOUR])
    organ = tumour + int(voxels[Label.LIVER])
    return tumour / organ if organ else None


def summarise_burden(burdens: Iterable[TumourBurden]) -> BurdenSummary:
    """RMSE and maximum error over cases of one convention."""
    cases = list(burdens)
    errors = [burden.error for burden in cases if burden.error is not None]
    signed = any(burden.convention == "lits" for burden in cases)
    return BurdenSummary(
        rmse=math.sqrt(sum(error**2 for error in errors) / len(errors)) if errors else None,
        maximum=max(errors if signed else map(abs, errors), default=None),
        cases=len(errors),
        undefined=len(cases) - len(errors),
    )
