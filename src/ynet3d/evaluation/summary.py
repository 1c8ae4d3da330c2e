"""Many cases: each metric over them, saying over how many, and what can only be said of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.evaluation.agreement import VolumeAgreement, volume_agreement, volumes
from ynet3d.evaluation.bootstrap import Bootstrap, Interval
from ynet3d.evaluation.burden import BurdenSummary, summarise_burden
from ynet3d.evaluation.cases import CaseEvaluation, LiverConvention, class_order
from ynet3d.evaluation.conventions import Convention
from ynet3d.evaluation.failures import Failure
from ynet3d.evaluation.lesion_summary import LesionSummary, summarise_lesions
from ynet3d.evaluation.lits import lits_scores
from ynet3d.evaluation.metrics import METRICS
from ynet3d.evaluation.pooled import ClassPresence, PooledOverlap, pooled_overlap


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
        median, median_with_reference: likewise.
        interval_95, interval_95_with_reference: 95% bootstrap interval of the mean (`Bootstrap`);
            None for fewer than two cases.
        mean_failures_as_0: mean in which each reference that could not be scored counts 0; None
            for metrics that have no worst value, or are not defined for every case.
    """

    mean: float | None
    sd: float | None
    cases: int
    mean_with_reference: float | None
    sd_with_reference: float | None
    cases_with_reference: int
    median: float | None
    median_with_reference: float | None
    interval_95: Interval | None
    interval_95_with_reference: Interval | None
    mean_failures_as_0: float | None


@dataclass(frozen=True)
class Evaluation:
    """Everything that was scored.

    Attributes:
        cases: one entry per case, in the order given.
        liver_convention: which liver is the headline: "lits" (`liver`) or "label1"
            (`liver_label1`); both are always scored.
        summary: by class, then by metric, for instance `summary["tumour"]["dice"].mean`.
        failures: references that could not be scored, and why.
        without_reference: predictions that have no reference, and were left out.
        pooled: by class, overlap of the voxels of all cases thrown together.
        presence: by class, in how many cases prediction and reference have it.
        volumes: by class (headline liver and tumour), agreement of the volumes.
        lesions: detection of tumours one by one.
        burden: errors of the tumours' share of the liver.
        lits: the LiTS scorer's figures under its names, where every case was scored by it.
    """

    cases: tuple[CaseEvaluation, ...]
    liver_convention: LiverConvention
    summary: Mapping[str, Mapping[str, MetricSummary]]
    failures: tuple[Failure, ...]
    without_reference: tuple[str, ...]
    pooled: Mapping[str, PooledOverlap]
    presence: Mapping[str, ClassPresence]
    volumes: Mapping[str, VolumeAgreement]
    lesions: LesionSummary
    burden: BurdenSummary
    lits: Mapping[str, float | None] | None

    @property
    def class_names(self) -> tuple[str, str, str]:
        """Headline liver, tumour, and the liver of the other convention."""
        return class_order(self.liver_convention)

    @property
    def headline(self) -> tuple[str, str]:
        """The two classes to quote."""
        return self.class_names[:2]

    @property
    def convention(self) -> Convention:
        """ "lits" with the LiTS scorer's figures, else "default"."""
        return "default" if self.lits is None else "lits"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics: `METRICS`, and NSD at further tolerances."""
        return metric_names(self.cases)

    @property
    def number_of_references(self) -> int:
        """All references, scored or not."""
        return len(self.cases) + len(self.failures)


def summarise(
    cases: Iterable[CaseEvaluation],
    *,
    liver_convention: LiverConvention = "lits",
    failures: Sequence[Failure] = (),
    without_reference: Sequence[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Gather the results of many cases.

    Args:
        cases: at least one, each with a name of its own.
        liver_convention: which liver comes first, "lits" (label 1 or 2) or "label1".
        failures: references that could not be scored.
        without_reference: names of predictions that were left out.
        seed: of the bootstrap's draws.

    Raises:
        InputError: there is no case, two have one name, or no such convention exists.
    """
    names = class_order(liver_convention)
    gathered = tuple(cases)
    if not gathered:
        raise InputError("There is no case to evaluate: give at least one prediction.")
    name, times = Counter(case.name for case in gathered).most_common(1)[0]
    if times > 1:
        raise InputError(f"{times} cases are named {name}: give each case a name of its own.")
    draws = Bootstrap.of(len(gathered), seed=seed)
    return Evaluation(
        cases=gathered,
        liver_convention=liver_convention,
        summary={name: _class_summary(gathered, name, draws, len(failures)) for name in names},
        failures=tuple(failures),
        without_reference=tuple(without_reference),
        pooled={
            name: pooled_overlap([case.classes[name].counts for case in gathered], draws)
            for name in names
        },
        presence={
            name: ClassPresence.of(case.classes[name].counts for case in gathered) for name in names
        },
        volumes={name: volume_agreement(*volumes(gathered, name)) for name in names[:2]},
        lesions=summarise_lesions([case.lesions for case in gathered], draws),
        burden=summarise_burden(case.burden for case in gathered),
        lits=_lits(gathered),
    )


def _lits(cases: Sequence[CaseEvaluation]) -> dict[str, float | None] | None:
    scored = [case.lits for case in cases if case.lits is not None]
    return lits_scores(scored) if len(scored) == len(cases) else None


def metric_names(cases: Sequence[CaseEvaluation]) -> tuple[str, ...]:
    """`METRICS`, and the further metrics of these cases."""
    return METRICS + tuple(next(iter(cases[0].classes.values())).further)


def _class_summary(
    cases: Sequence[CaseEvaluation], class_name: str, draws: Bootstrap, failures: int
) -> dict[str, MetricSummary]:
    results = [case.classes[class_name] for case in cases]
    names = metric_names(cases)
    # (cases, metrics); None becomes NaN.
    values = np.array([[result.value(name) for name in names] for result in results], np.float64)
    in_reference = np.array([result.in_reference for result in results])
    having = np.where(in_reference[:, None], values, np.nan)
    intervals, intervals_having = draws.of_means(values), draws.of_means(having)
    summary = {}
    for column, name in enumerate(names):
        every, some = _Moments.of(values[:, column]), _Moments.of(having[:, column])
        summary[name] = MetricSummary(
            mean=every.mean,
            sd=every.sd,
            cases=every.cases,
            mean_with_reference=some.mean,
            sd_with_reference=some.sd,
            cases_with_reference=some.cases,
            median=every.median,
            median_with_reference=some.median,
            interval_95=intervals[column],
            interval_95_with_reference=intervals_having[column],
            mean_failures_as_0=(
                every.mean * every.cases / (len(cases) + failures)
                if every.mean is not None and _zero_is_worst(name)
                else None
            ),
        )
    return summary


def _zero_is_worst(metric: str) -> bool:
    """Whether a metric is defined for every case, from 0 (nothing right) to 1."""
    return metric in ("dice", "jaccard") or metric.startswith("nsd_")


@dataclass(frozen=True)
class _Moments:
    mean: float | None
    sd: float | None
    median: float | None
    cases: int

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> _Moments:
        """Of the values that are not NaN."""
        defined = values[~np.isnan(values)]
        if not defined.size:
            return cls(None, None, None, 0)
        sd = float(defined.std(ddof=1)) if defined.size > 1 else None
        return cls(float(defined.mean()), sd, float(np.median(defined)), defined.size)
