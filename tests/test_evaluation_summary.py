"""Figures of a data set: intervals, medians, pooled voxels, presence, agreement of volumes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ynet3d.evaluation import (
    Bootstrap,
    CaseEvaluation,
    ClassPresence,
    Evaluation,
    evaluate_pair,
    summarise,
    volume_agreement,
)
from ynet3d.volumes import Volume

AFFINE = np.diag([1.0, 1.0, 10.0, 1.0])  # 100 voxels are 1 mL


def case(name: str, *, predicted: range, reference: range) -> CaseEvaluation:
    """A liver of 100 voxels, and tumours that are stretches of it."""
    volumes = []
    for tumour in (predicted, reference):
        labels = np.zeros((120, 1, 1), np.uint8)
        labels[:100] = 1
        labels[tumour.start : tumour.stop] = 2
        volumes.append(Volume(labels, AFFINE))
    return evaluate_pair(volumes[0], volumes[1], name)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    none = range(0)
    return summarise(
        [
            case("found", predicted=range(10, 30), reference=range(20, 30)),
            case("shifted", predicted=range(10, 40), reference=range(20, 50)),
            case("missed", predicted=none, reference=range(50, 60)),
            case("invented", predicted=range(5), reference=none),
            case("neither", predicted=none, reference=none),
        ]
    )


def test_median_and_interval_of_known_cases(evaluation: Evaluation) -> None:
    dice = evaluation.summary["tumour"]["dice"]
    values = [2 * 10 / 30, 2 * 20 / 60, 0, 0, 1]
    assert dice.mean == pytest.approx(np.mean(values))
    assert dice.median == pytest.approx(2 / 3)
    assert dice.median_with_reference == pytest.approx(2 / 3)
    assert dice.interval_95 is not None
    assert dice.interval_95[0] < dice.mean < dice.interval_95[1]
    assert dice.mean_failures_as_0 == pytest.approx(dice.mean)
    assert evaluation.summary["liver"]["dice"].interval_95 == (1, 1)


def test_distances_say_where_they_are_undefined(evaluation: Evaluation) -> None:
    assert evaluation.presence["tumour"] == ClassPresence(
        in_both=2, missed=1, invented=1, in_neither=1
    )
    assert evaluation.presence["liver"] == ClassPresence(5, 0, 0, 0)
    assert evaluation.summary["tumour"]["assd_mm"].cases == 2
    assert evaluation.summary["tumour"]["nsd_2mm"].cases == 5


def test_pooled_voxels(evaluation: Evaluation) -> None:
    pooled = evaluation.pooled["tumour"]
    shared, predicted, reference = 10 + 20, 20 + 30 + 5, 10 + 30 + 10
    assert pooled.dice.value == pytest.approx(2 * shared / (predicted + reference))
    assert pooled.sensitivity.value == pytest.approx(shared / reference)
    assert pooled.precision.value == pytest.approx(shared / predicted)
    assert pooled.dice.interval_95 is not None
    low, high = pooled.dice.interval_95
    assert 0 <= low < pooled.dice.value < high <= 1


def test_what_nobody_has_is_undefined() -> None:
    empty = summarise([case("a", predicted=range(0), reference=range(0))])
    assert empty.pooled["tumour"].dice.value is None
    assert empty.pooled["tumour"].dice.interval_95 is None
    assert empty.summary["tumour"]["dice"].interval_95 is None  # one case shows no spread
    assert empty.volumes["tumour"].cases == 0
    assert empty.volumes["tumour"].bias_ml is None


def test_the_same_seed_gives_the_same_interval(evaluation: Evaluation) -> None:
    intervals = [
        summarise(evaluation.cases, seed=seed).summary["tumour"]["dice"].interval_95
        for seed in (0, 0, 1)
    ]
    assert intervals[0] == intervals[1] == evaluation.summary["tumour"]["dice"].interval_95
    assert Bootstrap.of(7, seed=1).weights.tolist() != Bootstrap.of(7).weights.tolist()


@pytest.mark.parametrize("number", [5, 25, 131])
def test_interval_of_the_mean_agrees_with_scipy(number: int) -> None:
    values = np.random.default_rng(number).beta(6, 2, number)
    draws = Bootstrap.of(number)
    assert (draws.weights.sum(axis=1) == number).all()
    (ours,) = draws.of_means(values[:, None])
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=50_000, method="percentile", random_state=1
    ).confidence_interval
    spread = values.std() / np.sqrt(number)
    # The percentiles of 10,000 draws scatter by about 0.03 of the standard error.
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.12 * spread)


def test_interval_of_a_ratio_agrees_with_scipy() -> None:
    random = np.random.default_rng(3)
    wholes = random.integers(1, 40, 30).astype(float)
    parts = random.binomial(wholes.astype(int), 0.6).astype(float)
    (ours,) = Bootstrap.of(30).of_ratios(parts[:, None], wholes[:, None])
    theirs = stats.bootstrap(
        (parts, wholes),
        lambda part, whole, axis: part.sum(axis=axis) / whole.sum(axis=axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        random_state=1,
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_cases_that_do_not_define_a_figure_are_left_out_of_its_draws() -> None:
    values = np.array([[0.2, np.nan], [0.4, np.nan], [0.6, 0.5]])
    first, second = Bootstrap.of(3).of_means(values)
    assert first is not None
    assert first[0] == pytest.approx(0.2)
    assert second is None
    values[0, 1] = 0.1
    assert Bootstrap.of(3).of_means(values)[1] == pytest.approx((0.1, 0.5))


def test_volume_agreement_of_known_volumes() -> None:
    predicted, reference = np.array([11.0, 19.0, 36.0, 30.0]), np.array([10.0, 20.0, 30.0, 40.0])
    found = volume_agreement(predicted, reference)
    difference = np.array([1, -1, 6, -10])
    assert found.cases == 4
    assert found.bias_ml == pytest.approx(-1)
    assert found.sd_ml == pytest.approx(np.std(difference, ddof=1))
    assert found.limits_ml == pytest.approx(
        (-1 - 1.96 * difference.std(ddof=1), -1 + 1.96 * difference.std(ddof=1))
    )
    assert found.pearson == pytest.approx(stats.pearsonr(predicted, reference).statistic)
    # Lin's coefficient by its definition: twice the covariance over what it could be at most.
    covariance = np.cov(predicted, reference, bias=True)
    expected = 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + 1)
    assert found.concordance == pytest.approx(expected)


def test_concordance_falls_with_a_bias_and_pearson_does_not() -> None:
    reference = np.array([10.0, 20.0, 30.0, 40.0])
    same, doubled = (
        volume_agreement(reference, reference),
        volume_agreement(2 * reference, reference),
    )
    assert same.pearson == same.concordance == pytest.approx(1)
    assert doubled.pearson == pytest.approx(1)
    assert doubled.concordance is not None
    assert doubled.concordance < 0.6


def test_two_volumes_or_equal_ones_have_no_correlation() -> None:
    two = volume_agreement(np.array([1.0, 2]), np.array([2.0, 5]))
    assert (two.pearson, two.concordance) == (None, None)
    assert two.limits_ml is not None
    constant = volume_agreement(np.array([1.0, 2, 3]), np.full(3, 2.0))
    assert constant.pearson is None
    assert volume_agreement(np.ones(1), np.ones(1)).limits_ml is None


def test_volumes_are_of_the_cases_that_have_the_class(evaluation: Evaluation) -> None:
    assert evaluation.volumes["tumour"].cases == 4
    # (20 - 10, 30 - 30, 0 - 10, 5 - 0) voxels of 0.01 mL
    assert evaluation.volumes["tumour"].bias_ml == pytest.approx(5 / 4 / 100)
    assert evaluation.volumes["liver"].bias_ml == pytest.approx(0)
