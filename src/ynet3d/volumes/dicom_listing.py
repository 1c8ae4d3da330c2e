"""What lies in a folder of DICOM files, series by series, and what can be read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError, YnetError
from ynet3d.volumes.dicom_geometry import check_same_plane, sort_slices
from ynet3d.volumes.dicom_headers import CT_SLICE, SliceHeader
from ynet3d.volumes.dicom_pixels import missing_decoder, syntax_decodable
from ynet3d.volumes.dicom_series import SeriesSummary, group_series, summarise, without_single_uids
from ynet3d.volumes.dicom_stack import stack_of
from ynet3d.volumes.formats import EXPECTED


def listed_series(headers: Sequence[SliceHeader], source: Path) -> list[SeriesSummary]:
    """All series, the one that `read_volume` would take first.

    Only headers are looked at: whether pixels can be decoded, or two slices at one place are
    copies, shows when the series is read.

    Raises:
        InputError: there is no image at all.
    """
    if not headers:
        raise InputError(f"{source} holds no DICOM images: give {EXPECTED}.")
    series: list[SeriesSummary] = []
    for group in group_series(without_single_uids(headers)):
        summary = summarise(group)
        taken = not series and summary.role == CT_SLICE and summary.axial
        series.append(replace(summary, problem=_problem(group), taken=taken))
    return series


def series_as_json(series: Sequence[SeriesSummary]) -> list[dict[str, Any]]:
    """The same as plain values for JSON, without anything about the patient."""
    return [
        {
            "name": item.name,
            "study": item.study_uid,
            "series": item.uid,
            "part": item.part or None,
            "number": item.number,
            "modality": item.modality,
            "description": item.description,
            "kind": item.role,
            "images": item.images,
            "size": [item.columns, item.rows],
            "spacing_mm": [round(size, 4) for size in item.spacing_mm],
            "span_mm": round(item.span_mm, 3),
            "phase": item.phase.value or None,
            "axial": item.axial,
            "usable": not item.problem,
            "problem": item.problem or None,
            "taken": item.taken,
        }
        for item in series
    ]


def _problem(group: Sequence[SliceHeader]) -> str:
    first = group[0]
    if first.role != CT_SLICE:
        return f"It is no CT scan ({first.role})."
    try:
        check_same_plane(group, "It")
        stack_of([place[0] for place in sort_slices(group)], "It")
        for syntax in {header.syntax for header in group}:
            if not syntax_decodable(syntax):
                raise missing_decoder(first.path, syntax)
    except YnetError as error:
        return str(error)
    return ""
