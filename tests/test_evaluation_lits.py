"""Lesions counted by hand in both conventions, and the LiTS scorer's counting a second time.

Each hand-made case says how its numbers come about: first by the LiTS scorer's definitions, faults
included, then by ours. Lesions are numbered by their first voxel in (i, j, k) order, as the scorer
numbers them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lesion_cases import AFFINE, Mask, cube, line, literal_scorer, mask, noisy_pairs
from lesion_counts import Counts, counts
from scipy import ndimage

from ynet3d.evaluation.lesions import match_lesions


@dataclass(frozen=True)
class HandCase:
    """A case and its answers, with the derivation.

    `lits_*`: detected lesions, at any overlap and at IoU > 0.5. `default_*`: reference lesions
    found and missed, predicted lesions right and wrong. `dice`: of each reference lesion by our
    matching, largest lesion first.
    """

    name: str
    why: str
    prediction: Mask
    reference: Mask
    lits_lesions: tuple[int, int]  # predicted, reference
    lits_overlap: int
    lits_iou50: int
    default_overlap: Counts
    default_iou50: Counts
    dice: tuple[float, ...]


HAND_CASES = [
    HandCase(
        "perfect",
        "One lesion of 64 voxels, predicted exactly. Shared 64, union 64, IoU 1 > 0.5: detected.",
        mask(cube(2)),
        mask(cube(2)),
        lits_lesions=(1, 1),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(1, 0, 1, 0),
        default_iou50=(1, 0, 1, 0),
        dice=(1.0,),
    ),
    HandCase(
        "one miss",
        "Two lesions, the second not predicted. LiTS: one prediction meets reference 1 alone, "
        "one group, detected 1, so FP = 1 - 1 = 0 and FN = 2 - 1 = 1. Ours: the same.",
        mask(cube(2)),
        mask(cube(2), cube(20)),
        lits_lesions=(1, 2),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(1, 1, 1, 0),
        default_iou50=(1, 1, 1, 0),
        dice=(1.0, 0.0),
    ),
    HandCase(
        "one false positive behind",
        "One lesion predicted exactly, and another prediction further on (number 2). LiTS: group"
        " of prediction 1 and reference 1; its predictions are marked 1; the union looks for "
        "mark 1 (the group's prediction) and finds them. Detected 1, FP = 2 - 1 = 1. Ours: the "
        "same.",
        mask(cube(2), cube(20)),
        mask(cube(2)),
        lits_lesions=(2, 1),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(1, 0, 1, 1),
        default_iou50=(1, 0, 1, 1),
        dice=(1.0,),
    ),
    HandCase(
        "false positive before two perfect lesions",
        "Prediction 1 is false; predictions 2 and 3 are references 1 and 2 exactly, and so are "
        "marked 1 and 2. LiTS, group of prediction 2: the union is taken with mark 2, which is "
        "prediction 3 over reference 2. 64 shared, union 64 + 64 = 128, 64/128 = 0.5, not more: "
        "undetected. Group of prediction 3: mark 3 is nowhere, the union is reference 2 alone, "
        "64/64: detected. So 1 where 2 are perfect; FP = 3 - 1 = 2, FN = 2 - 1 = 1. At any "
        "overlap nothing is taken away: 2. Ours: both found, one false positive.",
        mask(cube(2), cube(12), cube(22)),
        mask(cube(12), cube(22)),
        lits_lesions=(3, 2),
        lits_overlap=2,
        lits_iou50=1,
        default_overlap=(2, 0, 2, 1),
        default_iou50=(2, 0, 2, 1),
        dice=(1.0, 1.0),
    ),
    HandCase(
        "false positive before a prediction far too large",
        "Prediction 1 is false; prediction 2 has 64 voxels, reference 1 has 4 of them. LiTS: "
        "prediction 2 is marked 1, the union looks for mark 2, finds none and is reference 1 "
        "alone: 4/4 = 1, detected. Ours: IoU 4/64 = 0.0625, found at any overlap only; Dice "
        "8/68.",
        mask(cube(2), cube(12)),
        mask((slice(12, 16), 0, 0)),
        lits_lesions=(2, 1),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(1, 0, 1, 1),
        default_iou50=(0, 1, 0, 2),
        dice=(8 / 68,),
    ),
    HandCase(
        "two references bridged, IoU 30/32",
        "References of 15 voxels each with 2 voxels between, one prediction of 32 over all. "
        "LiTS: both belong to prediction 1 and are merged; shared 30, union 32, 0.9375: the one "
        "group counts 1. FP = 1 - 1 = 0, FN = 2 - 1 = 1. Ours: both lie in the prediction, one "
        "match with IoU 30/32: both found, the prediction right. Dice 60/62.",
        mask(line(2, 34)),
        mask(line(2, 17), line(19, 34)),
        lits_lesions=(1, 2),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(2, 0, 1, 0),
        default_iou50=(2, 0, 1, 0),
        dice=(60 / 62, 60 / 62),
    ),
    HandCase(
        "two references bridged, IoU 10/32",
        "As before with references of 5 voxels at the ends: shared 10, union 32, 0.3125: "
        "undetected. LiTS: the group had counted 1, and the number of merged references, 2, is "
        "taken away: -1. FP = 1 + 1 = 2, FN = 2 + 1 = 3. At any overlap 1. Ours: both found at "
        "any overlap, none at IoU > 0.5. Dice 20/42.",
        mask(line(2, 34)),
        mask(line(2, 7), line(29, 34)),
        lits_lesions=(1, 2),
        lits_overlap=1,
        lits_iou50=-1,
        default_overlap=(2, 0, 1, 0),
        default_iou50=(0, 2, 0, 1),
        dice=(20 / 42, 20 / 42),
    ),
    HandCase(
        "a perfect lesion beside an undetected bridge",
        "As before, and a third lesion predicted exactly. LiTS: 2 groups, less the 2 merged in "
        "the undetected one: 0. (It then skips the perfect lesion's Dice too, since it scores "
        "lesions only where this number is positive.) FP = 2, FN = 3. Ours: 1 found, 2 missed.",
        mask(line(2, 34), cube(36, j=4)),
        mask(line(2, 7), line(29, 34), cube(36, j=4)),
        lits_lesions=(2, 3),
        lits_overlap=2,
        lits_iou50=0,
        default_overlap=(3, 0, 2, 0),
        default_iou50=(1, 2, 1, 1),
        dice=(1.0, 20 / 42, 20 / 42),
    ),
    HandCase(
        "split prediction",
        "A reference of 30 voxels, predictions of 12 at either end. LiTS: both are matched to it"
        " and merged; shared 24, union 30, 0.8: detected 1; FP = 2 - 1 = 1, FN = 0. Ours: one "
        "match, the reference found, both predictions right. Dice 48/54.",
        mask(line(2, 14), line(20, 32)),
        mask(line(2, 32)),
        lits_lesions=(2, 1),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(1, 0, 2, 0),
        default_iou50=(1, 0, 2, 0),
        dice=(48 / 54,),
    ),
    HandCase(
        "touching by an edge",
        "Two boxes of 2 x 2 x 4 voxels that share an edge, predicted exactly. LiTS: by faces "
        "they are 2 lesions on either side, both detected. Ours: one lesion on either side.",
        mask((slice(2, 4), slice(2, 4), slice(0, 4)), (slice(4, 6), slice(4, 6), slice(0, 4))),
        mask((slice(2, 4), slice(2, 4), slice(0, 4)), (slice(4, 6), slice(4, 6), slice(0, 4))),
        lits_lesions=(2, 2),
        lits_overlap=2,
        lits_iou50=2,
        default_overlap=(1, 0, 1, 0),
        default_iou50=(1, 0, 1, 0),
        dice=(1.0,),
    ),
    HandCase(
        "IoU of exactly 0.5",
        "A reference of 4 voxels, 2 of them predicted: 2/4 = 0.5, which is not more than 0.5. "
        "LiTS: 1 - 1 = 0 detected, FP = 1, FN = 1. Ours: missed at IoU > 0.5, found at any "
        "overlap. Dice 4/6.",
        mask(line(2, 4)),
        mask(line(2, 6)),
        lits_lesions=(1, 1),
        lits_overlap=1,
        lits_iou50=0,
        default_overlap=(1, 0, 1, 0),
        default_iou50=(0, 1, 0, 1),
        dice=(4 / 6,),
    ),
    HandCase(
        "a reference whose prediction is matched elsewhere",
        "Prediction 1 (9 voxels) covers reference 1 (3 voxels), a gap of 1 and 5 of the 14 "
        "voxels of reference 2; prediction 2 covers 8 others of it. LiTS: reference 1 belongs to"
        " prediction 1, reference 2 to prediction 2, nothing is merged. Prediction 1 shares most"
        " with reference 2 and is matched to that, so that reference 1, though wholly predicted,"
        " is left without. One group, both predictions with reference 2: detected 1, FP = 2 - 1 "
        "= 1, FN = 2 - 1 = 1. (Its predictions are marked 2, the union looks for mark 1, which "
        "is nowhere: 13/14.) Ours: reference 1 lies in prediction 1, prediction 1 mostly in "
        "reference 2 (5 of 9), prediction 2 in reference 2: one match, shared 16, union 17 + 17 "
        "- 16 = 18, all found. Dice 32/34.",
        mask(line(2, 11), line(12, 20)),
        mask(line(2, 5), line(6, 20)),
        lits_lesions=(2, 2),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(2, 0, 2, 0),
        default_iou50=(2, 0, 2, 0),
        dice=(32 / 34, 32 / 34),
    ),
    HandCase(
        "a graze",
        "A lesion of 64 voxels predicted exactly, but for a spur of 4 voxels that ends in "
        "another lesion of 64. LiTS: both references belong to the one prediction and are "
        "merged: shared 64 + 1 = 65, union 68 + 64 - 1 = 131, IoU below 0.5, detected 1 - 2 = "
        "-1. Ours: one voxel is not the greater part of anything. The first pair keeps its IoU "
        "of 64/68, the second lesion counts as found at any overlap only, with the Dice of the "
        "two, 2 × 1/(64 + 68).",
        mask(cube(2), (slice(6, 10), 0, 0)),
        mask(cube(2), cube(9)),
        lits_lesions=(1, 2),
        lits_overlap=1,
        lits_iou50=-1,
        default_overlap=(2, 0, 1, 0),
        default_iou50=(1, 1, 1, 0),
        dice=(128 / 132, 2 / 132),
    ),
    HandCase(
        "shifted by more than half",
        "Two lines of 10 voxels that share 4: IoU 4/16, neither holds most of the other. LiTS: 1"
        " - 1 = 0 at IoU > 0.5. Ours: found at any overlap, Dice 8/20.",
        mask(line(8, 18)),
        mask(line(2, 12)),
        lits_lesions=(1, 1),
        lits_overlap=1,
        lits_iou50=0,
        default_overlap=(1, 0, 1, 0),
        default_iou50=(0, 1, 0, 1),
        dice=(8 / 20,),
    ),
    HandCase(
        "half is not the greater part",
        "A reference of 7 voxels. Prediction 1 has 4, of which 2 in the reference; prediction 2 "
        "is 4 others of it. LiTS: both are matched to it and merged: shared 6, union 8 + 7 - 6 ="
        " 9, detected 1; FP = 2 - 1 = 1. Ours: half of prediction 1 is not most of it, "
        "prediction 2 lies wholly in the reference: their IoU is 4/7, found, and prediction 1 is"
        " right at any overlap only. Dice 8/11.",
        mask(line(2, 6), line(7, 11)),
        mask(line(4, 11)),
        lits_lesions=(2, 1),
        lits_overlap=1,
        lits_iou50=1,
        default_overlap=(1, 0, 2, 0),
        default_iou50=(1, 0, 1, 1),
        dice=(8 / 11,),
    ),
    HandCase(
        "empty prediction",
        "Nothing meets the two references. LiTS: no group, 0 detected, FP 0, FN 2. Ours: the same.",
        mask(),
        mask(cube(2), cube(20)),
        lits_lesions=(0, 2),
        lits_overlap=0,
        lits_iou50=0,
        default_overlap=(0, 2, 0, 0),
        default_iou50=(0, 2, 0, 0),
        dice=(0.0, 0.0),
    ),
    HandCase(
        "empty reference",
        "The scorer crashes: its detection returns five values where three are unpacked. Taken "
        "for 0 detected, which is what it meant: FP 2, FN 0. Ours: two false positives.",
        mask(cube(2), cube(20)),
        mask(),
        lits_lesions=(2, 0),
        lits_overlap=0,
        lits_iou50=0,
        default_overlap=(0, 0, 0, 2),
        default_iou50=(0, 0, 0, 2),
        dice=(),
    ),
    HandCase(
        "both empty",
        "The scorer crashes as before. Taken for 0 detected of 0 on either side.",
        mask(),
        mask(),
        lits_lesions=(0, 0),
        lits_overlap=0,
        lits_iou50=0,
        default_overlap=(0, 0, 0, 0),
        default_iou50=(0, 0, 0, 0),
        dice=(),
    ),
]


@pytest.mark.parametrize("case", HAND_CASES, ids=lambda case: case.name)
def test_lits_counts_by_hand(case: HandCase) -> None:
    matching = match_lesions(case.prediction, case.reference, affine=AFFINE, convention="lits")
    predicted, referred = case.lits_lesions
    assert (len(matching.prediction), len(matching.reference)) == case.lits_lesions
    for minimum_iou, detected in ((0, case.lits_overlap), (0.5, case.lits_iou50)):
        expected = (detected, referred - detected, detected, predicted - detected)
        assert counts(matching, minimum_iou) == expected, case.why


@settings(deadline=None, max_examples=150)
@given(noisy_pairs(), st.sampled_from([0.0, 0.5, 0.7]))
def test_lits_detection_agrees_with_the_literal_scorer(
    pair: tuple[Mask, Mask], minimum_iou: float
) -> None:
    prediction, reference = pair
    matching = match_lesions(prediction, reference, affine=AFFINE, convention="lits")
    found = matching.lits_detection(minimum_iou)
    if not reference.any():
        assert (found.detected, found.objects) == (0, ())
        return
    detected, painted, merged = literal_scorer(prediction, reference, minimum_iou)
    assert found.detected == detected
    predicted, referred = ndimage.label(prediction)[0], ndimage.label(reference)[0]
    left = [number for number in np.unique(painted) if number]
    assert len(found.objects) == len(left)
    for group, number in zip(found.objects, left, strict=True):
        np.testing.assert_array_equal(np.isin(predicted, group.prediction), painted == number)
        np.testing.assert_array_equal(np.isin(referred, group.reference), merged == number)


def test_more_than_255_lesions_run_over_as_in_the_literal_scorer() -> None:
    reference = np.zeros((30, 30, 3), dtype=bool)
    reference[::2, ::2, ::2] = True  # 15 x 15 x 2 = 450 lesions of one voxel
    prediction = reference.copy()
    prediction[0, :9] = True
    matching = match_lesions(prediction, reference, affine=AFFINE, convention="lits")
    for minimum_iou in (0, 0.5):
        detected, painted, merged = literal_scorer(prediction, reference, minimum_iou)
        found = matching.lits_detection(minimum_iou)
        assert found.detected == detected
        left = [number for number in np.unique(painted) if number]
        referred = ndimage.label(reference)[0]
        assert len(found.objects) == len(left) <= 255
        for group, number in zip(found.objects, left, strict=True):
            np.testing.assert_array_equal(np.isin(referred, group.reference), merged == number)


@pytest.mark.parametrize("case", HAND_CASES, ids=lambda case: case.name)
def test_default_counts_by_hand(case: HandCase) -> None:
    matching = match_lesions(case.prediction, case.reference, affine=AFFINE)
    assert counts(matching, 0) == case.default_overlap, case.why
    assert counts(matching, 0.5) == case.default_iou50, case.why
    assert matching.reference_dice == pytest.approx(case.dice), case.why
    mean = sum(case.dice) / len(case.dice) if case.dice else None
    assert matching.lesion_wise_dice == (mean if mean is None else pytest.approx(mean))
