"""RECIST 1.1's arithmetic on two scans: sums of diameters and the two thresholds, nothing more.

Eisenhauer et al. 2009, "New response evaluation criteria in solid tumours: revised RECIST guideline
(version 1.1)", Eur J Cancer 45:228-247.
What the criteria add to the arithmetic (other organs, lesions that are not measured, new lesions,
the smallest sum of earlier scans, the reader's judgement) is not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ynet3d.follow_up.matching import LesionPair

#: Largest number of target lesions in one organ.
MOST_TARGETS = 2
#: Smallest longest diameter of a target; twice the slice thickness where slices exceed 5 mm.
LEAST_MM, THICK_SLICES_MM = 10.0, 5.0
DECREASE_PERCENT, INCREASE_PERCENT, INCREASE_MM = -30.0, 20.0, 5.0

ARITHMETIC_ONLY = (
    "Arithmetic of RECIST 1.1 on the liver's target lesions in two scans, not a diagnosis and not "
    "a response: new lesions, other organs and earlier scans are not judged."
)


@dataclass(frozen=True)
class TargetSum:
    """The sum of longest axial diameters of the target lesions.

    Attributes:
        targets: numbers of the target lesions in the earlier scan, the largest first.
        least_mm: how long a lesion had to be to be one.
        before_mm, after_mm: the sums; None without target.
        words: which threshold is passed.
    """

    targets: tuple[int, ...]
    least_mm: float
    before_mm: float | None
    after_mm: float | None
    words: str

    @property
    def change_percent(self) -> float | None:
        """Of the sum, of the earlier one."""
        if self.before_mm is None or self.after_mm is None:
            return None
        return 100 * (self.after_mm / self.before_mm - 1)


def target_sum(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    pairs: Sequence[LesionPair],
    *,
    slice_mm: float,
) -> TargetSum:
    """Choose up to two target lesions in the earlier scan and follow their sum of diameters.

    A target that is gone counts 0. One that has merged counts the lesion it is now part of, once
    for all targets in it; what was split off a target is added to it.

    Args:
        before, after: lesions of `statistics`.
        pairs: from `match_over_time`.
        slice_mm: distance of slices of the earlier scan.
    """
    least = LEAST_MM if slice_mm <= THICK_SLICES_MM else max(LEAST_MM, 2 * slice_mm)
    name = "longest_axial_diameter_mm"
    sizes = {int(lesion["id"]): float(lesion[name]) for lesion in before}
    fitting = [number for number, size in sizes.items() if size >= least]
    targets = tuple(sorted(fitting, key=lambda number: -sizes[number])[:MOST_TARGETS])
    if not targets:
        words = f"no target lesion: none of {least:g} mm or more in the earlier scan"
        return TargetSum((), least, None, None, words)
    counted: set[int] = set()
    for pair in pairs:
        if pair.before in targets:
            counted |= {number for number in (pair.after, pair.other) if number is not None}
        if pair.state == "split" and pair.other in targets and pair.after is not None:
            counted.add(pair.after)
    later = {int(lesion["id"]): float(lesion[name]) for lesion in after}
    sums = sum(sizes[number] for number in targets), sum(later[number] for number in counted)
    return TargetSum(targets, least, *sums, _words(*sums))


def _words(before_mm: float, after_mm: float) -> str:
    change = 100 * (after_mm / before_mm - 1)
    if after_mm == 0:
        return "all target lesions are gone"
    # A threshold that is met exactly must not be missed by rounding.
    if change <= DECREASE_PERCENT + 1e-9:
        return "decrease of 30 % or more"
    if change >= INCREASE_PERCENT - 1e-9 and after_mm - before_mm >= INCREASE_MM - 1e-9:
        return "increase of 20 % or more, and of 5 mm or more"
    return "neither a decrease of 30 % nor an increase of 20 % and 5 mm"
