"""What the tables of a comparison hold, wherever they are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.comparison.pairs import PairComparison, higher_is_better
from ynet3d.evaluation.comparison.words import p_value, plain


@dataclass(frozen=True)
class MeansRow:
    """Means of all models over the cases in which all define the metric.

    Attributes:
        metric: its name.
        n: how many cases.
        of: how many the set has.
        cells: mean ± standard deviation, one per model.
        best: places of the best models among the cells; none if nothing tells them apart, or if the
            metric is not defined in every case (what a model misses would flatter it).
    """

    metric: str
    n: int
    of: int
    cells: tuple[str, ...]
    best: frozenset[int]


def means_row(comparison: Comparison, class_name: str, metric: str) -> MeansRow:
    """A row of the table of means, over the cases to quote."""
    values = comparison.values(class_name, metric, comparison.case_set(class_name))
    complete = values[np.isfinite(values).all(axis=1)]
    number = len(complete)
    if not number:
        blank = tuple("-" for _ in comparison.models)
        return MeansRow(metric, 0, len(values), blank, frozenset())
    shown = [plain(mean, metric) for mean in complete.mean(axis=0).tolist()]
    deviations = complete.std(axis=0, ddof=1).tolist() if number > 1 else [None] * len(shown)
    cells = tuple(
        mean if sd is None else f"{mean} ± {plain(sd, metric)}"
        for mean, sd in zip(shown, deviations, strict=True)
    )
    higher = higher_is_better(metric)
    best: frozenset[int] = frozenset()
    if higher is not None and len(set(shown)) > 1 and number == len(values):
        top = (max if higher else min)(shown, key=float)
        best = frozenset(index for index, mean in enumerate(shown) if mean == top)
    return MeansRow(metric, number, len(values), cells, best)


def undefined_counts(comparison: Comparison, class_name: str, metric: str) -> tuple[int, ...]:
    """In how many of the cases to quote each model leaves a metric undefined."""
    values = comparison.values(class_name, metric, comparison.case_set(class_name))
    return tuple(np.isnan(values).sum(axis=0).tolist())


def group_p(comparison: Comparison, class_name: str, metric: str) -> str:
    """Whether any models differ: p of the one pair, or of Friedman's test."""
    case_set = comparison.case_set(class_name)
    if len(comparison.models) == 2:
        a, b = comparison.models
        row = comparison.pair(a, b, class_name=class_name, metric=metric, case_set=case_set)
        return p_value(row.test.p if row.test else None)
    result = comparison.friedman.get((class_name, metric, case_set))
    return p_value(result.p if result else None)


def headline_pairs(comparison: Comparison) -> list[PairComparison]:
    """Dice of the two classes to quote, over the cases to quote."""
    return [
        row
        for class_name in comparison.headline
        for row in comparison.pairs
        if (row.class_name, row.metric, row.case_set)
        == (class_name, "dice", comparison.case_set(class_name))
    ]
