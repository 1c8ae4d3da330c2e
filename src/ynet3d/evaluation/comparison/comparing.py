"""Two or more models on the same cases: what differs, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ynet3d.evaluation.cases import class_order
from ynet3d.evaluation.comparison.checks import check_comparable
from ynet3d.evaluation.comparison.pairs import CaseSet, PairComparison, compare_pairs
from ynet3d.evaluation.comparison.scores import NO_PREDICTION, ClassScores, ModelScores
from ynet3d.evaluation.significance import Floats, Friedman, friedman
from ynet3d.evaluation.summary import Evaluation
from ynet3d.volumes.formats import natural_key

#: The signed relative volume difference is compared by its size: -0.1 is as good as 0.1.
_MAGNITUDE = {"rvd": "abs_rvd"}
_MEASURED = {size: signed for signed, size in _MAGNITUDE.items()}
#: From 0 (nothing right) to 1 and defined for every case, so that a failure can count as 0.
_ZERO_IS_WORST = ("dice", "jaccard", "nsd_")


@dataclass(frozen=True)
class DifferingCase:
    """A case on which the models disagree: their values, None where undefined."""

    case: str
    values: Mapping[str, float | None]

    @property
    def spread(self) -> float:
        """Highest less lowest value."""
        defined = [value for value in self.values.values() if value is not None]
        return max(defined) - min(defined) if defined else 0.0


@dataclass(frozen=True)
class Comparison:
    """Everything that was compared.

    Attributes:
        models: names, in the order given.
        scores: of each model.
        cases: those scored for every model, in natural order.
        incomplete: cases without a score for at least one model: why, by model.
        metrics: compared by these, under the names of the tables (`abs_rvd`).
        pairs: by class, metric, set of cases, and pair of models.
        friedman: by class, metric and set of cases, for three models or more.
        data: what the cases are, in words; may be empty.
        seed: of the bootstrap.
    """

    models: tuple[str, ...]
    scores: Mapping[str, ModelScores]
    cases: tuple[str, ...]
    incomplete: Mapping[str, Mapping[str, str]]
    metrics: tuple[str, ...]
    pairs: tuple[PairComparison, ...]
    friedman: Mapping[tuple[str, str, CaseSet], Friedman]
    data: str
    seed: int

    @property
    def class_names(self) -> tuple[str, str, str]:
        """Headline liver, tumour, and the liver of the other convention."""
        return class_order(self.scores[self.models[0]].liver_convention)

    @property
    def measured(self) -> tuple[str, ...]:
        """The metrics as each model's `cases.csv` has them: `rvd` with its sign."""
        return tuple(_MEASURED.get(metric, metric) for metric in self.metrics)

    @property
    def every_case(self) -> tuple[str, ...]:
        """Cases with a score for any model, in natural order."""
        found = {case for model in self.scores.values() for case in model.cases}
        return tuple(sorted(found, key=natural_key))

    @property
    def headline(self) -> tuple[str, str]:
        """The two classes to quote."""
        return self.class_names[:2]

    def case_set(self, class_name: str) -> CaseSet:
        """The set of cases to quote: those whose reference has the class, if there are any."""
        return "with_reference" if self.names(class_name, "with_reference") else "all"

    def case_sets(self, class_name: str, metric: str) -> list[CaseSet]:
        """The sets of cases that differ from each other and in which there is something."""
        sets: list[CaseSet] = []
        having = len(self.names(class_name, "with_reference"))
        if having:
            sets.append("with_reference")
        if having < len(self.cases):
            sets.append("all")
        if self.incomplete and metric.startswith(_ZERO_IS_WORST):
            sets.append("failures_as_0")
        return sets

    def names(self, class_name: str, case_set: CaseSet) -> tuple[str, ...]:
        """The cases of a set."""
        if case_set == "all":
            return self.cases
        cases = self.every_case if case_set == "failures_as_0" else self.cases
        return tuple(case for case in cases if self.in_reference(case, class_name))

    def in_reference(self, case: str, class_name: str) -> bool:
        """Whether the reference of a case has the class."""
        return any(found[class_name].in_reference for found in self._found(case))

    def values(self, class_name: str, metric: str, case_set: CaseSet) -> Floats:
        """A metric as (cases, models), in the order of `names` and `models`; NaN if undefined."""
        names = self.names(class_name, case_set)
        table = np.full((len(names), len(self.models)), np.nan)
        for row, case in enumerate(names):
            for column, model in enumerate(self.models):
                value = self.value(model, case, class_name, metric)
                if value is not None:
                    table[row, column] = value
                elif case not in self.scores[model].cases:
                    table[row, column] = 0.0  # only in the set failures_as_0
        return table

    def pair(
        self,
        model_a: str,
        model_b: str,
        *,
        class_name: str,
        metric: str = "dice",
        case_set: CaseSet | None = None,
    ) -> PairComparison:
        """One pair of models, in the order of `models`; by default over the cases to quote.

        Raises:
            KeyError: there is no such row.
        """
        wanted = (class_name, metric, case_set or self.case_set(class_name), model_a, model_b)
        for row in self.pairs:
            if wanted == (row.class_name, row.metric, row.case_set, row.model_a, row.model_b):
                return row
        raise KeyError(wanted)

    def differing_cases(
        self, class_name: str, *, metric: str = "dice", limit: int = 5
    ) -> list[DifferingCase]:
        """The cases to quote on which the models lie farthest apart, the farthest first."""
        found = [
            DifferingCase(
                case,
                {model: self.value(model, case, class_name, metric) for model in self.models},
            )
            for case in self.names(class_name, self.case_set(class_name))
        ]
        apart = sorted((case for case in found if case.spread > 0), key=lambda case: -case.spread)
        return apart[:limit]

    def _found(self, case: str) -> Iterator[Mapping[str, ClassScores]]:
        return (
            self.scores[model].cases[case]
            for model in self.models
            if case in self.scores[model].cases
        )

    def value(self, model: str, case: str, class_name: str, metric: str) -> float | None:
        """One value; None where undefined, or where the model has no score for the case."""
        found = self.scores[model].cases.get(case)
        if found is None:
            return None
        value = found[class_name].values[_MEASURED.get(metric, metric)]
        return abs(value) if metric in _MEASURED and value is not None else value


