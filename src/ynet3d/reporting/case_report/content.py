"""What a report says, in words and numbers for people, whatever it is drawn on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ynet3d.labels import Label
from ynet3d.reporting import style
from ynet3d.reporting.case_report.lesion_table import Lesion, Measure, cut_off, measures_of
from ynet3d.reporting.parts import Headline
from ynet3d.reporting.templating import duration
from ynet3d.volumes import Volume

#: What the numbers of the report are called in `statistics.json`, to take their definitions.
_DEFINED = (
    ("liver_ml", "Liver"),
    ("tumour_share", "Share of the liver"),
    ("lesions", "Lesion"),
    ("longest_axial_diameter_mm", "Longest axial diameter"),
    ("perpendicular_diameter_mm", "Perpendicular diameter"),
    ("greatest_diameter_mm", "Longest diameter in 3D"),
    ("surface_distance_mm", "Depth"),
    ("hu", "Density"),
    ("confidence", "Confidence"),
    ("centroid_lps_mm", "Centre"),
)


@dataclass(frozen=True)
class Content:
    """The words and numbers of a report.

    Attributes:
        title: name of the scan.
        summary: one sentence, as in `statistics.json`.
        headlines: large numbers.
        warnings: what is doubtful, one sentence each.
        volumes: name and value of what was measured in the whole liver.
        measures: columns of the table of lesions.
        lesions: its rows, largest first, as in `statistics.json`.
        settings: name and value: what made the mask.
        definitions: name and meaning of the measurements.
        made: when the report was made, and by which version.
    """

    title: str
    summary: str
    headlines: Sequence[Headline]
    warnings: Sequence[str]
    volumes: Mapping[str, str]
    measures: Sequence[Measure]
    lesions: Sequence[Lesion]
    settings: Mapping[str, str]
    definitions: Mapping[str, str]
    made: str


def content_of(
    found: Mapping[str, Any], label: Volume, *, version: str, now: datetime | None = None
) -> Content:
    """Put the `statistics.json` of a prediction into words.

    Args:
        found: its content; of what `predict` adds to `statistics`, what is there is shown.
        label: the mask, for its grid.
        version: of this package.
        now: when the report is made.
    """
    lesions = list(found["lesions"])
    warnings = [str(note) for note in found.get("notes", ())]
    cut = cut_off(lesions)
    measures = measures_of(lesions)
    now = now or datetime.now().astimezone()
    return Content(
        title=str(found.get("scan") or "Liver and tumours"),
        summary=found["summary"],
        headlines=_headlines(found, lesions),
        warnings=[*warnings, cut] if cut else warnings,
        volumes=_volumes(found, lesions),
        measures=measures,
        lesions=lesions,
        settings=_settings(found, label),
        definitions=_definitions(found, measures),
        made=f"ynet3d {version}, {now:%Y-%m-%d %H:%M}",
    )


def _headlines(found: Mapping[str, Any], lesions: Sequence[Lesion]) -> list[Headline]:
    count = len(lesions)
    longest = max((lesion["longest_axial_diameter_mm"] for lesion in lesions), default=None)
    share = found["tumour_share"]
    liver = found["liver_ml"]
    return [
        Headline(
            style.millilitres(liver) if liver else "–",
            "Liver",
            "with its tumours" if liver else "not found",
            Label.LIVER,
        ),
        Headline(
            style.millilitres(found["tumour_ml"]),
            "Tumour",
            _percent(share) + " of the liver" if share else "none found",
            Label.TUMOUR,
        ),
        Headline(str(count), "Lesion" if count == 1 else "Lesions", "separate tumours"),
        Headline(
            "–" if longest is None else f"{style.number(longest)} mm",
            "Longest diameter",
            "axial, of all lesions" if count else "no lesion",
        ),
    ]


def _volumes(found: Mapping[str, Any], lesions: Sequence[Lesion]) -> dict[str, str]:
    liver, tumour = found["liver_ml"], found["tumour_ml"]
    result = {
        "Liver with tumours": f"{style.number(liver, 1)} mL",
        "Liver without tumours": f"{style.number(liver - tumour, 1)} mL",
        "Tumours together": f"{style.number(tumour, 1)} mL",
        "Tumours' share of the liver": _percent(found["tumour_share"]),
        "Lesions": str(len(lesions)),
    }
    if "liver_hu" in found:
        result["Density of the liver without tumours"] = _density(found)
    return result


def _density(found: Mapping[str, Any]) -> str:
    if found["liver_hu"] is None:
        return "–"
    spread = found.get("liver_hu_sd")
    words = style.number(found["liver_hu"])
    return f"{words} HU" if spread is None else f"{words} ± {style.number(spread)} HU"


def _settings(found: Mapping[str, Any], label: Volume) -> dict[str, str]:
    weights, grid = found.get("weights") or {}, found.get("grid") or {}
    shape = grid.get("shape") or label.shape
    spacing = grid.get("spacing_mm") or label.spacing
    seconds = found.get("seconds")
    settings = {
        "Series": found.get("series"),
        "Voxels": " × ".join(str(size) for size in shape),
        "Size of a voxel": " × ".join(f"{size:.3g}" for size in spacing) + " mm",
        "Stored axes": grid.get("orientation") or label.orientation,
        "Recipe": weights.get("recipe"),
        "Weights": weights.get("file"),
        "Further weights": ", ".join(str(one.get("file")) for one in _others(found)),
        "SHA-256 of the weights": weights.get("sha256"),
        "Trained on": weights.get("training_data"),
        "Licence of the weights": weights.get("licence"),
        "Runtime": ", ".join(_running(one) for one in found.get("runtime") or ()),
        "Time for the prediction": None if seconds is None else duration(seconds),
        "Predicted by": f"ynet3d {found['version']}" if found.get("version") else None,
    }
    return {name: str(value) for name, value in settings.items() if value not in (None, "")}


def _others(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*found.get("ensemble_with", ()), *found.get("refined_by", ())]


def _running(one: Mapping[str, Any]) -> str:
    return " ".join(str(one[key]) for key in ("name", "precision") if one.get(key))


def _definitions(found: Mapping[str, Any], measures: Sequence[Measure]) -> dict[str, str]:
    """The meaning of what the report shows."""
    meanings = found.get("definitions", {})
    shown = {"liver_ml", "tumour_share", "lesions", *(one.key for one in measures)}
    return {name: meanings[key] for key, name in _DEFINED if key in meanings and key in shown}


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{style.number(100 * share, 1)} %"
