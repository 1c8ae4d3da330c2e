"""Pairs of models, one metric of one class at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from ynet3d.evaluation.significance import (
    Floats,
    SignedRank,
    holm,
    median_interval,
    wilcoxon_signed_rank,
)

Interval = tuple[float, float]

#: Cases scored for every model whose reference has the class; all cases scored for every model; all
#: cases whose reference has the class, where a model without a score gets 0.
CaseSet = Literal["with_reference", "all", "failures_as_0"]

_HIGHER_IS_BETTER = ("dice", "jaccard", "nsd_", "sensitivity", "specificity", "precision")
_LOWER_IS_BETTER = ("voe", "abs_rvd", "assd_", "rmsd_", "msd_", "hd95_")


@dataclass(frozen=True)
class PairComparison:
    """Two models, one metric of one class. Differences are `model_b` - `model_a`.

    Attributes:
        class_name: as in `cases.csv`.
        metric: likewise; `abs_rvd` is the size of `rvd`.
        case_set: over which cases (see `CaseSet`).
        model_a, model_b: names of the models.
        n: cases in which both define the metric; all figures are over these.
        undefined_a, undefined_b: cases of the set in which a model leaves it undefined.
        mean_a, mean_b, median_a, median_b: None if `n` is 0.
        median_difference: median of the differences (not the difference of the medians).
        interval_95: its 95% bootstrap interval; None for fewer than two cases.
        test: Wilcoxon signed-rank test of the differences; None if `n` is 0.
        p_holm: its p after Holm's correction over the `tests` pairs of models of one metric, class
            and set of cases.
        tests: how many that are.
    """

    class_name: str
    metric: str
    case_set: CaseSet
    model_a: str
    model_b: str
    n: int
    undefined_a: int
    undefined_b: int
    mean_a: float | None
    mean_b: float | None
    median_a: float | None
    median_b: float | None
    median_difference: float | None
    interval_95: Interval | None
    test: SignedRank | None
    p_holm: float | None
    tests: int

    @property
    def higher_is_better(self) -> bool | None:
        """None if neither is."""
        return higher_is_better(self.metric)

    def better(self, *, level: float = 0.05) -> str | None:
        """The model that is better at this level of `p_holm`; None if neither is shown to be."""
        if self.test is None or self.p_holm is None or self.p_holm >= level:
            return None
        if self.higher_is_better is None or not self.test.rank_biserial:
            return None
        return (
            self.model_b
            if (self.test.rank_biserial > 0) == self.higher_is_better
            else (self.model_a)
        )


def higher_is_better(metric: str) -> bool | None:
    """Whether more of a metric is better; None if it is neither good nor bad."""
    if metric.startswith(_HIGHER_IS_BETTER):
        return True
    return False if metric.startswith(_LOWER_IS_BETTER) else None


def compare_pairs(
    class_name: str,
    metric: str,
    case_set: CaseSet,
    models: Sequence[str],
    values: Floats,
    *,
    seed: int,
) -> list[PairComparison]:
    """Compare all pairs of models; together they are the family of Holm's correction.

    Args:
        class_name, metric, case_set: what `values` are.
        models: their names.
        values: (cases, models); NaN where undefined. A pair is compared over what both define.
        seed: of the bootstrap.
    """
    columns = list(combinations(range(len(models)), 2))
    both = [values[np.isfinite(values[:, [a, b]]).all(axis=1)][:, [a, b]] for a, b in columns]
    tests = [wilcoxon_signed_rank(pair[:, 1] - pair[:, 0]) if len(pair) else None for pair in both]
    corrected = holm([test.p if test else None for test in tests])
    undefined = np.isnan(values).sum(axis=0).tolist()
    family = []
    for (a, b), pair, test, p_holm in zip(columns, both, tests, corrected, strict=True):
        differences = pair[:, 1] - pair[:, 0]
        means, medians = ((None, None), (None, None))
        if len(pair):
            means, medians = pair.mean(axis=0).tolist(), np.median(pair, axis=0).tolist()
        family.append(
            PairComparison(
                class_name=class_name,
                metric=metric,
                case_set=case_set,
                model_a=models[a],
                model_b=models[b],
                n=len(pair),
                undefined_a=undefined[a],
                undefined_b=undefined[b],
                mean_a=means[0],
                mean_b=means[1],
                median_a=medians[0],
                median_b=medians[1],
                median_difference=float(np.median(differences)) if len(pair) else None,
                interval_95=median_interval(differences, seed=seed) if len(pair) else None,
                test=test,
                p_holm=p_holm,
                tests=sum(test is not None for test in tests),
            )
        )
    return family
