"""The LiTS scorer's figures of a data set: worked by hand, and against a literal second opinion."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lesion_cases import AFFINE, SHAPE, Mask, cube, line, literal_scorer, mask, noisy_pairs
from scipy import ndimage

from ynet3d.evaluation.counting import joint_counts
from ynet3d.evaluation.lesions import match_lesions
from ynet3d.evaluation.lits import LitsCase, lits_case, lits_scores
from ynet3d.evaluation.surface import surface_distances

ORGAN = (slice(0, 10), slice(0, 8), slice(0, 4))  # 320 voxels
TUMOUR = cube(2)  # 64 of them


def label_map(tumour: Mask, organ: Mask | None = None) -> np.ndarray:
    """2 in `tumour`, 1 in the rest of `organ`."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[mask(ORGAN) if organ is None else organ] = 1
    labels[tumour] = 2
    return labels


def score(prediction: np.ndarray, reference: np.ndarray) -> LitsCase:
    return lits_case(
        joint_counts(prediction, reference, values=3),
        match_lesions(prediction == 2, reference == 2, affine=AFFINE, convention="lits"),
        surface_distances(prediction >= 1, reference >= 1, (1.0, 1.0, 1.0)),
    )


def test_figures_of_three_cases_by_hand() -> None:
    """Each organ has 320 voxels.

    1. Tumour of 64, all predicted exactly. Lesions at IoU > 0.5: 1 of 1 predicted, 1 of 1 in the
       reference. Burdens 64/320 = 0.2 and 0.2, difference 0.
    2. The same reference, all 320 predicted as tumour: IoU 64/320 = 0.2, so 1 detected at any
       overlap and 0 at IoU > 0.5. Lesion Dice 128/384 = 1/3. No voxel is predicted as label 1: the
       liver counts as missing, with Dice 0, jaccard 0, VOE 1, 9001 for the rest; the predicted
       burden as 9001, difference 0.2 - 9001 = -9000.8.
    3. Tumour of 32, only liver predicted: no predicted lesion, lesion Dice 0, burden difference
       32/320 - 0 = 0.1.
    """
    perfect = label_map(mask(TUMOUR))
    small = label_map(mask((slice(2, 4), slice(0, 4), slice(0, 4))))
    cases = [
        score(perfect, perfect),
        score(label_map(mask(ORGAN)), perfect),
        score(label_map(mask()), small),
    ]
    rmse = np.sqrt((0 + 9000.8**2 + 0.1**2) / 3)
    expected = {
        "lesion_precision": 1 / 2,  # 1 detected; 1 + 1 + 0 predicted
        "lesion_recall": 1 / 3,  # 1 + 1 + 1 in the reference
        "lesion_precision_greater_zero": 2 / 2,
        "lesion_recall_greater_zero": 2 / 3,
        "lesion_dice": 1,  # of the one detected lesion
        "lesion_jaccard": 1,
        "lesion_voe": 0,
        "lesion_rvd": 0,
        "lesion_assd": 0,
        "lesion_rmsd": 0,
        "lesion_msd": 0,
        "lesion_dice_per_case": (1 + 1 / 3 + 0) / 3,
        "lesion_dice_global": 2 * (64 + 64 + 0) / ((64 + 64) + (320 + 64) + (0 + 32)),
        "liver_dice": 2 / 3,
        "liver_jaccard": 2 / 3,
        "liver_voe": 1 / 3,
        "liver_rvd": 9001 / 3,
        "liver_assd": 9001 / 3,
        "liver_rmsd": 9001 / 3,
        "liver_msd": 9001 / 3,
        "liver_dice_per_case": 2 / 3,
        # The second liver adds its 320 reference voxels and nothing of the prediction.
        "liver_dice_global": 2 * (320 + 0 + 320) / (640 + 320 + 640),
        "RMSE_Tumorburden": rmse,
        "MAXERROR_Tumorburden": 0.1,  # the signed maximum hides the -9000.8
    }
    scores = lits_scores(cases)
    assert list(scores) == list(expected)
    assert scores == pytest.approx(expected)


def test_an_object_by_hand() -> None:
    """Reference 4 x 4 x 4 voxels of 1 mm, the prediction one voxel longer at either end of i.

    Shared 64, prediction 96, reference 64: Dice 128/160 = 0.8, jaccard 64/96 = 2/3, VOE 1/3, RVD
    (96 - 64)/64 = +0.5. Surface voxels of a box are all but its inner ones: 64 - 2 x 2 x 2 = 56 and
    96 - 4 x 2 x 2 = 80. Of the reference's 56, the 16 at either end of i lie inside the prediction,
    with the 4 inner ones of each end 1 mm from its end face, and the other 12 on its rim; the rest
    coincide. So 8 distances of 1 mm. Of the prediction's 80, the 32 at its ends are 1 mm from the
    reference's ends: 32 of 1 mm. ASSD (8 + 32)/(56 + 80), RMSD its root, maximum 1.
    """
    reference = label_map(mask(cube(3, 2)))
    prediction = label_map(mask((slice(2, 8), slice(2, 6), slice(0, 4))))
    case = score(prediction, reference)
    (scores,) = case.lesions
    assert asdict(scores) == pytest.approx(
        {
            "dice": 0.8,
            "jaccard": 2 / 3,
            "voe": 1 / 3,
            "rvd": 0.5,
            "assd": 40 / 136,
            "rmsd": np.sqrt(40 / 136),
            "msd": 1,
        }
    )


