"""Matching of lesions in the default convention: the properties it must have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lesion_cases import Mask, affines, pairs
from lesion_counts import counts
from monai.metrics.panoptic_quality import compute_panoptic_quality
from scipy import ndimage

from ynet3d.errors import InputError
from ynet3d.evaluation.detection import DetectionCounts, total
from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES, find_lesions
from ynet3d.evaluation.lesion_rows import lesion_rows
from ynet3d.evaluation.lesions import match_lesions
from ynet3d.evaluation.surface import surface_distances

#: i to the left, j to the back, k to the head.
AFFINE = np.diag([-0.7, -0.9, 2.5, 1.0])
EVERY_NEIGHBOUR = np.ones((3, 3, 3))


@settings(deadline=None, max_examples=60)
@given(pairs())
def test_counts_are_consistent(pair: tuple[Mask, Mask]) -> None:
    matching = match_lesions(*pair, affine=AFFINE)
    for minimum_iou in (0, 0.5, 0.8):
        found = matching.detection(minimum_iou)
        assert min(counts(matching, minimum_iou)) >= 0
        assert found.references == len(matching.reference)
        assert found.predictions == len(matching.prediction)
        sizes = (matching.detection(minimum_iou, size_class=size) for size in SIZE_CLASSES)
        assert total(sizes) == found
        # Something is found if and only if something is right.
        assert (found.true_positives > 0) == (found.true_predictions > 0)
    for strict, loose in ((0.5, 0), (0.8, 0.5)):
        for some, more in zip(matching.found(strict), matching.found(loose), strict=True):
            assert all(not a or b for a, b in zip(some, more, strict=True))


@settings(deadline=None, max_examples=60)
@given(pairs())
def test_swapping_prediction_and_reference_swaps_precision_and_recall(
    pair: tuple[Mask, Mask],
) -> None:
    prediction, reference = pair
    matching = match_lesions(prediction, reference, affine=AFFINE)
    swapped = match_lesions(reference, prediction, affine=AFFINE)
    for minimum_iou in (0, 0.5):
        one, other = matching.detection(minimum_iou), swapped.detection(minimum_iou)
        assert matching.found(minimum_iou) == swapped.found(minimum_iou)[::-1]
        assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)


@settings(deadline=None, max_examples=50)
@given(
    pairs(),
    st.permutations([0, 1, 2]),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_orientation_changes_nothing(
    pair: tuple[Mask, Mask], axes: list[int], flips: list[bool]
) -> None:
    """The same patient, stored with axes in another order and direction."""
    affine = AFFINE.copy()
    affine[:3, :3] = AFFINE[:3, axes] * np.where(flips, -1, 1)
    steps = tuple(slice(None, None, -1 if flip else None) for flip in flips)
    turned = (mask.transpose(axes)[steps] for mask in pair)
    one = match_lesions(*pair, affine=AFFINE)
    other = match_lesions(*turned, affine=affine)
    for minimum_iou in (0, 0.5):
        for size in (None, *SIZE_CLASSES):
            assert one.detection(minimum_iou, size_class=size) == other.detection(
                minimum_iou, size_class=size
            )
    assert sorted(one.reference_dice) == pytest.approx(sorted(other.reference_dice))
    distances = (sorted(match.assd_mm for match in both.matches) for both in (one, other))
    assert next(distances) == pytest.approx(next(distances), abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(pairs())
def test_every_pair_with_more_than_half_in_common_is_found(pair: tuple[Mask, Mask]) -> None:
    matching = match_lesions(*pair, affine=AFFINE)
    right, found = matching.found(0.5)
    overlaps = matching.overlaps
    for (p, r), shared in overlaps.common.items():
        size = overlaps.prediction_voxels[p - 1] + overlaps.reference_voxels[r - 1]
        iou = shared / (size - shared)
        if iou > 0.5:
            match = matching.reference_matches[r - 1]
            assert match is not None
            assert match is matching.prediction_matches[p - 1]
            assert match.iou >= iou
            assert right[p - 1]
            assert found[r - 1]


@settings(deadline=None, max_examples=50)
@given(pairs())
def test_agrees_with_monai_where_nothing_is_bridged_or_split(pair: tuple[Mask, Mask]) -> None:
    matching = match_lesions(*pair, affine=AFFINE)
    assume(all(len(m.prediction) == len(m.reference) == 1 for m in matching.matches))
    labels = (torch.from_numpy(ndimage.label(mask, EVERY_NEIGHBOUR)[0]) for mask in pair)
    tp, fp, fn, _ = compute_panoptic_quality(*labels, output_confusion_matrix=True).tolist()
    assert counts(matching, 0.5) == (tp, fn, tp, fp)


@settings(deadline=None, max_examples=50)
@given(pairs(), affines(), st.sampled_from(["default", "lits"]))
def test_matches_are_measured_as_masks_of_the_whole_scan(
    pair: tuple[Mask, Mask], affine: np.ndarray, convention: str
) -> None:
    matching = match_lesions(*pair, affine=affine, convention=convention)
    connectivity, numbering = (6, "place") if convention == "lits" else (26, "volume")
    found = [
        find_lesions(mask, affine, connectivity=connectivity, numbering=numbering) for mask in pair
    ]
    axes = found[0].axes
    whole = np.stack([np.zeros(3, int), [pair[0].shape[axis] for axis in axes]], axis=1)
    spacing = tuple(np.linalg.norm(affine[:3, list(axes)], axis=0))
    for match in matching.matches:
        p, r = found[0].mask(match.prediction, whole), found[1].mask(match.reference, whole)
        assert (match.prediction_voxels, match.reference_voxels) == (p.sum(), r.sum())
        assert match.overlap_voxels == (p & r).sum() > 0
        assert match.iou == pytest.approx((p & r).sum() / (p | r).sum())
        assert match.dice == pytest.approx(2 * (p & r).sum() / (p.sum() + r.sum()))
        distances = surface_distances(p, r, spacing)
        assert distances is not None
        for name in ("assd_mm", "rmsd_mm", "msd_mm", "hd95_mm"):
            assert getattr(match, name) == pytest.approx(getattr(distances, name), abs=1e-5)


def test_rows() -> None:
    reference = np.zeros((40, 40, 6), dtype=bool)
    reference[2:22, 2:12, 1:5] = True  # 800 voxels
    reference[30:34, 30:34, 1:5] = True  # 64 voxels
    prediction = np.zeros_like(reference)
    prediction[2:22, 2:10, 1:5] = True  # 640 of the first
    prediction[30:32, 2:4, 1:5] = True  # 16 elsewhere
    rows = lesion_rows(match_lesions(prediction, reference, affine=AFFINE))
    assert [(row.side, row.number, row.status, row.matched_to) for row in rows] == [
        ("reference", 1, "found", (1,)),
        ("reference", 2, "missed", ()),
        ("prediction", 1, "true positive", (1,)),
        ("prediction", 2, "false positive", ()),
    ]
    found, missed, right, wrong = rows
    assert (found.voxels, found.overlap_voxels) == (800, 640)
    assert (right.voxels, right.overlap_voxels) == (640, 640)
    assert found.volume_ml == pytest.approx(800 * 0.7 * 0.9 * 2.5 / 1000)
    assert found.centroid == (11.5, 6.5, 2.5)
    assert found.diameter_mm == pytest.approx(math.hypot(20 * 0.7, 10 * 0.9))
    assert [row.size_class for row in rows] == ["10-20", "<10", "10-20", "<10"]
    for row in (found, right):
        assert row.iou == pytest.approx(640 / 800)
        assert row.dice == pytest.approx(1280 / 1440)
        # The prediction lacks two rows along j of 0.9 mm, so nothing is farther than 1.8 mm.
        assert 0 < row.assd_mm < row.hd95_mm <= 1.8 + 1e-6
        assert row.detected_overlap
        assert row.detected_iou50
    for row in (missed, wrong):
        assert (row.overlap_voxels, row.iou, row.dice) == (0, 0, 0)
        assert (row.assd_mm, row.hd95_mm) == (None, None)
        assert not row.detected_overlap
        assert not row.detected_iou50


def test_false_positives_count_by_their_own_size() -> None:
    reference = np.zeros((40, 40, 6), dtype=bool)
    reference[2:22, 2:12, 1:5] = True  # 14 x 9 mm
    prediction = reference.copy()
    prediction[30:32, 2:4, 1:5] = True  # 1.4 x 1.8 mm
    prediction[0:38, 20:38, 1:5] = True  # 26.6 x 16.2 mm
    matching = match_lesions(prediction, reference, affine=AFFINE)
    by_size = {size: matching.detection(0.5, size_class=size) for size in SIZE_CLASSES}
    assert by_size["<10"] == DetectionCounts(false_positives=1)
    assert by_size["10-20"] == DetectionCounts(true_positives=1, true_predictions=1)
    assert by_size[">20"] == DetectionCounts(false_positives=1)


def test_ratios_of_counts() -> None:
    counts = DetectionCounts(
        true_positives=3, false_negatives=1, true_predictions=2, false_positives=2
    )
    assert (counts.recall, counts.precision) == (3 / 4, 2 / 4)
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    nothing = DetectionCounts()
    assert (nothing.recall, nothing.precision, nothing.f1) == (None, None, None)
    missed = DetectionCounts(false_negatives=2)
    assert (missed.recall, missed.precision, missed.f1) == (0, None, 0)
    assert counts + missed == DetectionCounts(3, 3, 2, 2)


def test_what_cannot_be_asked() -> None:
    mask = np.ones((2, 2, 2), dtype=bool)
    matching = match_lesions(mask, mask, affine=AFFINE)
    lits = match_lesions(mask, mask, affine=AFFINE, convention="lits")
    for iou in (-0.1, 0.3, 1.0):
        with pytest.raises(ValueError, match=f"found {iou}"):
            matching.detection(iou)
    with pytest.raises(ValueError, match="counts all sizes together, found <10"):
        lits.detection(0.5, size_class="<10")
    with pytest.raises(ValueError, match='convention="lits"'):
        matching.lits_detection(0.5)
    with pytest.raises(ValueError, match=r"shapes \(2, 2, 2\) and \(1, 2, 2\) differ"):
        match_lesions(mask, mask[:1], affine=AFFINE)
    with pytest.raises(InputError, match="no convention 'mine'"):
        match_lesions(mask, mask, affine=AFFINE, convention="mine")
