"""Which series lie in a folder of DICOM files, and which of them is the scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_geometry import SAME_POSITION_MM
from ynet3d.volumes.dicom_headers import CT_SLICE, SliceHeader
from ynet3d.volumes.dicom_phase import Phase, guess_phase
from ynet3d.volumes.formats import EXPECTED

#: A series counts as axial when its slice normal lies within 45 degrees of head-to-foot.
_AXIAL_COSINE = float(np.cos(np.radians(45.0)))
#: Fewer slices than this are no scan, whatever their UIDs.
_FEWEST_SLICES = 4
#: A portal venous series that spans less than this share of the longest axial one is a part of the
#: body, or bolus tracking, and is not preferred.
_LEAST_SPAN = 0.5
_UIDS = ("series_uid", "study_uid", "frame_uid")


@dataclass(frozen=True)
class SeriesSummary:
    """One series (more exactly: its images of one role), for choosing among several.

    Attributes:
        uid: SeriesInstanceUID ("" where the files have none).
        part: from 1, where one series UID holds several scans (phases); else 0.
        role: "CT slice" for what can be read as a scan, else why it cannot.
        images: how many slices; duplicates and gaps are only looked for when reading.
        span_mm: from the first to the last slice.
        spacing_mm: between rows, between columns, between slices (usual step; 0 for one slice).
        phase: guessed, see `guess_phase`.
        axial: slices lie across the body.
        original: not marked as derived from other images.
        problem: why it cannot be read, as a sentence, "" if nothing speaks against it; told from
            headers alone, and only by `list_series`.
        taken: it is the one that `read_volume` would take; only told by `list_series`.
    """

    uid: str
    part: int
    study_uid: str
    number: str
    modality: str
    description: str
    role: str
    images: int
    rows: int
    columns: int
    span_mm: float
    spacing_mm: tuple[float, float, float]
    phase: Phase
    axial: bool
    original: bool
    problem: str = ""
    taken: bool = False

    @property
    def name(self) -> str:
        """What `--series` takes: the UID, with "#2" behind it for the second of several scans."""
        return f"{self.uid}#{self.part}" if self.part else self.uid


def group_series(headers: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Headers series by series, the likeliest liver scan first.

    First come CT slices, then axial ones, then the portal venous phase where words or times say
    that it is one (and it spans half of the longest series), then most slices; among equals,
    originals before derived series.
    """
    groups: dict[tuple[object, ...], list[SliceHeader]] = {}
    for header in headers:
        groups.setdefault(_key(header), []).append(header)
    parts = [part for group in groups.values() for part in _parts(group)]
    summaries = {id(part): summarise(part) for part in parts}
    readable = [s for s in summaries.values() if s.role == CT_SLICE and s.axial]
    longest = max((summary.span_mm for summary in readable), default=0.0)

    def rank(group: list[SliceHeader]) -> tuple[bool, bool, bool, int, bool]:
        summary = summaries[id(group)]
        long = summary.span_mm >= _LEAST_SPAN * longest
        return (
            summary.role != CT_SLICE,
            not summary.axial,
            not (summary.phase is Phase.PORTAL_VENOUS and long),
            -summary.images,
            not summary.original,
        )

    return sorted(parts, key=rank)


def without_single_uids(headers: Sequence[SliceHeader]) -> Sequence[SliceHeader]:
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


def _parts(group: list[SliceHeader]) -> list[list[SliceHeader]]:
    """The scans that share a series UID, told apart by the first trait that leaves none doubled."""
    if group[0].role != CT_SLICE or not _overlap(group):
        return [group]
    for trait in range(len(group[0].traits)):
        values: dict[str, list[SliceHeader]] = {}
        for header in group:
            values.setdefault(header.traits[trait], []).append(header)
        parts = list(values.values())
        if len(parts) > 1 and all(
            len(part) >= _FEWEST_SLICES and not _overlap(part) for part in parts
        ):
            ordered = sorted(parts, key=lambda part: (len(part[0].traits[trait]), part[0].traits))
            return [
                [replace(header, part=number) for header in part]
                for number, part in enumerate(ordered, start=1)
            ]
    return [group]


