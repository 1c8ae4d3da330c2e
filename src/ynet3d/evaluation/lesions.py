"""The lesions of one case, predicted against reference: matched and counted.

A lesion is a connected component of the tumour mask (label 2); its voxels touch by a face, an edge
or a corner, as everywhere in this package. Not by faces alone, because tumours are drawn slice by
slice and voxels are long across slices: a slanting part that moves on by one voxel between slices
would break off. The LiTS scorer uses faces alone, and so does `convention="lits"`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.conventions import Convention, check_convention
from ynet3d.evaluation.detection import DetectionCounts
from ynet3d.evaluation.lesion_geometry import Lesion, SizeClass, find_lesions
from ynet3d.evaluation.lesion_match import LesionMatch, compare_lesions
from ynet3d.evaluation.lits_matching import (
    LitsDetection,
    LitsMatching,
    lits_detection,
    lits_matching,
)
from ynet3d.evaluation.majority_matching import majority_groups
from ynet3d.evaluation.overlaps import Group, Overlaps, find_overlaps


@dataclass(frozen=True)
class LesionMatching:
    """All lesions of one case and what they are matched with.

    Attributes:
        convention: "default" or "lits".
        prediction: lesions of the prediction, by number.
        reference: lesions of the reference, by number.
        prediction_matches: for each predicted lesion its match, None without.
        reference_matches: for each reference lesion likewise.
        overlaps: which lesions share how many voxels.
        lits: how the LiTS scorer merges and matches; None in the default convention.
        lits_objects: the merged lesions that the LiTS scorer compares, those left at IoU > 0.5.
    """

    convention: Convention
    prediction: tuple[Lesion, ...]
    reference: tuple[Lesion, ...]
    prediction_matches: tuple[LesionMatch | None, ...]
    reference_matches: tuple[LesionMatch | None, ...]
    overlaps: Overlaps = field(repr=False)
    lits: LitsMatching | None = field(default=None, repr=False)
    lits_objects: tuple[LesionMatch, ...] = field(default=(), repr=False)

    @property
    def matches(self) -> tuple[LesionMatch, ...]:
        """Each match once, those of the reference lesions first."""
        both = (*self.reference_matches, *self.prediction_matches)
        return tuple(dict.fromkeys(match for match in both if match is not None))

    @property
    def reference_dice(self) -> tuple[float, ...]:
        """For each reference lesion the Dice of its match, 0 without."""
        return tuple(0.0 if match is None else match.dice for match in self.reference_matches)

    @property
    def lesion_wise_dice(self) -> float | None:
        """Mean of `reference_dice`; None without reference lesions."""
        values = self.reference_dice
        return sum(values) / len(values) if values else None

    def found(self, minimum_iou: float) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """Which predicted lesions are right, and which reference lesions are found.

        Default: at 0, those that share any voxel with the other side; from 0.5 on, those whose
        match has an IoU > `minimum_iou`. LiTS: those the scorer goes on to compare; its counts need
        not agree with them (see `detection`).

        Raises:
            ValueError: `minimum_iou` is neither 0 nor from 0.5 to below 1 (between, matching by
                majority would overlook pairs).
        """
        if minimum_iou != 0 and not 0.5 <= minimum_iou < 1:
            raise ValueError(f"minimum_iou must be 0 or from 0.5 to below 1, found {minimum_iou}")
        if self.lits is not None:
            objects = self.lits_detection(minimum_iou).objects
            right = {number for group in objects for number in group.prediction}
            found = {number for group in objects for number in group.reference}
        elif minimum_iou == 0:
            right, found = set(self.overlaps.by_prediction), set(self.overlaps.by_reference)
        else:
            kept = [match for match in self.matches if match.iou > minimum_iou]
            right = {number for match in kept for number in match.prediction}
            found = {number for match in kept for number in match.reference}
        return (
            tuple(lesion.number in right for lesion in self.prediction),
            tuple(lesion.number in found for lesion in self.reference),
        )

    def detection(
        self, minimum_iou: float, *, size_class: SizeClass | None = None
    ) -> DetectionCounts:
        """Count right and wrong predicted lesions, found and missed reference lesions.

        Args:
            minimum_iou: 0 for any overlap, otherwise as in `found`.
            size_class: only the lesions of this size, each by its own diameter.

        Raises:
            ValueError: as `found`, or a size class in the LiTS convention, whose scorer has none.
        """
        if self.lits is not None:
            if size_class is not None:
                raise ValueError(f"the LiTS scorer counts all sizes together, found {size_class}")
            detected = self.lits_detection(minimum_iou).detected
            return DetectionCounts(
                true_positives=detected,
                false_negatives=len(self.reference) - detected,
                true_predictions=detected,
                false_positives=len(self.prediction) - detected,
            )
        right, found = (
            [
                hit
                for lesion, hit in zip(lesions, hits, strict=True)
                if size_class is None or lesion.size_class == size_class
            ]
            for lesions, hits in zip(
                (self.prediction, self.reference), self.found(minimum_iou), strict=True
            )
        )
        return DetectionCounts(
            true_positives=sum(found),
            false_negatives=len(found) - sum(found),
            true_predictions=sum(right),
            false_positives=len(right) - sum(right),
        )

    def lits_detection(self, minimum_iou: float) -> LitsDetection:
        """What the LiTS scorer detects at a threshold; see `lits_matching.lits_detection`.

        Raises:
            ValueError: the lesions were matched by the default convention.
        """
        if self.lits is None:
            raise ValueError('lits_detection needs match_lesions(..., convention="lits")')
        return lits_detection(self.overlaps, self.lits, minimum_iou)


def match_lesions(
    prediction_mask: npt.NDArray[np.bool_],
    reference_mask: npt.NDArray[np.bool_],
    *,
    affine: npt.NDArray[np.float64],
    convention: Convention = "default",
) -> LesionMatching:
    """Find the lesions of two tumour masks and match them.

    Default convention: lesions that belong together by majority form one match (`majority_groups`).
    A lesion in no such group that still overlaps something is matched with the one lesion of the
    other side with which it has the highest Dice, without changing that one's own match. One that
    overlaps nothing has no match: it is missed, or a false positive.

    LiTS convention: the challenge scorer's components (faces only), merging and matching
    (`lits_matching`), with its lesion numbers. Where the scorer crashes: an empty reference gives
    no detected lesion and every predicted lesion as false positive.

    Args:
        prediction_mask: (i, j, k), boolean, True in tumour.
        reference_mask: the same shape.
        affine: 4x4, voxel index to mm in RAS+.
        convention: "default" or "lits".

    Raises:
        ValueError: shapes differ.
        InputError: there is no such convention.
    """
    check_convention(convention)
    if prediction_mask.shape != reference_mask.shape:
        raise ValueError(f"shapes {prediction_mask.shape} and {reference_mask.shape} differ")
    lits_convention = convention == "lits"
    prediction, reference = (
        find_lesions(mask, affine, connectivity=6, numbering="place")
        if lits_convention
        else find_lesions(mask, affine)
        for mask in (prediction_mask, reference_mask)
    )
    overlaps = find_overlaps(prediction, reference)
    lits = lits_matching(overlaps) if lits_convention else None
    by_prediction, by_reference = _groups(overlaps, lits)
    objects = lits_detection(overlaps, lits, 0.5).objects if lits else ()
    matches = {
        group: compare_lesions(group, prediction, reference, overlaps, affine)
        for group in {*by_prediction.values(), *by_reference.values(), *objects}
    }
    return LesionMatching(
        convention=convention,
        prediction=prediction.lesions,
        reference=reference.lesions,
        prediction_matches=_in_order(prediction.lesions, by_prediction, matches),
        reference_matches=_in_order(reference.lesions, by_reference, matches),
        overlaps=overlaps,
        lits=lits,
        lits_objects=tuple(matches[group] for group in objects),
    )


def _groups(
    overlaps: Overlaps, lits: LitsMatching | None
) -> tuple[dict[int, Group], dict[int, Group]]:
    """The group of each predicted and of each reference lesion that is matched."""
    groups = majority_groups(overlaps) if lits is None else lits.groups
    by_prediction = {number: group for group in groups for number in group.prediction}
    by_reference = {number: group for group in groups for number in group.reference}
    if lits is None:
        for p in overlaps.by_prediction.keys() - by_prediction.keys():
            pairs = [(p, r) for r in overlaps.by_prediction[p]]
            by_prediction[p] = _pair_with_best_dice(pairs, overlaps)
        for r in overlaps.by_reference.keys() - by_reference.keys():
            pairs = [(p, r) for p in overlaps.by_reference[r]]
            by_reference[r] = _pair_with_best_dice(pairs, overlaps)
    return by_prediction, by_reference


def _pair_with_best_dice(pairs: Iterable[tuple[int, int]], overlaps: Overlaps) -> Group:
    def half_dice(pair: tuple[int, int]) -> float:
        p, r = pair
        both = overlaps.prediction_voxels[p - 1] + overlaps.reference_voxels[r - 1]
        return overlaps.common[pair] / both

    p, r = max(sorted(pairs), key=half_dice)
    return Group((p,), (r,))


def _in_order(
    lesions: Iterable[Lesion], groups: dict[int, Group], matches: dict[Group, LesionMatch]
) -> tuple[LesionMatch | None, ...]:
    return tuple(
        matches[groups[lesion.number]] if lesion.number in groups else None for lesion in lesions
    )
