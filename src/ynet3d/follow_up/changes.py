"""What has changed between two scans, lesion by lesion and as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ynet3d.follow_up.alignment import Alignment
from ynet3d.follow_up.matching import LesionPair
from ynet3d.follow_up.response import ARITHMETIC_ONLY, TargetSum
from ynet3d.labels import RESEARCH_USE

#: Of a lesion, in both scans, with the change.
MEASURED = (
    "ml",
    "longest_axial_diameter_mm",
    "perpendicular_diameter_mm",
    "greatest_diameter_mm",
    "hu",
)
OF_THE_LIVER = ("liver_ml", "tumour_ml", "tumour_share", "lesion_count", "liver_hu")

#: Livers that overlap less than this after alignment are hardly those of one patient.
LEAST_DICE = 0.8

DEFINITIONS = {
    "state": "matched; new; gone; merged: of the earlier scan, now part of the later lesion "
    "`other`, which continues another one; split: of the later scan, was part of the earlier "
    "lesion `other`, which continues as another one",
    "before, after": "lesion ids of the two statistics.json",
    "distance_mm": "between the centroids, after the livers were laid over each other",
    "overlap": "shared volume after alignment / that of the smaller lesion",
    "change": "after - before; change_percent is 100 * change / before, null where "
    "before is 0 (a new lesion) or unknown",
}


def change_of(before: float | None, after: float | None) -> dict[str, float | None]:
    """Both values and their change, ready for JSON; None where one is not known."""
    change = None if before is None or after is None else after - before
    percent = None if change is None or not before else 100 * change / before
    return {"before": before, "after": after, "change": change, "change_percent": percent}


def lesion_changes(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    pairs: Sequence[LesionPair],
) -> list[dict[str, Any]]:
    """One entry for each pair, ready for JSON; what is gone has 0 after, what is new 0 before."""
    earlier, later = ({lesion["id"]: lesion for lesion in one} for one in (before, after))
    rows = []
    for pair in pairs:
        one = earlier.get(pair.before) if pair.before is not None else None
        other = later.get(pair.after) if pair.after is not None else None
        row: dict[str, Any] = {
            "before": pair.before,
            "after": pair.after,
            "state": pair.state,
            "other": pair.other,
            "distance_mm": pair.distance_mm,
            "overlap": pair.overlap,
            "touches_border": any(one["touches_border"] for one in (one, other) if one),
        }
        for name in MEASURED:
            values = [lesion.get(name) if lesion else None for lesion in (one, other)]
            if pair.state in ("gone", "new") and name != "hu":
                values[pair.state == "gone"] = 0.0
            row[name] = change_of(*values)
        rows.append(row)
    return rows


def follow_up_json(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    pairs: Sequence[LesionPair],
    alignment: Alignment,
    targets: TargetSum,
    *,
    names: tuple[str, str],
    limit_mm: float,
    notes: Sequence[str],
) -> dict[str, Any]:
    """All of it, ready for JSON (`follow-up.json`).

    Args:
        before, after: `statistics` of the two scans.
        names: of the scans.
        limit_mm: that was given to `match_over_time`.
        notes: sentences for the reader.
    """
    states = [pair.state for pair in pairs]
    return {
        "before": names[0],
        "after": names[1],
        "liver": {name: change_of(before.get(name), after.get(name)) for name in OF_THE_LIVER},
        "lesions": lesion_changes(before["lesions"], after["lesions"], pairs),
        "counts": {
            state: states.count(state) for state in ("matched", "new", "gone", "merged", "split")
        },
        "target_lesions": {
            "ids_before": list(targets.targets),
            "at_least_mm": targets.least_mm,
            "sum_of_longest_diameters_mm": change_of(targets.before_mm, targets.after_mm),
            "arithmetic": targets.words,
            "what_this_is": ARITHMETIC_ONLY,
        },
        "alignment": {
            "kind": alignment.kind,
            "liver_dice": alignment.dice,
            "turned_degrees": alignment.degrees,
            "shift_mm": alignment.shift_mm,
            "after_to_before_ras_mm": alignment.to_before.tolist(),
        },
        "limit_mm": limit_mm,
        "notes": list(notes),
        "definitions": DEFINITIONS,
        "notice": RESEARCH_USE,
    }


def csv_header() -> list[str]:
    """Columns of `follow-up.csv`."""
    fixed = ["before", "after", "state", "other", "distance_mm", "overlap", "touches_border"]
    return fixed + [
        f"{name}_{which}"
        for name in MEASURED
        for which in ("before", "after", "change", "change_percent")
    ]


def csv_rows(content: Mapping[str, Any]) -> list[list[object]]:
    """Rows of `follow-up.csv` from the content of `follow-up.json`."""
    rows = []
    for lesion in content["lesions"]:
        row = [lesion[name] for name in csv_header()[:6]]
        row.append("yes" if lesion["touches_border"] else "no")
        for name in MEASURED:
            row += lesion[name].values()
        rows.append([round(cell, 3) if isinstance(cell, float) else cell for cell in row])
    return rows