def _overlap(group: Sequence[SliceHeader]) -> bool:
    """Whether two different images lie at one place."""
    normal = group[0].normal
    images = {(header.instance_uid or str(header.path), header.frame): header for header in group}
    along = np.sort([float(np.dot(header.position, normal)) for header in images.values()])
    return bool((np.diff(along) <= SAME_POSITION_MM).any())


def summarise(group: Sequence[SliceHeader]) -> SeriesSummary:
    """What a list of series shows of one."""
    first = group[0]
    along = np.unique(np.round([np.dot(h.position, first.normal) for h in group], 3))
    steps = np.diff(along)
    step = float(np.percentile(steps, 50, method="lower")) if steps.size else 0.0
    delays = [header.delay_s for header in group if header.delay_s is not None]
    return SeriesSummary(
        uid=first.series_uid,
        part=first.part,
        study_uid=first.study_uid,
        number=first.series_number,
        modality=first.modality,
        description=first.description,
        role=first.role,
        images=len(group),
        rows=first.rows,
        columns=first.columns,
        span_mm=float(along[-1] - along[0]),
        spacing_mm=(*first.pixel_spacing, step),
        phase=guess_phase(
            first.description,
            contrast_phase=first.contrast_phase,
            protocol=first.protocol,
            delay_s=min(delays) if delays else None,
        ),
        axial=bool(abs(first.normal[2]) > _AXIAL_COSINE),
        original=all(header.original for header in group),
    )


def choose_series(
    headers: Sequence[SliceHeader], folder: Path, *, series: str | None
) -> list[SliceHeader]:
    """The slices of series `series`, or of the first axial CT series in `group_series`' order.

    Raises:
        InputError: there is no such series, or it is no CT scan.
    """
    if not headers:
        raise InputError(f"{folder} holds no DICOM images: give {EXPECTED}.")
    groups = group_series(without_single_uids(headers) if series is None else headers)
    if series is None:
        group = groups[0]
        summary = summarise(group)
        if summary.role == CT_SLICE and summary.axial:
            return group
        found = " and ".join(_found(headers))
        raise InputError(
            f"{folder} holds no axial CT series (found {found}): give another folder, or name a "
            "series with --series UID."
        )
    named = [group for group in groups if series in (group[0].series_uid, summarise(group).name)]
    if not named:
        known = "; ".join(
            f"{summarise(group).name or '(no UID)'}, {len(group)} x {group[0].role}"
            for group in groups
        )
        raise InputError(
            f"{folder} holds no series {series}: name one of those it holds ({known})."
        )
    if named[0][0].role != CT_SLICE:
        raise InputError(
            f"Series {series} in {folder} is no CT scan ({len(named[0])} x {named[0][0].role}): "
            "name another, or none for the likeliest axial CT series."
        )
    return named[0]


def rivals(
    headers: Sequence[SliceHeader], chosen: SeriesSummary, *, series: str | None
) -> list[SeriesSummary]:
    """The other axial CT series that could have been taken instead of `chosen`.

    Where `series` named one, those that share its UID; none if it named the part of it too.
    """
    if series is not None and series != chosen.uid:
        return []
    summaries = [summarise(group) for group in group_series(without_single_uids(headers))]
    return [
        summary
        for summary in summaries
        if summary.role == CT_SLICE
        and summary.axial
        and (series is None or summary.uid == series)
        and (summary.study_uid, summary.name) != (chosen.study_uid, chosen.name)
    ]


def _found(headers: Sequence[SliceHeader]) -> list[str]:
    """What kinds of images there are, as "3 x localizer (scout) image"."""
    kinds = Counter(
        "CT slice that is not axial" if header.role == CT_SLICE else header.role
        for header in headers
    )
    return [f"{count} x {kind}" for kind, count in kinds.most_common()]
