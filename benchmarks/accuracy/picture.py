"""Accuracy against what it took: minutes of training, and seconds a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.rows import Row
from ynet3d.reporting import save_dice_against_cost

_COSTS = {"minutes": "Minutes of training (budget)", "seconds": "Seconds a case"}

Interval = tuple[float, float]


@dataclass(frozen=True)
class _Point:
    """A measured entry; those of one network are one line, named at its longest budget."""

    name: str
    minutes: float
    seconds: float
    dice_liver: float | None
    dice_tumour: float | None
    interval_liver: Interval | None
    interval_tumour: Interval | None
    family: str


def draw(rows: Sequence[Row], path: Path, *, about: str) -> None:
    """Draw what is measured so far; `about` says on which scans."""
    measured = [row for row in rows if row.measured]
    longest = {row.entry.family: row.entry.minutes for row in measured}  # budgets rise
    points = []
    for row in measured:
        liver, tumour = row.figures["liver_dice"], row.figures["tumour_dice"]
        is_last = row.entry.minutes == longest[row.entry.family]
        points.append(
            _Point(
                row.entry.title if is_last else "",
                row.entry.minutes,
                max(row.seconds_per_case or 0.0, 0.01),  # the axis has no 0
                liver.value,
                tumour.value,
                liver.interval_95,
                tumour.interval_95,
                row.entry.family,
            )
        )
    save_dice_against_cost(
        points,
        path,
        title="Accuracy on equal terms",
        note=f"Mean over {about}; tumour: those with one",
        costs=_COSTS,
    )
