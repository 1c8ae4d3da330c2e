"""What one model scored, case by case: all that a comparison needs of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ynet3d.evaluation.cases import LiverConvention
from ynet3d.evaluation.metrics import METRICS
from ynet3d.evaluation.summary import Evaluation

#: Why a case has no score: there is nothing to score.
NO_PREDICTION = "no prediction"


@dataclass(frozen=True)
class ClassScores:
    """One class of one case.

    Attributes:
        values: by metric; None where undefined.
        in_reference: whether the reference has the class.
        reference_ml: its volume in the reference; None if not known.
    """

    values: Mapping[str, float | None]
    in_reference: bool
    reference_ml: float | None = None


@dataclass(frozen=True)
class ModelScores:
    """One model on many cases.

    Attributes:
        cases: by name of the case, then by class.
        metrics: names of the metrics, in the order of every table.
        failures: why, by name of the case, for references that could not be scored.
        liver_convention: which liver is the headline (see `Evaluation`).
    """

    cases: Mapping[str, Mapping[str, ClassScores]]
    metrics: tuple[str, ...] = METRICS
    failures: Mapping[str, str] = field(default_factory=dict)
    liver_convention: LiverConvention = "lits"

    @classmethod
    def of(cls, evaluation: Evaluation) -> ModelScores:
        """The scores of an evaluation."""
        return cls(
            cases={
                case.name: {
                    class_name: ClassScores(
                        values={metric: result.value(metric) for metric in evaluation.metrics},
                        in_reference=result.in_reference,
                        reference_ml=result.reference_ml,
                    )
                    for class_name, result in case.classes.items()
                }
                for case in evaluation.cases
            },
            metrics=evaluation.metrics,
            failures={
                failure.name: NO_PREDICTION if failure.missing else failure.reason
                for failure in evaluation.failures
            },
            liver_convention=evaluation.liver_convention,
        )
