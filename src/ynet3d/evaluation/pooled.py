"""The voxels of all cases thrown together, and in how many cases a class is missed or invented."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ynet3d.evaluation.bootstrap import Bootstrap, Estimate
from ynet3d.evaluation.counting import Confusion
from ynet3d.evaluation.metrics import ratio


@dataclass(frozen=True)
class PooledOverlap:
    """Overlap of one class over the voxels of all cases: large objects weigh most.

    `dice` is the LiTS scorer's Dice global.
    """

    dice: Estimate
    sensitivity: Estimate
    precision: Estimate


@dataclass(frozen=True)
class ClassPresence:
    """In how many cases the prediction and the reference have a class.

    In `missed` and `invented` cases there is no distance to measure, so that they do not worsen
    the mean of the distances: quote their numbers with it.
    """

    in_both: int
    missed: int
    invented: int
    in_neither: int

    @classmethod
    def of(cls, counts: Iterable[Confusion]) -> ClassPresence:
        """Count cases, one `Confusion` each."""
        found = [(bool(one.prediction), bool(one.reference)) for one in counts]
        return cls(
            in_both=found.count((True, True)),
            missed=found.count((False, True)),
            invented=found.count((True, False)),
            in_neither=found.count((False, False)),
        )


def pooled_overlap(counts: Sequence[Confusion], draws: Bootstrap) -> PooledOverlap:
    """Pool the voxels of cases, one `Confusion` each."""
    shared = np.array([one.tp for one in counts], dtype=np.float64)
    predicted = np.array([one.prediction for one in counts], dtype=np.float64)
    reference = np.array([one.reference for one in counts], dtype=np.float64)
    parts = np.column_stack([2 * shared, shared, shared])
    wholes = np.column_stack([predicted + reference, reference, predicted])
    intervals = draws.of_ratios(parts, wholes)
    values = [
        ratio(float(part), float(whole))
        for part, whole in zip(parts.sum(axis=0), wholes.sum(axis=0), strict=True)
    ]
    return PooledOverlap(
        *(Estimate(value, interval) for value, interval in zip(values, intervals, strict=True))
    )