def test_a_detected_lesion_is_not_compared_where_miscounts_hide_it() -> None:
    """A perfect lesion beside an undetected bridge over two: 2 groups - 2 = 0 detected.

    The scorer compares lesions only where it counts any as detected: the figures are those of a
    missing object, and so are they where there is nothing to detect.
    """
    prediction = label_map(mask(line(2, 34), cube(36, j=4)))
    reference = label_map(mask(line(2, 7), line(29, 34), cube(36, j=4)))
    nothing = label_map(mask())
    for case in (score(prediction, reference), score(nothing, nothing)):
        assert case.iou50.true_positives == 0
        scores = lits_scores([case])
        missing = {"dice": 0, "jaccard": 0, "voe": 1, "rvd": 9001, "assd": 9001, "rmsd": 9001}
        assert {name: scores[f"lesion_{name}"] for name in missing} == missing


def test_where_the_scorer_crashes() -> None:
    """No tumour in any reference; no tumour at all; a reference without organ.

    Without any tumour voxel, Dice per case is 1 but the global Dice 0/0: None. Precision and recall
    are 0 where they are 0/0. A reference without organ has no burden.
    """
    nothing, tumour = label_map(mask()), label_map(mask(TUMOUR))
    scores = lits_scores([score(nothing, nothing)])
    assert (scores["lesion_dice_per_case"], scores["lesion_dice_global"]) == (1, None)
    assert (scores["lesion_precision"], scores["lesion_recall"]) == (0, 0)
    case = score(tumour, nothing)
    assert (case.iou50.true_predictions, case.iou50.false_positives) == (0, 1)
    assert case.lesion_dice == 0
    scores = lits_scores([score(tumour, np.zeros_like(tumour))])
    assert (scores["liver_dice"], scores["liver_assd"]) == (0, 9001)
    assert (scores["RMSE_Tumorburden"], scores["MAXERROR_Tumorburden"]) == (None, None)


def literal_surface_distances(one: Mask, other: Mask) -> np.ndarray:
    """Of all surface voxels of both, by comparing all pairs; voxels of 1 mm."""
    neighbours = ndimage.generate_binary_structure(3, 2)
    points = [np.argwhere(m & ~ndimage.binary_erosion(m, neighbours)) for m in (one, other)]
    apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1)
    return np.concatenate([apart.min(axis=1), apart.min(axis=0)])


def literal_object(prediction: Mask, reference: Mask) -> list[float]:
    if not prediction.any() or not reference.any():
        return [0, 0, 1, 9001, 9001, 9001, 9001]
    dice = 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())
    apart = literal_surface_distances(prediction, reference)
    return [
        dice,
        dice / (2 - dice),
        1 - dice / (2 - dice),
        prediction.sum() / reference.sum() - 1,
        apart.mean(),
        np.sqrt((apart**2).mean()),
        apart.max(),
    ]


def literal_figures(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """The scorer's figures, read off its definitions one by one (every reference has a tumour)."""
    tp, predicted, referred = {0: 0, 0.5: 0}, 0, 0
    lesions, livers, lesion_dice, liver_dice, burden = [], [], [], [], []
    shared, both = np.zeros(2), np.zeros(2)
    for prediction, reference in pairs:
        p2, r2, p1, r1 = prediction == 2, reference == 2, prediction >= 1, reference >= 1
        for threshold in tp:
            detected, painted, merged = literal_scorer(p2, r2, threshold)
            tp[threshold] += detected
        if detected > 0:
            ids = [number for number in np.unique(painted) if number]
            lesions += [literal_object(painted == number, merged == number) for number in ids]
        predicted += ndimage.label(p2)[1]
        referred += ndimage.label(r2)[1]
        lesion_dice.append(2 * (p2 & r2).sum() / (p2.sum() + r2.sum()))
        exists = (prediction == 1).any()
        p1 = p1 & exists
        livers.append(literal_object(p1, r1))
        liver_dice.append(2 * (p1 & r1).sum() / (p1.sum() + r1.sum()))
        shared += (p2 & r2).sum(), (p1 & r1).sum()
        both += p2.sum() + r2.sum(), p1.sum() + r1.sum()
        predicted_burden = p2.sum() / p1.sum() if exists else 9001
        burden.append(r2.sum() / r1.sum() - predicted_burden)
    figures = {
        "lesion_precision": tp[0.5] / predicted if predicted else 0,
        "lesion_recall": tp[0.5] / referred,
        "lesion_precision_greater_zero": tp[0] / predicted if predicted else 0,
        "lesion_recall_greater_zero": tp[0] / referred,
        "lesion_dice_per_case": np.mean(lesion_dice),
        "lesion_dice_global": 2 * shared[0] / both[0],
        "liver_dice_per_case": np.mean(liver_dice),
        "liver_dice_global": 2 * shared[1] / both[1],
        "RMSE_Tumorburden": np.sqrt(np.mean(np.square(burden))),
        "MAXERROR_Tumorburden": np.max(burden),
    }
    names = ("dice", "jaccard", "voe", "rvd", "assd", "rmsd", "msd")
    for prefix, objects in (("lesion", lesions), ("liver", livers)):
        means = np.mean(objects or [[0, 0, 1, 9001, 9001, 9001, 9001]], axis=0)
        figures.update({f"{prefix}_{name}": mean for name, mean in zip(names, means, strict=True)})
    return figures


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    prediction, reference = draw(noisy_pairs())
    assume(reference.any())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    liver = draw(st.sampled_from([0, 0.5, 0.9]))
    organs = (random.random(reference.shape) < liver for _ in range(2))
    return tuple(
        np.where(tumour, 2, organ).astype(np.uint8)
        for tumour, organ in zip((prediction, reference), organs, strict=True)
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(label_pairs(), min_size=1, max_size=3))
def test_figures_agree_with_the_literal_scorer(
    pairs: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    expected = literal_figures(pairs)
    scores = lits_scores(score(*pair) for pair in pairs)
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-6)
