"""`lesions.csv`: one row for each tumour, for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ynet3d.files import write_csv

LESION_COLUMNS = (
    "id",
    "ml",
    "longest_axial_diameter_mm",
    "perpendicular_diameter_mm",
    "greatest_diameter_mm",
    "slices",
    "centroid_left_mm",
    "centroid_back_mm",
    "centroid_head_mm",
    "hu",
    "hu_sd",
    "surface_distance_mm",
    "confidence",
    "touches_border",
)


def write_lesions_csv(found: Mapping[str, Any], path: str | Path) -> None:
    """Write the lesions of `statistics` as a table; what was not measured is an empty cell.

    Centroids are in DICOM's patient axes (to the left, to the back, to the head); `touches_border`
    is `yes` or `no`.
    """
    write_csv(path, LESION_COLUMNS, [lesion_cells(lesion) for lesion in found["lesions"]])


def lesion_cells(lesion: Mapping[str, Any]) -> list[object]:
    """One lesion's values in the order of `LESION_COLUMNS`."""
    left, back, head = lesion["centroid_lps_mm"]
    values = {
        **lesion,
        "centroid_left_mm": left,
        "centroid_back_mm": back,
        "centroid_head_mm": head,
        "touches_border": "yes" if lesion["touches_border"] else "no",
    }
    return [_cell(values.get(name)) for name in LESION_COLUMNS]


def _cell(value: object) -> object:
    # Micrometres; no segmentation is better.
    return round(value, 3) if isinstance(value, float) else value
