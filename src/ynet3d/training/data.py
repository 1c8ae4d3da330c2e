"""What goes into a run, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.datasets import Case
from ynet3d.preprocessing import CaseCache, PreparedCase
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe
from ynet3d.synthesis import MaskSource, TissueMap, prepare_maps
from ynet3d.training.distributed import Group


@dataclass(frozen=True)
class TrainingData:
    """What is trained and validated on, and what may be said about it."""

    name: str
    training: Sequence[Case]
    validation: Sequence[Case]
    licence: str | None = None
    on_all: bool = False  # there are no validation cases, on purpose
    masks: Sequence[MaskSource] = ()  # what CT is made of; none: of the training cases' labels
    started_from: Mapping[str, Any] | None = None  # weights that were there before

    def facts(self) -> dict[str, Any]:
        """For the JSON of the weights."""
        return {
            "name": self.name,
            "licence": self.licence or "unknown: see the data set",
            "training_cases": [case.name for case in self.training],
            "validation_cases": [case.name for case in self.validation],
            **({"synthesis_masks": [source.name for source in self.masks]} if self.masks else {}),
            **({"started_from": dict(self.started_from)} if self.started_from else {}),
        }


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    best_weights: Path
    best_score: float | None  # mean validation Dice; None without validation cases
    epochs: int
    seconds: float
    finished: bool  # False: stopped by Ctrl-C, to be resumed


def synthesis_maps(
    data: TrainingData, cache: Path, recipe: Recipe, progress: Progress
) -> list[TissueMap]:
    """What the recipe's wholly synthetic samples are made of, from the cache or made now."""
    if not recipe.synthesis.whole_probability:
        return []
    sources = data.masks or [MaskSource(case.name, case=case) for case in data.training]
    return prepare_maps(sources, cache, progress=progress)


def prepared(
    store: CaseCache, cases: Sequence[Case], group: Group, progress: Progress, *, title: str
) -> list[PreparedCase]:
    """All `cases`, in order, from the cache or made now.

    Each process of a group begins with its own part, and so finds most of the rest made by others.
    """
    first = group.part(len(cases)).start
    found = store.prepare([*cases[first:], *cases[:first]], progress=progress, title=title)
    return [*found[len(cases) - first :], *found[: len(cases) - first]]
