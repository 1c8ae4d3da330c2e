"""Metrics of a pair and of many cases: known counts, brute force, and MONAI as second opinion."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from monai.metrics import compute_confusion_matrix_metric, compute_dice, get_confusion_matrix
from scipy import ndimage

from ynet3d.errors import InputError
from ynet3d.evaluation import (
    CLASSES,
    METRICS,
    CaseEvaluation,
    ClassMetrics,
    Confusion,
    confusion,
    evaluate_pair,
    label_components,
    summarise,
)
from ynet3d.evaluation.counting import joint_counts
from ynet3d.volumes import Volume

AFFINE = np.array([[-0.7, 0, 0, 100], [0, -0.8, 0, 50], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
BOX = (slice(2, 12), slice(2, 12), slice(1, 9))  # 10 x 10 x 8 = 800 voxels
SHAPE = (16, 18, 10)  # 2880 voxels

label_maps = npst.arrays(np.uint8, npst.array_shapes(min_dims=3, max_dims=3, max_side=5),
                         elements=st.integers(0, 2))  # fmt: skip


@st.composite
def pairs_of_label_maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    one = draw(label_maps)
    return one, draw(npst.arrays(np.uint8, one.shape, elements=st.integers(0, 2)))


def volume(array: np.ndarray, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(array, affine)


def liver(*, tumour: tuple[slice, slice, slice] | None = None, shift: int = 0) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[BOX] = 1
    if tumour:
        labels[tumour] = 2
    return np.roll(labels, shift, axis=0)


def metrics(
    sensitivity: float | None,
    specificity: float | None,
    precision: float | None,
    dice: float,
    jaccard: float,
    voe: float,
    rvd: float | None,
    each_distance: float | None,
    nsd: float,
) -> ClassMetrics:
    overlap = (sensitivity, specificity, precision, dice, jaccard, voe, rvd)
    return ClassMetrics(*overlap, *[each_distance] * 4, nsd)


def test_box_shifted_by_two_voxels_has_the_counts_of_geometry() -> None:
    result = evaluate_pair(volume(liver(shift=2)), volume(liver()), "box").classes["liver"]
    assert result.counts == Confusion(tp=640, fp=160, fn=160, tn=2880 - 960)
    expected = {
        "sensitivity": 0.8,
        "specificity": 1920 / 2080,
        "precision": 0.8,
        "dice": 0.8,
        "jaccard": 640 / 960,
        "voe": 320 / 960,
        "rvd": 0,
    }
    for name, value in expected.items():
        assert result.value(name) == pytest.approx(value), name
    assert result.metrics.msd_mm == pytest.approx(2 * 0.7)  # every end face is 1.4 mm away
    assert 0 < result.metrics.assd_mm < result.metrics.rmsd_mm < result.metrics.hd95_mm + 1e-9
    assert result.metrics.nsd_2mm == 1
    assert result.reference_ml == pytest.approx(800 * 0.7 * 0.8 * 2.5 / 1000)
    assert result.prediction_ml == result.reference_ml


def test_sphere_inside_a_sphere_with_anisotropic_spacing() -> None:
    spacing = np.array([0.8, 0.8, 3.0])
    grid = np.stack(np.indices((90, 90, 26)), axis=-1) * spacing - [36, 36, 39]
    radius = np.linalg.norm(grid, axis=-1)
    small, large = (radius <= 24).astype(np.uint8), (radius <= 32).astype(np.uint8)
    affine = np.diag([*spacing, 1.0])
    result = evaluate_pair(volume(small, affine), volume(large, affine), "s").classes["liver"]
    ratio = (24 / 32) ** 3
    assert result.metrics.precision == 1
    assert result.metrics.specificity == 1
    assert result.metrics.sensitivity == pytest.approx(ratio, abs=0.01)
    assert result.metrics.dice == pytest.approx(2 * ratio / (1 + ratio), abs=0.01)
    assert result.reference_ml == pytest.approx(4 / 3 * math.pi * 3.2**3, rel=0.01)


def test_the_two_livers_differ_by_the_tumour() -> None:
    tumour = (slice(4, 8), slice(4, 8), slice(2, 6))  # 64 voxels
    case = evaluate_pair(volume(liver()), volume(liver(tumour=tumour)), "missed tumour")
    assert case.classes["liver"].metrics.dice == 1
    assert case.classes["liver_label1"].metrics.dice == pytest.approx(2 * 736 / (800 + 736))
    assert case.classes["tumour"].metrics == metrics(0, 1, None, 0, 0, 1, -1, None, 0)


@pytest.mark.parametrize(
    ("in_prediction", "in_reference", "expected"),
    [
        # sensitivity, specificity, precision, Dice, Jaccard, VOE, RVD, each distance, NSD
        (False, False, (None, 1, None, 1, 1, 0, None, None, 1)),
        (True, False, (None, (2880 - 64) / 2880, 0, 0, 0, 1, None, None, 0)),
        (False, True, (0, 1, None, 0, 0, 1, -1, None, 0)),
        (True, True, (1, 1, 1, 1, 1, 0, 0, 0, 1)),
    ],
)
def test_empty_classes(
    in_prediction: bool, in_reference: bool, expected: tuple[float | None, ...]
) -> None:
    tumour = (slice(4, 8), slice(4, 8), slice(2, 6))
    prediction = liver(tumour=tumour if in_prediction else None)
    reference = liver(tumour=tumour if in_reference else None)
    result = evaluate_pair(volume(prediction), volume(reference), "x").classes["tumour"]
    assert result.metrics == metrics(*expected)
    assert result.in_reference is in_reference


def test_a_class_that_fills_the_scan_has_no_specificity() -> None:
    full = volume(np.ones(SHAPE, np.uint8))
    found = evaluate_pair(full, full, "x").classes["liver"].metrics
    assert found == metrics(1, None, 1, 1, 1, 0, 0, 0, 1)


@settings(deadline=None, max_examples=40)
@given(pairs_of_label_maps())
def test_metrics_agree_with_brute_force(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, reference = pair
    case = evaluate_pair(volume(prediction), volume(reference), "x")
    for name, labels in (("liver", (1, 2)), ("liver_label1", (1,)), ("tumour", (2,))):
        tp = fp = fn = tn = 0
        for p, r in zip(prediction.flat, reference.flat, strict=True):
            tp += p in labels and r in labels
            fp += p in labels and r not in labels
            fn += p not in labels and r in labels
            tn += p not in labels and r not in labels
        result = case.classes[name]
        assert result.counts == Confusion(tp, fp, fn, tn)
        assert result.metrics.sensitivity == (tp / (tp + fn) if tp + fn else None)
        assert result.metrics.specificity == (tn / (tn + fp) if tn + fp else None)
        assert result.metrics.precision == (tp / (tp + fp) if tp + fp else None)
        assert result.metrics.dice == (2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1)
        assert result.metrics.jaccard == (tp / (tp + fp + fn) if tp + fp + fn else 1)
        assert result.metrics.voe == 1 - result.metrics.jaccard
        assert result.metrics.rvd == ((fp - fn) / (tp + fn) if tp + fn else None)


@settings(deadline=None, max_examples=40)
@given(pairs_of_label_maps())
def test_metrics_agree_with_monai(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, reference = pair
    case = evaluate_pair(volume(prediction), volume(reference), "x")
    for name, labels in (("liver", (1, 2)), ("liver_label1", (1,)), ("tumour", (2,))):
        p = torch.from_numpy(np.isin(prediction, labels).astype(np.float32))[None, None]
        r = torch.from_numpy(np.isin(reference, labels).astype(np.float32))[None, None]
        matrix = get_confusion_matrix(p, r)
        metrics = case.classes[name].metrics
        for metric in ("sensitivity", "specificity", "precision"):
            theirs = compute_confusion_matrix_metric(metric, matrix).item()
            ours = getattr(metrics, metric)
            assert (math.isnan(theirs) and ours is None) or ours == pytest.approx(theirs, abs=1e-6)
        theirs = compute_dice(p, r, ignore_empty=False).item()  # 1 when both are empty
        if torch.any(r):
            assert metrics.dice == pytest.approx(theirs, abs=1e-6)
        else:
            assert metrics.dice == (0 if torch.any(p) else 1)


@settings(deadline=None, max_examples=30)
@given(
    pairs_of_label_maps(),
    st.permutations([0, 1, 2]),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from(["C", "F"]),
)
def test_order_of_axes_flips_and_memory_change_nothing(
    pair: tuple[np.ndarray, np.ndarray],
    axes: list[int],
    flips: tuple[bool, bool, bool],
    layout: str,
) -> None:
    turned = [
        array.transpose(axes)[tuple(slice(None, None, -1 if flip else None) for flip in flips)]
        for array in pair
    ]
    before = evaluate_pair(volume(pair[0]), volume(pair[1]), "x").classes
    after = evaluate_pair(volume(turned[0]), volume(turned[1].copy(order=layout)), "x").classes  # type: ignore[call-overload]
    for name in CLASSES:
        assert after[name].counts == before[name].counts


@settings(deadline=None, max_examples=30)
@given(pairs_of_label_maps())
def test_swapping_prediction_and_reference_swaps_sensitivity_and_precision(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    one = evaluate_pair(volume(pair[0]), volume(pair[1]), "x").classes
    other = evaluate_pair(volume(pair[1]), volume(pair[0]), "x").classes
    for name in CLASSES:
        assert one[name].metrics.sensitivity == other[name].metrics.precision
        assert one[name].metrics.dice == other[name].metrics.dice


def test_confusion_of_two_masks() -> None:
    prediction = np.array([[True, True, False], [False, False, False]])
    reference = np.array([[True, False, True], [True, False, False]])
    assert confusion(prediction, reference) == Confusion(tp=1, fp=1, fn=2, tn=2)
    with pytest.raises(ValueError, match="shapes"):
        confusion(prediction, reference[:1])
    with pytest.raises(ValueError, match="outside"):
        confusion(prediction, reference * np.uint8(255))


def test_counting_needs_little_memory() -> None:
    import tracemalloc

    prediction = np.zeros((256, 256, 200), np.uint8, order="F")
    reference = np.ones_like(prediction)
    tracemalloc.start()
    counts = joint_counts(prediction, reference, values=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts[0, 1] == prediction.size
    assert peak < 0.2 * prediction.nbytes


def test_other_shapes_are_refused_with_both_shapes() -> None:
    small = np.zeros((16, 18, 9), np.uint8)
    with pytest.raises(InputError, match=r"case 7 has the shape 16×18×9 .* 16×18×10"):
        evaluate_pair(volume(small), volume(liver()), "case 7")


def test_shifted_grids_are_refused_with_the_distance() -> None:
    moved = AFFINE.copy()
    moved[2, 3] += 2.5
    with pytest.raises(InputError, match=r"up to 2\.5 mm"):
        evaluate_pair(volume(liver(), moved), volume(liver()), "x")


def test_mirrored_grids_are_refused_with_both_orientations() -> None:
    mirrored = AFFINE @ np.diag([-1, 1, 1, 1.0])
    with pytest.raises(InputError, match="RPS and LPS"):
        evaluate_pair(volume(liver(), mirrored), volume(liver()), "x")


@pytest.mark.parametrize("role", ["prediction", "reference"])
def test_other_labels_are_refused(role: str) -> None:
    wrong = liver()
    wrong[0, 0, 0] = 7
    arrays = {"prediction": liver(), "reference": liver(), role: wrong}
    with pytest.raises(InputError, match=f"{role} of x .* label 7"):
        evaluate_pair(volume(arrays["prediction"]), volume(arrays["reference"]), "x")
    arrays[role] = liver().astype(np.float32)
    with pytest.raises(InputError, match="float32"):
        evaluate_pair(volume(arrays["prediction"]), volume(arrays["reference"]), "x")


def four_cases() -> list[CaseEvaluation]:
    """Tumour Dice 1 (neither), 0 (only predicted), 0.75, 0.5; two have a tumour to find."""
    whole = (slice(4, 8), slice(4, 8), slice(2, 6))  # 64 voxels
    pairs = [
        (None, None),
        (whole, None),
        ((slice(5, 9), slice(4, 8), slice(2, 6)), whole),  # 48 of 64 shared
        ((slice(6, 10), slice(4, 8), slice(2, 6)), whole),  # 32 of 64 shared
    ]
    return [
        evaluate_pair(volume(liver(tumour=p)), volume(liver(tumour=r)), f"case-{index}")
        for index, (p, r) in enumerate(pairs)
    ]


def test_summary_of_known_cases() -> None:
    tumour = summarise(four_cases()).summary["tumour"]
    dice = tumour["dice"]
    assert dice.mean == pytest.approx((1 + 0 + 0.75 + 0.5) / 4)
    assert dice.sd == pytest.approx(np.std([1, 0, 0.75, 0.5], ddof=1))
    assert dice.cases == 4
    assert dice.mean_with_reference == pytest.approx(0.625)
    assert dice.sd_with_reference == pytest.approx(np.std([0.75, 0.5], ddof=1))
    assert dice.cases_with_reference == 2
    assert tumour["sensitivity"].mean == pytest.approx(0.625)
    assert tumour["sensitivity"].cases == 2
    assert tumour["precision"].mean == pytest.approx((0 + 0.75 + 0.5) / 3)
    assert tumour["precision"].cases == 3
    assert tumour["precision"].cases_with_reference == 2


def test_cases_without_tumour_cannot_flatter_the_mean_with_reference() -> None:
    cases = four_cases()
    without = [summarise(cases[2:]), summarise([cases[0], *cases[2:]])]
    assert without[0].summary["tumour"]["dice"].mean == 0.625
    assert without[1].summary["tumour"]["dice"].mean == 0.75
    for evaluation in without:
        assert evaluation.summary["tumour"]["dice"].mean_with_reference == 0.625


def test_what_is_never_defined_has_no_mean_and_one_case_no_deviation() -> None:
    evaluation = summarise(four_cases()[:1])
    sensitivity = evaluation.summary["tumour"]["sensitivity"]
    assert (sensitivity.mean, sensitivity.sd, sensitivity.cases) == (None, None, 0)
    assert evaluation.summary["liver"]["dice"].mean == 1
    assert evaluation.summary["liver"]["dice"].sd is None


def test_the_convention_chooses_the_headline_and_changes_no_number() -> None:
    lits = summarise(four_cases())
    label1 = summarise(four_cases(), liver_convention="label1")
    assert lits.headline == ("liver", "tumour")
    assert label1.headline == ("liver_label1", "tumour")
    assert set(lits.class_names) == set(label1.class_names) == set(CLASSES)
    for name, metric in itertools.product(CLASSES, METRICS):
        assert lits.summary[name][metric] == label1.summary[name][metric]


def test_summaries_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="no case"):
        summarise([])
    with pytest.raises(InputError, match="2 cases are named case-0"):
        summarise(four_cases()[:1] * 2)
    with pytest.raises(InputError, match=r"choose lits .* or label1"):
        summarise(four_cases(), liver_convention="both")  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(
    npst.arrays(np.bool_, npst.array_shapes(min_dims=3, max_dims=3, max_side=7)),
    st.sampled_from([(6, 1), (18, 2), (26, 3)]),
)
def test_components_agree_with_scipy(mask: np.ndarray, neighbours: tuple[int, int]) -> None:
    connectivity, reach = neighbours
    components = label_components(mask, connectivity=connectivity)  # type: ignore[arg-type]
    expected, number = ndimage.label(mask, ndimage.generate_binary_structure(3, reach))
    pairs = set(zip(components.flat, expected.flat, strict=True))
    assert components.shape == mask.shape
    assert len(pairs) == len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs})
    assert components.max() == number


@pytest.mark.parametrize(
    "shape", [(3, 1, 1), (1, 5, 1), (1, 1, 3), (5, 5, 5), (7, 1, 3), (8, 1, 3)]
)
@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_components_of_every_second_voxel(shape: tuple[int, int, int], connectivity: int) -> None:
    mask = np.zeros(shape, bool)
    mask[::2, ::2, ::2] = True
    components = label_components(mask, connectivity=connectivity)  # type: ignore[arg-type]
    assert components.max() == mask.sum()
    assert np.array_equal(components > 0, mask)
