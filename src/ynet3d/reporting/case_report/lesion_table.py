"""The table of lesions: which columns there are, and how their numbers read.

A column stands in the table if the statistics have its key, so that measurements which are added to
`statistics.json` later need one line here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ynet3d.reporting import style

Lesion = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """A column of numbers.

    Attributes:
        key: of a lesion in `statistics.json`.
        name, unit: what stands above the column.
        digits: behind the decimal point, the same in the whole column.
        part: index, where the key holds several numbers.
        group: what stands above it and its neighbours of the same group.
        spread: key of a standard deviation that is shown behind the number.
        short: the name in narrow tables.
    """

    key: str
    name: str
    unit: str
    digits: int
    part: int | None = None
    group: str = ""
    spread: str = ""
    short: str = ""

    def value(self, lesion: Lesion) -> float | None:
        """The number, for sorting; None if it was not measured."""
        found = lesion.get(self.key)
        if found is None or self.part is None:
            return found
        return float(found[self.part])

    def text(self, lesion: Lesion) -> str:
        """The number for people; a dash if it was not measured."""
        value = self.value(lesion)
        if value is None:
            return "–"
        spread = lesion.get(self.spread)
        words = style.number(value, self.digits)
        return words if spread is None else f"{words} ± {style.number(spread, self.digits)}"


_PLACE = "Centre, patient axes"
MEASURES = (
    Measure("ml", "Volume", "mL", 1),
    Measure("longest_axial_diameter_mm", "Longest axial", "mm", 1, short="Longest"),
    Measure("perpendicular_diameter_mm", "Perpendicular", "mm", 1, short="Perpend."),
    Measure("greatest_diameter_mm", "Longest in 3D", "mm", 1, short="In 3D"),
    Measure("surface_distance_mm", "Depth", "mm", 1),
    Measure("hu", "Density", "HU", 0, spread="hu_sd"),
    Measure("confidence", "Confidence", "0 to 1", 2, short="Conf."),
    Measure("centroid_lps_mm", "left", "mm", 0, part=0, group=_PLACE),
    Measure("centroid_lps_mm", "back", "mm", 0, part=1, group=_PLACE),
    Measure("centroid_lps_mm", "head", "mm", 0, part=2, group=_PLACE),
    Measure("slices", "Slices", "axial", 0),
)


def measures_of(lesions: Sequence[Lesion]) -> list[Measure]:
    """The columns in which something stands; small volumes get a second decimal."""
    used = [one for one in MEASURES if any(one.value(lesion) is not None for lesion in lesions)]
    small = any(lesion["ml"] < 0.95 for lesion in lesions)
    return [
        Measure(**{**vars(one), "digits": 2}) if one.key == "ml" and small else one for one in used
    ]


def cut_off(lesions: Sequence[Lesion]) -> str:
    """A sentence about lesions that reach the edge of the scan; empty if none does."""
    numbers = [int(lesion["id"]) for lesion in lesions if lesion.get("touches_border")]
    if not numbers:
        return ""
    if len(numbers) == 1:
        return (
            f"Lesion {numbers[0]} reaches the edge of the scan and may be cut off: its volume and "
            "diameters are at least those given."
        )
    if len(numbers) <= 8:
        listed = f"Lesions {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    else:
        listed = f"{len(numbers)} lesions, marked in the table,"
    return (
        f"{listed} reach the edge of the scan and may be cut off: their volumes and diameters are "
        "at least those given."
    )
