"""The figures of the LiTS challenge's scorer, by its definitions and under its names.

Source of the definitions: PatrickChrist/lits-challenge-scoring (`evaluate.py`, `calc_metric.py`).
Its miscounts are kept, because its published figures have them. Where it crashes, this goes on:

- a reference without tumour: no lesion is detected, every predicted one is a false positive;
- a reference without liver and tumour: the case has no tumour burden and is left out of that;
- no tumour voxel in any case: the global Dice is None.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from statistics import fmean
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.burden import LITS_PENALTY, TumourBurden, summarise_burden, tumour_burden
from ynet3d.evaluation.counting import Confusion, class_confusion
from ynet3d.evaluation.detection import DetectionCounts, total
from ynet3d.evaluation.lesions import LesionMatching
from ynet3d.labels import Label


class Distances(Protocol):
    """Surface distances in mm: `SurfaceDistances`, or what keeps its figures."""

    @property
    def assd_mm(self) -> float | None: ...
    @property
    def rmsd_mm(self) -> float | None: ...
    @property
    def msd_mm(self) -> float | None: ...


@dataclass(frozen=True)
class ObjectScores:
    """The scorer's comparison of one object, a liver or a lesion; by default that of a missing one.

    Attributes:
        dice: from 0 to 1.
        jaccard: dice / (2 - dice).
        voe: 1 - jaccard, a fraction.
        rvd: (prediction - reference) / reference, signed.
        assd: average symmetric surface distance in mm.
        rmsd: root mean square of the same distances in mm.
        msd: their maximum in mm.
    """

    dice: float = 0.0
    jaccard: float = 0.0
    voe: float = 1.0
    rvd: float = LITS_PENALTY
    assd: float = LITS_PENALTY
    rmsd: float = LITS_PENALTY
    msd: float = LITS_PENALTY

    @classmethod
    def of(
        cls, prediction: int, reference: int, shared: int, distances: Distances | None
    ) -> ObjectScores:
        """From voxel counts and distances; those of a missing object if either side is empty."""
        if distances is None:
            return cls()
        assd, rmsd, msd = distances.assd_mm, distances.rmsd_mm, distances.msd_mm
        if assd is None or rmsd is None or msd is None:
            return cls()
        dice = 2 * shared / (prediction + reference)
        jaccard = dice / (2 - dice)
        rvd = (prediction - reference) / reference
        return cls(dice, jaccard, 1 - jaccard, rvd, assd, rmsd, msd)


@dataclass(frozen=True)
class LitsCase:
    """What the scorer keeps of one case.

    Attributes:
        overlap: lesion counts at any overlap.
        iou50: lesion counts at IoU > 0.5.
        lesions: comparison of each merged lesion detected at IoU > 0.5. None at all if `iou50` has
            no true positive, though its miscounts can make that so beside detected lesions.
        liver: comparison of the liver (labels 1 and 2), missing without a predicted label 1.
        lesion_voxels: of label 2.
        liver_voxels: of labels 1 and 2.
        liver_predicted: whether any voxel is predicted as label 1.
        burden: the tumour burden.
    """

    overlap: DetectionCounts
    iou50: DetectionCounts
    lesions: tuple[ObjectScores, ...]
    liver: ObjectScores
    lesion_voxels: Confusion
    liver_voxels: Confusion
    liver_predicted: bool
    burden: TumourBurden

    @property
    def lesion_dice(self) -> float:
        """Dice of label 2; 1 if neither side has any."""
        return _dice(self.lesion_voxels)

    @property
    def liver_dice(self) -> float:
        """Dice of labels 1 and 2; 0 without a predicted label 1."""
        return _dice(self.liver_voxels) if self.liver_predicted else 0.0


def lits_case(
    table: npt.NDArray[np.int64], matching: LesionMatching, liver_distances: Distances | None
) -> LitsCase:
    """Score one case.

    Args:
        table: (3, 3), voxels by predicted and reference label, as `joint_counts` gives them.
        matching: of its lesions, by `match_lesions(..., convention="lits")`.
        liver_distances: between the surfaces of labels 1 and 2 together; None if a side is empty.

    Raises:
        ValueError: the lesions were matched by the default convention.
    """
    lesions = class_confusion(table, {Label.TUMOUR})
    liver = class_confusion(table, {Label.LIVER, Label.TUMOUR})
    liver_predicted = bool(table[Label.LIVER].any())
    iou50 = matching.detection(0.5)
    return LitsCase(
        overlap=matching.detection(0),
        iou50=iou50,
        lesions=tuple(
            ObjectScores.of(
                match.prediction_voxels, match.reference_voxels, match.overlap_voxels, match
            )
            for match in matching.lits_objects
            if iou50.true_positives > 0
        ),
        liver=(
            ObjectScores.of(liver.prediction, liver.reference, liver.tp, liver_distances)
            if liver_predicted
            else ObjectScores()
        ),
        lesion_voxels=lesions,
        liver_voxels=liver,
        liver_predicted=liver_predicted,
        burden=tumour_burden(table, convention="lits"),
    )


def lits_scores(cases: Iterable[LitsCase]) -> dict[str, float | None]:
    """The scorer's figures of a data set (at least one case), under its names, not rounded.

    Returns:
        `lesion_precision` and `lesion_recall` at IoU > 0.5 and with `_greater_zero` at any overlap,
        over the lesions of all cases, 0 where undefined; the means of `ObjectScores` over the
        detected lesions of all cases (those of a missing object if there is none) and over the
        livers; mean and global Dice of both; RMSE and largest signed error of the tumour burden.
    """
    scored = list(cases)
    result: dict[str, float | None] = {}
    for suffix, counts in (
        ("", total(case.iou50 for case in scored)),
        ("_greater_zero", total(case.overlap for case in scored)),
    ):
        result[f"lesion_precision{suffix}"] = counts.precision or 0.0
        result[f"lesion_recall{suffix}"] = counts.recall or 0.0
    lesions = [scores for case in scored for scores in case.lesions]
    result.update(_means("lesion", lesions or [ObjectScores()]))
    result["lesion_dice_per_case"] = fmean(case.lesion_dice for case in scored)
    shared = sum(case.lesion_voxels.tp for case in scored)
    voxels = sum(case.lesion_voxels.prediction + case.lesion_voxels.reference for case in scored)
    result["lesion_dice_global"] = 2 * shared / voxels if voxels else None
    result.update(_means("liver", [case.liver for case in scored]))
    result["liver_dice_per_case"] = fmean(case.liver_dice for case in scored)
    # A liver without predicted label 1 adds only its reference to the global Dice.
    shared = sum(case.liver_voxels.tp for case in scored if case.liver_predicted)
    voxels = sum(
        case.liver_voxels.reference + case.liver_predicted * case.liver_voxels.prediction
        for case in scored
    )
    result["liver_dice_global"] = 2 * shared / voxels if voxels else None
    burden = summarise_burden(case.burden for case in scored)
    result["RMSE_Tumorburden"] = burden.rmse
    result["MAXERROR_Tumorburden"] = burden.maximum
    return result


def _means(prefix: str, objects: list[ObjectScores]) -> dict[str, float]:
    names = [field.name for field in fields(ObjectScores)]
    return {
        f"{prefix}_{name}": fmean(getattr(scores, name) for scores in objects) for name in names
    }


def _dice(voxels: Confusion) -> float:
    both = voxels.prediction + voxels.reference
    return 2 * voxels.tp / both if both else 1.0
