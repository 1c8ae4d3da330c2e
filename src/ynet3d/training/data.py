"""What goes into a run, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.datasets import Case


@dataclass(frozen=True)
class TrainingData:
    """What is trained and validated on, and what may be said about it."""

    name: str
    training: Sequence[Case]
    validation: Sequence[Case]
    licence: str | None = None

    def facts(self) -> dict[str, Any]:
        """For the JSON of the weights."""
        return {
            "name": self.name,
            "licence": self.licence or "unknown: see the data set",
            "training_cases": [case.name for case in self.training],
            "validation_cases": [case.name for case in self.validation],
        }


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    best_weights: Path
    best_score: float
    epochs: int
    seconds: float
    finished: bool  # False: stopped by Ctrl-C, to be resumed
