"""Temperatures: known by construction, a peer's optimiser, judged apart from fitting."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from volume_cases import AXIS_MATRICES

from ynet3d.evaluation.calibration import (
    TEMPERATURES,
    LesionSample,
    ScanSample,
    VoxelSample,
    Where,
    calibrate,
    fittable,
    judge,
    loss_curve,
    lowest,
)
from ynet3d.evaluation.reliability import Reliability
from ynet3d.evaluation.reliability_plot import save_reliability_plot
from ynet3d.inference.calibrating import SURROUNDINGS_MM, sample_scan
from ynet3d.preprocessing import labels_and_confidence
from ynet3d.preprocessing.points import logits_at
from ynet3d.recipes import Inference
from ynet3d.volumes import Reorientation, Volume


def drawn(
    seed: int, true: float, patient: str = "", *, voxels: int = 20_000, lesions: int = 0
) -> ScanSample:
    """Labels drawn from the softmax of logits, which are then told `true` times too large."""
    generator = np.random.default_rng(seed)

    def draw(n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        logits = generator.normal(0, 1.5, (3, n))
        noise = generator.gumbel(size=(3, n))  # the largest sum is a draw from the softmax
        return (logits * true).astype(np.float32), (logits + noise).argmax(0).astype(np.uint8)

    around = VoxelSample(*draw(voxels))
    called = around.logits.argmax(0) == 2
    tumour = VoxelSample(around.logits[:, called], around.labels[called])
    claimed, held = draw(lesions)
    tumours = [LesionSample(claimed[:, [i]], bool(held[i] == 2)) for i in range(lesions)]
    return ScanSample(str(seed), patient or str(seed), around, tumour, tuple(tumours))


@pytest.mark.parametrize("on", ["tumour", "surroundings"])
@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_the_labels_were_drawn_with(true: float, on: Where) -> None:
    scans = [drawn(seed, true) for seed in range(3)]
    found = calibrate(scans, on=on)
    assert found.best == pytest.approx(true, rel=0.05)
    assert found.held_out.surroundings.error == pytest.approx(0, abs=0.015)
    if true == 1.0:
        assert found.at_before.surroundings.error == pytest.approx(0, abs=0.01)
    else:
        assert found.adopted == found.best
        assert (found.at_before.surroundings.error or 0) > 0.05
        assert (found.at_before.tumour.error or 0) > 0.05
        assert found.at_before.loss > found.held_out.loss


def test_loss_and_its_lowest_place_are_those_of_torch_and_scipy() -> None:
    scan = drawn(0, 1.7, voxels=500)
    voxels = scan.surroundings
    logits = torch.from_numpy(voxels.logits.T).double()
    labels = torch.from_numpy(voxels.labels).long()

    def loss(temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(logits / temperature, labels))

    curve = loss_curve(voxels, TEMPERATURES)
    assert curve == pytest.approx([loss(one) for one in TEMPERATURES], abs=1e-5)
    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert lowest(curve) == pytest.approx(best, rel=2e-3)


def test_no_temperature_beyond_those_tried() -> None:
    """Always right: the surer the better, so the lowest temperature."""
    logits = np.array([[0.0, 3.0], [3.0, 0.0], [0.0, 0.0]], np.float32)
    right, wrong = np.array([1, 0], np.uint8), np.array([2, 2], np.uint8)
    assert lowest(loss_curve(VoxelSample(logits, right), TEMPERATURES)) == TEMPERATURES[0]
    assert lowest(loss_curve(VoxelSample(logits, wrong), TEMPERATURES)) == TEMPERATURES[-1]


def test_a_patient_is_judged_by_the_others() -> None:
    """One patient, twice scanned, is overconfident, and the others are not."""
    odd = [drawn(seed, 4.0, "odd") for seed in (7, 8)]
    scans = [*odd, drawn(1, 1.0, "a"), drawn(2, 1.0, "b")]
    found = calibrate(scans, on="surroundings")
    assert set(found.left_out) == {"odd", "a", "b"}
    assert found.left_out["odd"] == pytest.approx(1.0, rel=0.05)
    assert min(found.left_out["a"], found.left_out["b"]) > 1.5
    expected = judge(scans, lambda scan: found.left_out[scan.patient], on="surroundings")
    assert found.held_out.loss == expected.loss
    assert found.held_out.surroundings.as_json() == expected.surroundings.as_json()


def test_without_gain_on_patients_left_out_nothing_changes() -> None:
    """Each patient asks for the opposite of what the other needs."""
    scans = [drawn(1, 4.0), drawn(2, 0.25)]
    found = calibrate(scans, before=1.2, on="surroundings")
    assert found.against == "it gains nothing on patients left out"
    assert found.held_out.loss > found.at_before.loss
    assert found.adopted == 1.2 != found.best


def test_too_sure_of_tumours_and_not_sure_enough_of_the_rest() -> None:
    """Fitting on what is called tumour mends what is told of tumours; fitting on all spoils it."""
    scans = []
    for seed in (1, 2, 3):
        modest, bold = drawn(seed, 0.5), drawn(seed + 10, 2.0, voxels=2000, lesions=300)
        scans.append(
            ScanSample(str(seed), str(seed), modest.surroundings, bold.tumour, bold.lesions)
        )
    mended, spoiled = calibrate(scans, on="tumour"), calibrate(scans, on="surroundings")
    assert mended.best == pytest.approx(2.0, rel=0.15)
    assert spoiled.best == pytest.approx(0.5, rel=0.05)
    assert (mended.against, mended.adopted) == (None, mended.best)
    assert (spoiled.against, spoiled.adopted) == ("the error of claimed tumours rises", 1.0)
    before = mended.at_before.tumour.error or 0
    assert (mended.held_out.tumour.error or 1) < before < (spoiled.held_out.tumour.error or 0)


def test_sure_of_what_is_wrong_cannot_be_mended() -> None:
    """Saying nothing would lose less: the last temperature, which would hide all differences."""
    sure = np.tile(np.array([[0.0], [0.0], [4.0]], np.float32), 50)
    voxels = VoxelSample(sure, np.zeros(50, np.uint8))
    found = calibrate([ScanSample(name, name, voxels, voxels) for name in "abc"])
    assert found.best == TEMPERATURES[-1]
    assert found.held_out.loss < found.at_before.loss
    assert found.adopted == 1.0
    assert (found.against or "").startswith("no temperature fits")


def test_scans_without_a_claimed_tumour_are_judged_all_the_same() -> None:
    scans = [drawn(seed, 2.0) for seed in (1, 2, 3)]
    nothing = VoxelSample(np.empty((3, 0), np.float32), np.empty(0, np.uint8))
    scans.append(ScanSample("4", "4", scans[0].surroundings, nothing))
    found = calibrate(scans, on="tumour")
    assert fittable(scans, "tumour") == scans[:3]
    assert found.left_out["4"] == found.best
    assert found.held_out.surroundings.answers == 80_000


def test_lesions_are_judged_by_their_mean_probability() -> None:
    sure = np.log(np.array([[0.1, 0.3], [0.1, 0.3], [0.8, 0.4]], np.float32))
    lesions = (LesionSample(sure, right=True), LesionSample(sure[:, :1], right=False))
    voxels = VoxelSample(sure, np.array([2, 0], np.uint8))
    scan = ScanSample("s", "p", voxels, voxels, lesions)
    told = judge([scan], lambda scan: 1.0, on="surroundings")
    said, held, count = told.lesions.points()
    assert said == pytest.approx([0.6, 0.8])
    assert held.tolist() == [1, 0]
    assert count.tolist() == [1, 1]
    assert told.lesions.error == pytest.approx((0.4 + 0.8) / 2)
    assert told.tumour.answers == 2
    assert told.loss == pytest.approx(-(np.log(0.8) + np.log(0.3)) / 2)


@settings(max_examples=50, deadline=None)
@given(
    answers=st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40),
    bins=st.integers(1, 15),
)
def test_error_is_that_of_guo_et_al(answers: list[tuple[float, bool]], bins: int) -> None:
    """By a loop over bins (low, high]; and parts add up to the whole."""
    confidence = np.array([a[0] for a in answers])
    right = np.array([a[1] for a in answers])
    expected = 0.0
    # Where a bound is drawn within rounding does not matter to what is tested.
    place = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1)
    for one in range(bins):
        inside = place == one
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    whole = Reliability.of(confidence, right, bins=bins)
    assert whole.error == pytest.approx(expected)
    half = len(answers) // 2
    parts = [Reliability.of(c, r, bins=bins) for c, r in
             ((confidence[:half], right[:half]), (confidence[half:], right[half:]))]  # fmt: skip
    assert Reliability.together(parts).error == pytest.approx(expected)


def test_no_answers_have_no_error() -> None:
    nothing = Reliability.of(np.zeros(0), np.zeros(0, bool), bins=5)
    assert nothing.error is None
    assert nothing.as_json()["bins"] == []


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), matrix=st.sampled_from(AXIS_MATRICES))
def test_a_scan_thinned_out_says_what_the_whole_says(seed: int, matrix: npt.NDArray[Any]) -> None:
    """Probabilities, labels and lesions are those of the maps on the grid of the scan."""
    generator = np.random.default_rng(seed)
    logits = torch.from_numpy(generator.normal(size=(3, 3, 4, 5))).float()
    affine = np.eye(4)
    affine[:3, :3] = matrix * 30.0  # voxels larger than the margin: one beside the liver's box
    image = Volume(np.zeros((9, 8, 7), np.int16), affine)
    truth = np.zeros(image.shape, np.uint8)
    truth[2:5, 3:6, 1:4] = 1
    truth[3, 4, 2] = 2
    reference = image.with_array(truth)
    sample = sample_scan(logits, image, reference, Inference(), name="n", patient="p")
    assert SURROUNDINGS_MM < 30
    box = (slice(1, 6), slice(2, 7), slice(0, 5))
    assert (
        np.bincount(sample.surroundings.labels).tolist() == np.bincount(truth[box].ravel()).tolist()
    )
    labels, sure = labels_and_confidence(logits, image)
    turn = Reorientation.of(affine)
    voxels = np.stack(np.nonzero(turn.apply(labels.array) == 2), axis=1)
    said = torch.from_numpy(logits_at(logits, voxels, turn.apply(truth).shape)).softmax(0)[2]
    told = turn.apply(sure.array)[tuple(voxels.T)]
    assert np.abs(said.numpy() * 255 - told).max(initial=0) <= 0.51
    tumour = labels.array == 2
    assert sum(lesion.logits.shape[1] for lesion in sample.lesions) == tumour.sum()
    assert any(lesion.right for lesion in sample.lesions) == bool(tumour[3, 4, 2])
    assert sorted(sample.tumour.labels.tolist()) == sorted(truth[tumour].tolist())
    assert (sample.tumour.logits.argmax(0) == 2).all()
    guessed, told_there = sample.surroundings.logits.argmax(0), sample.surroundings.labels
    agree = [((guessed == k) & (told_there == 1)).sum() for k in range(3)]
    expected = [((labels.array[box] == k) & (truth[box] == 1)).sum() for k in range(3)]
    assert np.abs(np.subtract(agree, expected)).max() <= 1  # two logits may tie


def test_the_picture(tmp_path: Any) -> None:
    """It is drawn with lesions and without."""
    for lesions in (0, 40):
        found = calibrate([drawn(seed, 2.0, voxels=2000, lesions=lesions) for seed in (1, 2)])
        save_reliability_plot(found, tmp_path / "r.png", title="R")
        assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