def compare(
    evaluations: Mapping[str, Evaluation | ModelScores], *, data: str = "", seed: int = 0
) -> Comparison:
    """Compare models by the cases that all of them scored, pair by pair.

    Args:
        evaluations: by name of the model; at least two, in the order of every table. The first is
            what the pictures measure the others against.
        data: what the cases are, in words, for the headings.
        seed: of the bootstrap intervals.

    Raises:
        InputError: fewer than two models, no case in common, or models that were scored against
            different references or by different rules.
    """
    scores = {
        name: found if isinstance(found, ModelScores) else ModelScores.of(found)
        for name, found in evaluations.items()
    }
    check_comparable(scores)
    models = tuple(scores)
    every = sorted(
        {case for model in scores.values() for case in (*model.cases, *model.failures)},
        key=natural_key,
    )
    cases = tuple(case for case in every if all(case in model.cases for model in scores.values()))
    incomplete = {
        case: {
            name: model.failures.get(case, NO_PREDICTION)
            for name, model in scores.items()
            if case not in model.cases
        }
        for case in every
        if case not in cases
    }
    shared = [
        metric
        for metric in scores[models[0]].metrics
        if all(metric in model.metrics for model in scores.values())
    ]
    metrics = tuple(_MAGNITUDE.get(metric, metric) for metric in shared)
    comparison = Comparison(models, scores, cases, incomplete, metrics, (), {}, data, seed)
    pairs: list[PairComparison] = []
    ranked: dict[tuple[str, str, CaseSet], Friedman] = {}
    for class_name in comparison.class_names:
        for metric in metrics:
            for case_set in comparison.case_sets(class_name, metric):
                values = comparison.values(class_name, metric, case_set)
                pairs += compare_pairs(class_name, metric, case_set, models, values, seed=seed)
                complete = values[np.isfinite(values).all(axis=1)]
                result = friedman(complete)
                if result is not None:
                    ranked[class_name, metric, case_set] = result
    return Comparison(models, scores, cases, incomplete, metrics, tuple(pairs), ranked, data, seed)
