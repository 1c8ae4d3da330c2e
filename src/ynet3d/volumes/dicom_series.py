"""Which series lie in a folder of DICOM files, and which of them is the scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_headers import CT_SLICE, SliceHeader, scan_folder

#: A series counts as axial when its slice normal lies within 45 degrees of head-to-foot.
_AXIAL_COSINE = float(np.cos(np.radians(45.0)))
#: Fewer slices than this are no scan, whatever their UIDs.
_FEWEST_SLICES = 4
_UIDS = ("series_uid", "study_uid", "frame_uid")


@dataclass(frozen=True)
class SeriesSummary:
    """One series (more exactly: its images of one role), for choosing among several.

    Attributes:
        uid: SeriesInstanceUID ("" where the files have none).
        role: "CT slice" for what can be read as a scan, else why it cannot.
        images: how many files; duplicates and gaps are only looked for when reading.
        axial: slices lie across the body.
        original: not marked as derived from other images.
    """

    uid: str
    study_uid: str
    modality: str
    description: str
    role: str
    images: int
    rows: int
    columns: int
    axial: bool
    original: bool


def list_series(folder: str | Path) -> list[SeriesSummary]:
    """Series in a folder of DICOM files, the one that `read_volume` would take first.

    Raises:
        InputError: no such folder, or a damaged DICOM file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of the DICOM files.")
    return [summarise(group) for group in group_series(_without_single_uids(scan_folder(folder)))]


def group_series(headers: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Headers series by series, the likeliest liver scan first.

    First come CT slices, axial ones, most slices; among equals, originals before derived series.
    """
    groups: dict[tuple[object, ...], list[SliceHeader]] = {}
    for header in headers:
        groups.setdefault(_key(header), []).append(header)

    def rank(group: list[SliceHeader]) -> tuple[bool, bool, int, bool]:
        summary = summarise(group)
        return (
            summary.role != CT_SLICE,
            not summary.axial,
            -summary.images,
            not summary.original,
        )

    return sorted(groups.values(), key=rank)


def _without_single_uids(headers: Sequence[SliceHeader]) -> Sequence[SliceHeader]:
    """Headers less the UIDs that no two CT slices share, if those of the series are such.

    Some tools that take out identities give each file a new UID, but no series of one slice is a
    scan.
    """
    slices = [header for header in headers if header.role == CT_SLICE]
    if len(slices) < _FEWEST_SLICES or _shared(slices, "series_uid"):
        return headers
    single: dict[str, Any] = {uid: "" for uid in _UIDS if not _shared(slices, uid)}
    return [replace(header, **single) for header in headers]


def _shared(slices: Sequence[SliceHeader], uid: str) -> bool:
    return len({getattr(header, uid) for header in slices}) < len(slices)


def _key(header: SliceHeader) -> tuple[object, ...]:
    if header.series_uid:
        return header.role, header.study_uid, header.series_uid
    # De-identified files may lack the UID; then images that could form one stack go together.
    return (
        header.role,
        header.study_uid,
        header.series_number,
        header.description,
        header.frame_uid,
        header.rows,
        header.columns,
        tuple(round(cosine, 3) for cosine in header.orientation),
    )


def summarise(group: Sequence[SliceHeader]) -> SeriesSummary:
    """What a list of series shows of one."""
    first = group[0]
    return SeriesSummary(
        uid=first.series_uid,
        study_uid=first.study_uid,
        modality=first.modality,
        description=first.description,
        role=first.role,
        images=len(group),
        rows=first.rows,
        columns=first.columns,
        axial=bool(abs(first.normal[2]) > _AXIAL_COSINE),
        original=all(header.original for header in group),
    )


def choose_series(
    headers: Sequence[SliceHeader], folder: Path, *, series: str | None
) -> list[SliceHeader]:
    """The slices of series `series`, or of the axial CT series with the most slices.

    Raises:
        InputError: there is no such series, or it is no CT scan.
    """
    groups = group_series(_without_single_uids(headers) if series is None else headers)
    if series is None:
        group = groups[0]
        summary = summarise(group)
        if summary.role == CT_SLICE and summary.axial:
            return group
        found = " and ".join(_found(headers))
        hint = "save it as a classic (one file per slice) series"
        if not any("multi-frame" in header.role for header in headers):
            hint = "give another folder, or name a series with --series UID"
        raise InputError(f"{folder} holds no axial CT series (found {found}): {hint}.")
    named = [group for group in groups if group[0].series_uid == series]
    if not named:
        known = "; ".join(
            f"{group[0].series_uid or '(no UID)'}, {len(group)} x {group[0].role}"
            for group in groups
        )
        raise InputError(
            f"{folder} holds no series {series}: name one of those it holds ({known})."
        )
    if named[0][0].role != CT_SLICE:
        raise InputError(
            f"Series {series} in {folder} is no CT scan ({len(named[0])} x {named[0][0].role}): "
            "name another, or none for the axial CT series with the most slices."
        )
    return named[0]


def rivals(headers: Sequence[SliceHeader], chosen: SliceHeader) -> list[SeriesSummary]:
    """The other axial CT series that could have been taken instead of `chosen`'s."""
    summaries = [summarise(group) for group in group_series(_without_single_uids(headers))]
    return [
        summary
        for summary in summaries
        if summary.role == CT_SLICE
        and summary.axial
        and (summary.study_uid, summary.uid) != (chosen.study_uid, chosen.series_uid)
    ]


def _found(headers: Sequence[SliceHeader]) -> list[str]:
    """What kinds of images there are, as "3 x localizer (scout) image"."""
    kinds = Counter(
        "CT slice that is not axial" if header.role == CT_SLICE else header.role
        for header in headers
    )
    return [f"{count} x {kind}" for kind, count in kinds.most_common()]
