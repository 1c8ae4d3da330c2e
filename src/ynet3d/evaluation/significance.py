"""Paired statistics of two or more models on the same cases; numpy arrays in, numbers out.

Wilcoxon, "Individual comparisons by ranking methods" (1945), with zeros after Pratt, "Remarks on
zeros and ties in the Wilcoxon signed rank procedures" (1959); Holm, "A simple sequentially
rejective multiple test procedure" (1979); Kerby, "The simple difference formula" (2014) for the
effect size; Friedman, "The use of ranks to avoid the assumption of normality" (1937).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Up to so many differences other than zero the p is exact; the normal approximation is good above.
EXACT_CASES = 100
RESAMPLES = 10_000
#: Differences that agree to so many digits after the point are ties: what is apart is rounding.
_DIGITS = 12


@dataclass(frozen=True)
class SignedRank:
    """A two-sided Wilcoxon signed-rank test of paired differences.

    Attributes:
        n: number of differences.
        zeros: how many of them are zero.
        rank_sum_positive: sum of the ranks of the differences above zero.
        rank_sum_negative: sum of the ranks of those below.
        p: probability of rank sums at least as far apart if signs were drawn by a coin.
        exact: whether `p` was counted out, or is the normal approximation.
    """

    n: int
    zeros: int
    rank_sum_positive: float
    rank_sum_negative: float
    p: float
    exact: bool

    @property
    def rank_biserial(self) -> float:
        """Matched-pairs rank-biserial correlation, -1 to 1; 0 if all differences are zero.

        The share of the rank sum above zero less the share below it: 1 if every difference that is
        not zero is above zero.
        """
        total = self.rank_sum_positive + self.rank_sum_negative
        return (self.rank_sum_positive - self.rank_sum_negative) / total if total else 0.0

    @property
    def smallest_p(self) -> float:
        """The least `p` that any signs of these differences could have reached."""
        return smallest_p(self.n - self.zeros)


def smallest_p(n: int) -> float:
    """Least p of a two-sided signed-rank test of `n` differences, none zero: 5 give 0.0625."""
    return min(1.0, 2.0 ** (1 - n))


def wilcoxon_signed_rank(differences: npt.ArrayLike) -> SignedRank:
    """Test whether paired differences lie symmetrically about zero.

    Zeros take part in the ranking and then drop out (Pratt); equal sizes share their mean rank. Up
    to `EXACT_CASES` differences other than zero, `p` is exact, with ties and zeros too: the
    distribution of the rank sum over all signs. Above, it is the normal approximation with the
    variance of the ranks at hand, without continuity correction. If all are zero, `p` is 1.

    Args:
        differences: one per case.

    Raises:
        ValueError: there is no difference, or one is not finite.
    """
    from scipy.stats import rankdata

    values = _checked(differences)
    ranks = np.asarray(rankdata(np.abs(values)))
    positive = float(ranks[values > 0].sum())
    negative = float(ranks[values < 0].sum())
    signed = ranks[values != 0]
    exact = len(signed) <= EXACT_CASES
    p = _exact_p(signed, min(positive, negative)) if exact else _normal_p(signed, positive)
    zeros = len(values) - len(signed)
    return SignedRank(len(values), zeros, positive, negative, p, exact)


def _exact_p(ranks: Floats, lesser_sum: float) -> float:
    doubled = np.rint(2 * ranks).astype(int)  # mean ranks of ties are halves
    probability = np.zeros(doubled.sum() + 1)
    probability[0] = 1.0
    for rank in doubled:
        with_rank = np.zeros_like(probability)
        with_rank[rank:] = probability[: len(probability) - rank]
        probability = (probability + with_rank) / 2
    tail = float(probability[: round(2 * lesser_sum) + 1].sum())
    return min(1.0, 2 * tail)


def _normal_p(ranks: Floats, positive: float) -> float:
    from scipy.special import ndtr

    deviation = abs(positive - ranks.sum() / 2) / np.sqrt((ranks**2).sum() / 4)
    return float(2 * ndtr(-deviation))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p of one family of tests so that the chance of any false finding stays controlled.

    The least p is multiplied by the number of tests, the next by one less, and so on; none may
    fall below the one before it or rise above 1.

    Args:
        p_values: one per test; None (no test) stays None and does not count.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for position, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - position) * p))
        adjusted[index] = highest
    return adjusted


def median_interval(
    differences: npt.ArrayLike, *, level: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the median, `RESAMPLES` times over the cases.

    Args:
        differences: one per case.
        level: share of the resampled medians between the two ends.
        seed: of the resampling; the same seed and number of cases draw the same cases.

    Returns:
        Lower and upper end; None for fewer than two cases, which say nothing of their spread.

    Raises:
        ValueError: there is no difference, or one is not finite.
    """
    values = np.sort(_checked(differences))
    if len(values) < 2:
        return None
    lower, upper = _middle_cases(len(values), seed)
    medians = (values[lower] + values[upper]) / 2
    low, high = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@lru_cache(maxsize=16)
def _middle_cases(n: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Which two sorted cases (one twice if `n` is odd) the median of each resample lies between."""
    middle = [(n - 1) // 2, n // 2]
    drawn = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    drawn.partition(middle, axis=1)
    return drawn[:, middle[0]].copy(), drawn[:, middle[1]].copy()


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of three or more models: do any differ? `p` from the chi-squared law."""

    n: int
    models: int
    chi_squared: float
    p: float


def friedman(values: npt.ArrayLike) -> Friedman | None:
    """Test whether models, ranked within each case, differ anywhere.

    Args:
        values: (cases, models), complete.

    Returns:
        None for fewer than three models or two cases. If no case tells models apart, `p` is 1.

    Raises:
        ValueError: a value is not finite.
    """
    table = np.asarray(values, dtype=np.float64).round(_DIGITS)
    if not np.isfinite(table).all():
        raise ValueError("values must be finite")
    n, models = table.shape
    if models < 3 or n < 2:
        return None
    if (table == table[:, :1]).all():
        return Friedman(n, models, 0.0, 1.0)
    from scipy.stats import friedmanchisquare

    result = friedmanchisquare(*table.T)
    return Friedman(n, models, float(result.statistic), float(result.pvalue))


def _checked(differences: npt.ArrayLike) -> Floats:
    values = np.asarray(differences, dtype=np.float64).round(_DIGITS)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"differences must be a list of at least one, not of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("differences must be finite")
    return values
