"""Paired statistics: known answers by hand, every sign counted, and scipy as second opinion."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from conftest import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ynet3d.evaluation.significance import (
    EXACT_CASES,
    friedman,
    holm,
    median_interval,
    smallest_p,
    wilcoxon_signed_rank,
)

few_values = st.lists(st.integers(-4, 4), min_size=1, max_size=9)


def counted_p(differences: list[int]) -> float:
    """All signs tried one by one: the share with rank sums at least as far apart."""
    values = np.array(differences, dtype=float)
    ranks = stats.rankdata(np.abs(values))[values != 0]
    apart = abs((ranks * np.sign(values[values != 0])).sum())
    signs = np.array(list(product([-1, 1], repeat=len(ranks))))
    return float(np.mean(np.abs(signs @ ranks) >= apart - 1e-9)) if len(ranks) else 1.0


def test_wilcoxon_by_hand() -> None:
    # |d| ranks: 1 -> 1, -2 -> 2, 3 -> 3, 4 -> 4. W+ = 8, W- = 2. Of the 16 signs, the rank sums
    # 0, 1, 2 (each by one set of ranks: none, {1}, {2}) are at most 2, so p = 2 * 3 / 16.
    result = wilcoxon_signed_rank([1, -2, 3, 4])
    assert (result.rank_sum_positive, result.rank_sum_negative) == (8, 2)
    assert result.p == pytest.approx(6 / 16)
    assert result.rank_biserial == pytest.approx((8 - 2) / 10)
    assert result.exact


def test_zeros_take_a_rank_and_drop_out() -> None:
    # Pratt: ranks of 0, 1, -2, 3 are 1, 2, 3, 4; W+ = 2 + 4, W- = 3. Without zeros it were 4 and 2.
    result = wilcoxon_signed_rank([0, 1, -2, 3])
    assert (result.rank_sum_positive, result.rank_sum_negative) == (6, 3)
    assert (result.n, result.zeros) == (4, 1)
    # Rank sums at most 3 of {2, 3, 4}: 0, 2, 3: p = 2 * 3 / 8.
    assert result.p == pytest.approx(6 / 8)
    assert result.smallest_p == 2 / 8


def test_all_zero_is_no_difference() -> None:
    result = wilcoxon_signed_rank([0.0, 0.0, 0.0])
    assert (result.p, result.rank_biserial, result.zeros) == (1.0, 0.0, 3)


@pytest.mark.parametrize(("n", "p"), [(1, 1.0), (2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_smallest_p_is_reached_when_one_model_always_wins(n: int, p: float) -> None:
    result = wilcoxon_signed_rank(np.arange(1, n + 1) / 100)
    assert result.p == result.smallest_p == smallest_p(n) == p
    assert result.rank_biserial == 1


def test_the_table_of_smallest_p_in_the_docs() -> None:
    text = (REPOSITORY / "docs" / "comparison.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    cases = next(row for row in rows if row[0] == "cases")[1:]
    for start, tests in (("smallest p", 1), ("... after Holm, 3", 3), ("... after Holm, 5", 10)):
        found = next(row for row in rows if row[0].startswith(start))[1:]
        assert found == [f"{min(1, tests * smallest_p(int(n))):.3g}" for n in cases]


def test_nothing_is_the_smallest_p_of_no_case() -> None:
    assert smallest_p(0) == 1


def test_differences_apart_by_rounding_are_ties() -> None:
    differences = [0.85 - 0.80, 0.70 - 0.75, 0.1 + 0.2 - 0.3, 0.35 - 0.30]
    assert len(set(np.abs(differences))) > 2
    result = wilcoxon_signed_rank(differences)
    assert result.zeros == 1
    assert (result.rank_sum_positive, result.rank_sum_negative) == (6, 3)


@given(few_values)
def test_wilcoxon_equals_every_sign_counted(differences: list[int]) -> None:
    assert wilcoxon_signed_rank(differences).p == pytest.approx(counted_p(differences))


@given(few_values)
def test_swapping_models_swaps_the_sign_alone(differences: list[int]) -> None:
    one = wilcoxon_signed_rank(differences)
    other = wilcoxon_signed_rank([-d for d in differences])
    assert one.p == pytest.approx(other.p)
    assert one.rank_biserial == pytest.approx(-other.rank_biserial)
    assert -1 <= one.rank_biserial <= 1


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 50))
def test_wilcoxon_equals_scipy_without_ties(seed: int, n: int) -> None:
    differences = np.random.default_rng(seed).normal(0.3, 1, n)
    expected = stats.wilcoxon(differences, method="exact")
    result = wilcoxon_signed_rank(differences)
    assert result.p == pytest.approx(expected.pvalue)
    assert min(result.rank_sum_positive, result.rank_sum_negative) == expected.statistic


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_many_cases_with_ties_and_zeros_equal_scipys_approximation(shift: float) -> None:
    differences = np.round(np.random.default_rng(1).normal(shift, 1, 3 * EXACT_CASES), 1)
    assert (differences == 0).any()
    result = wilcoxon_signed_rank(differences)
    with np.errstate(all="raise"):
        expected = stats.wilcoxon(
            differences, zero_method="pratt", correction=False, method="approx"
        )
    assert not result.exact
    assert result.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_the_approximation_continues_the_exact_test() -> None:
    differences = np.random.default_rng(4).normal(0.25, 1, EXACT_CASES + 1)
    exact, approximate = (wilcoxon_signed_rank(d) for d in (differences[:-1], differences))
    assert (exact.exact, approximate.exact) == (True, False)
    assert stats.wilcoxon(differences, method="exact").pvalue == pytest.approx(
        approximate.p, rel=0.05
    )


@pytest.mark.parametrize("wrong", [[], [np.nan, 1], [np.inf], [[1, 2], [3, 4]]])
def test_what_is_no_list_of_differences_is_refused(wrong: list[float]) -> None:
    for test in (wilcoxon_signed_rank, median_interval):
        with pytest.raises(ValueError, match="differences must be"):
            test(wrong)


def test_holm_table() -> None:
    # Sorted: 0.005 x 4 = 0.02; 0.011 x 3 = 0.033; 0.02 x 2 = 0.04; 0.04 x 1 = 0.04.
    assert holm([0.02, 0.005, 0.04, 0.011]) == pytest.approx([0.04, 0.02, 0.04, 0.033])
    # A product below the one before it is lifted to it; none exceeds 1.
    assert holm([0.01, 0.04, 0.045]) == pytest.approx([0.03, 0.08, 0.08])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_holm_leaves_out_what_was_not_tested() -> None:
    assert holm([0.02, None, 0.04]) == [pytest.approx(0.04), None, pytest.approx(0.04)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = [p for p in holm(p_values) if p is not None]
    for p, after in zip(p_values, adjusted, strict=True):
        assert p <= after <= min(1.0, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_median_interval_equals_resampling_in_full() -> None:
    values = np.random.default_rng(0).normal(1, 2, 24)
    drawn = np.random.default_rng(5).integers(24, size=(10_000, 24))
    expected = np.quantile(np.median(values[drawn], axis=1), [0.025, 0.975])
    assert median_interval(values, seed=5) == pytest.approx(tuple(expected))


def test_median_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(7).normal(0, 1, 41)
    expected = stats.bootstrap(
        (values,), np.median, method="percentile", n_resamples=20_000, rng=1, vectorized=True
    ).confidence_interval
    found = median_interval(values)
    assert found is not None
    assert found == pytest.approx((expected.low, expected.high), abs=0.06)


def test_median_interval_of_few_cases() -> None:
    assert median_interval([0.3]) is None
    assert median_interval([0.3, 0.3, 0.3]) == (0.3, 0.3)
    low, high = median_interval([1, 2]) or (0, 0)
    assert (low, high) == (1, 2)


def test_median_interval_is_the_same_for_a_seed() -> None:
    values = np.random.default_rng(7).normal(0, 1, 12)
    assert median_interval(values, seed=1) == median_interval(values, seed=1)
    wider, narrower = median_interval(values), median_interval(values, level=0.5)
    assert wider is not None
    assert narrower is not None
    assert wider[0] < narrower[0] < narrower[1] < wider[1]


def test_friedman_by_hand() -> None:
    # Three models ranked 1, 2, 3 in each of four cases: rank sums 4, 8, 12;
    # 12 / (4 * 3 * 4) * (16 + 64 + 144) - 3 * 4 * 4 = 8, and exp(-8 / 2) with 2 degrees of freedom.
    values = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.9], [0.0, 0.8, 0.9], [0.2, 0.3, 0.4]])
    result = friedman(values)
    assert result is not None
    assert (result.n, result.models) == (4, 3)
    assert result.chi_squared == pytest.approx(8)
    assert result.p == pytest.approx(np.exp(-4))


def test_friedman_where_there_is_nothing_to_test() -> None:
    assert friedman(np.ones((5, 2))) is None
    assert friedman(np.ones((1, 3))) is None
    equal = friedman(np.repeat(np.arange(5.0)[:, None], 4, axis=1))
    assert equal is not None
    assert (equal.chi_squared, equal.p) == (0, 1)
    with pytest.raises(ValueError, match="finite"):
        friedman([[1, 2, np.nan], [1, 2, 3]])
