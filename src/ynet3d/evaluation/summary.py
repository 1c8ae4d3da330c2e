"""Many cases: mean and standard deviation per class and metric, saying over how many cases."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CaseEvaluation, LiverConvention, class_order
from ynet3d.evaluation.metrics import METRICS


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one class over many cases; None where no case defines it.

    Attributes:
        mean: over the cases in which the metric is defined.
        sd: sample standard deviation (n - 1) over the same; None for fewer than two.
        cases: how many cases these are.
        mean_with_reference: mean over those whose reference has the class, so that
            cases without tumour cannot flatter the tumour Dice.
        sd_with_reference: sample standard deviation over the same.
        cases_with_reference: how many cases these are.
    """

    mean: float | None
    sd: float | None
    cases: int
    mean_with_reference: float | None
    sd_with_reference: float | None
    cases_with_reference: int


@dataclass(frozen=True)
class Evaluation:
    """Everything that was scored.

    Attributes:
        cases: one entry per case, in the order given.
        liver_convention: which liver is the headline: "lits" (`liver`) or "label1"
            (`liver_label1`); both are always scored.
        summary: by class, then by metric, for instance `summary["tumour"]["dice"].mean`.
    """

    cases: tuple[CaseEvaluation, ...]
    liver_convention: LiverConvention
    summary: Mapping[str, Mapping[str, MetricSummary]]

    @property
    def class_names(self) -> tuple[str, str, str]:
        """Headline liver, tumour, and the liver of the other convention."""
        return class_order(self.liver_convention)

    @property
    def headline(self) -> tuple[str, str]:
        """The two classes to quote."""
        return self.class_names[:2]


def summarise(
    cases: Iterable[CaseEvaluation], *, liver_convention: LiverConvention = "lits"
) -> Evaluation:
    """Gather the results of many cases.

    Raises:
        InputError: there is no case, two have one name, or no such convention exists.
    """
    gathered = tuple(cases)
    if not gathered:
        raise InputError("There is no case to evaluate: give at least one prediction.")
    name, times = Counter(case.name for case in gathered).most_common(1)[0]
    if times > 1:
        raise InputError(f"{times} cases are named {name}: give each case a name of its own.")
    summary = {
        class_name: {metric: _summary(gathered, class_name, metric) for metric in METRICS}
        for class_name in class_order(liver_convention)
    }
    return Evaluation(gathered, liver_convention, summary)


def _summary(cases: Sequence[CaseEvaluation], class_name: str, metric: str) -> MetricSummary:
    values: list[float] = []
    with_reference: list[float] = []
    for case in cases:
        result = case.classes[class_name]
        value = getattr(result.metrics, metric)
        if value is None:
            continue
        values.append(value)
        if result.in_reference:
            with_reference.append(value)
    return MetricSummary(
        *_mean_and_sd(values), len(values), *_mean_and_sd(with_reference), len(with_reference)
    )


def _mean_and_sd(values: list[float]) -> tuple[float | None, float | None]:
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None
