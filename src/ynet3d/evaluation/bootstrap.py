"""Confidence intervals by drawing cases anew: how much a mean would change with other patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
_PERCENTILES = (2.5, 97.5)

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A figure of a data set; None where undefined.

    Attributes:
        value: as measured.
        interval_95: 95% bootstrap interval over cases (`Bootstrap`).
    """

    value: float | None
    interval_95: Interval | None


@dataclass(frozen=True)
class Bootstrap:
    """Draws of cases with replacement, the same for every figure of an evaluation.

    Whole cases are drawn, also for figures of lesions or voxels: those of one patient are alike,
    and to draw them one by one would make intervals too narrow.

    Attributes:
        weights: (draws, cases), how often each draw holds each case; rows sum to the cases.
    """

    weights: npt.NDArray[np.float64]

    @classmethod
    def of(cls, cases: int, *, resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
        """Draw `resamples` times `cases` cases; the same seed gives the same draws."""
        drawn = np.random.default_rng(seed).integers(cases, size=(resamples, cases))
        flat = drawn + cases * np.arange(resamples)[:, None]
        counts = np.bincount(flat.ravel(), minlength=resamples * cases)
        return cls(counts.reshape(resamples, cases).astype(np.float64))

    def of_means(self, values: npt.NDArray[np.float64]) -> list[Interval | None]:
        """95% percentile interval of the mean of each column.

        Args:
            values: (cases, figures); NaN where a case does not define a figure, which is then left
                out of the mean, in each draw as in the whole.

        Returns:
            One for each figure; None if fewer than two cases define it.
        """
        defined = np.isfinite(values)
        return self.of_ratios(np.where(defined, values, 0.0), defined.astype(np.float64))

    def of_ratios(
        self, parts: npt.NDArray[np.float64], wholes: npt.NDArray[np.float64]
    ) -> list[Interval | None]:
        """95% percentile interval of the sum of `parts` over the sum of `wholes`, by column.

        Draws in which nothing adds to `wholes` say nothing and are left out.

        Args:
            parts: (cases, figures).
            wholes: (cases, figures), not negative.

        Returns:
            One for each figure; None if fewer than two cases add to `wholes`.
        """
        drawn_parts, drawn_wholes = self.sums(parts), self.sums(wholes)
        drawn = np.full_like(drawn_parts, np.nan)
        np.divide(drawn_parts, drawn_wholes, out=drawn, where=drawn_wholes > 0)
        enough = np.count_nonzero(wholes, axis=0) > 1
        return [
            interval_95(drawn[:, column]) if is_enough else None
            for column, is_enough in enumerate(enough.tolist())
        ]

    def sums(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum over the cases of each draw, (draws, figures), of `values` (cases, figures)."""
        return self.weights @ values


def interval_95(drawn: npt.NDArray[np.float64]) -> Interval | None:
    """95% percentile interval of a figure over all draws; draws without it are NaN."""
    defined = drawn[np.isfinite(drawn)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, _PERCENTILES)
    return float(low), float(high)
