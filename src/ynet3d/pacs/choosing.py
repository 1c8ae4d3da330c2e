"""Which series of a study is the scan: the rule of `volumes`, on metadata instead of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileMetaDataset

from ynet3d.errors import InputError
from ynet3d.pacs.client import Json, Pacs, value
from ynet3d.volumes import SeriesSummary
from ynet3d.volumes.dicom_headers import CT_SLICE, FRAME_TAGS, SliceHeader, headers_of
from ynet3d.volumes.dicom_listing import listed_series
from ynet3d.volumes.dicom_series import group_series, without_single_uids

_KEYS = frozenset(f"{tag_for_keyword(keyword):08X}" for keyword in FRAME_TAGS)


@dataclass(frozen=True)
class Chosen:
    """The scan of a study.

    Attributes:
        summary: what is known of it.
        images: SOPInstanceUIDs to fetch, by SeriesInstanceUID; several series only where tools that
            take out identities have given each slice its own.
        others: axial CT series that could have been taken instead.
    """

    study: str
    summary: SeriesSummary
    images: dict[str, list[str]]
    others: tuple[SeriesSummary, ...]


def ct_headers(pacs: Pacs, study: str, *, series: str | None = None) -> list[SliceHeader]:
    """Headers of the CT images of a study, or of one of its series, without their pixels.

    Raises:
        InputError: there is no such study, no CT in it, or no such series.
    """
    found = pacs.series(study)
    ct = [item for item in found if value(item, "Modality") in ("CT", "")]
    if series is not None:
        uid = series.partition("#")[0]
        ct = [item for item in ct if value(item, "SeriesInstanceUID") == uid]
    if not ct:
        what = "CT" if series is None else f"CT series {series}"
        raise InputError(f"Study {study} holds no {what} (it has {_held(found)}).")
    headers: list[SliceHeader] = []
    with pacs.progress.task("Reading headers", total=len(ct)) as task:
        for item in ct:
            uid = value(item, "SeriesInstanceUID")
            try:
                headers += _headers(pacs.metadata(study, uid), uid)
            except _ODD as error:
                pacs.progress.say(
                    f"Note: series {uid} is passed over; what the server says of it cannot be "
                    f"understood ({error})."
                )
            task.advance()
    if not headers:
        raise InputError(f"The CT of study {study} holds no images that can be understood.")
    return headers


#: What pydicom raises over JSON that is not as the standard has it.
_ODD = (ValueError, TypeError, KeyError, AttributeError, IndexError, NotImplementedError)


def list_study(pacs: Pacs, study: str) -> list[SeriesSummary]:
    """The CT series of a study, with the one that would be taken first."""
    return listed_series(ct_headers(pacs, study), Path(f"study {study}"))


def choose(pacs: Pacs, study: str, *, series: str | None = None) -> Chosen:
    """The series that `read_volume` would take of a folder with the whole study.

    Args:
        series: as for `read_volume`: a UID, or one with #2 behind it for the second scan in it.

    Raises:
        InputError: there is none, or what is there cannot be read as a scan.
    """
    headers = ct_headers(pacs, study, series=series)
    home = {header.instance_uid: header.series_uid for header in headers}
    # As in `choose_series`: a series that was named is taken as it is.
    known = headers if series is not None else without_single_uids(headers)
    groups = group_series(known)
    summaries = listed_series(known, Path(f"study {study}"))
    which = 0
    if series is not None:
        names = [(item.uid, item.name) for item in summaries]
        which = next((at for at, pair in enumerate(names) if series in pair), -1)
        if which < 0:
            parts = ", ".join(item.name for item in summaries)
            raise InputError(f"Study {study} holds no series {series}: there is {parts}.")
    summary, group = summaries[which], groups[which]
    if summary.role != CT_SLICE or not (summary.axial or series is not None):
        kinds = "; ".join(f"{item.images} x {_kind(item)}" for item in summaries)
        raise InputError(
            f"Study {study} holds no axial CT series (found {kinds}): name another study, or a "
            "series with --series UID."
        )
    if summary.problem:
        raise InputError(
            f"Series {summary.name or 'without a UID'} of study {study} cannot be read as a scan. "
            f"{summary.problem}"
        )
    series_uids = {home[header.instance_uid] for header in group}
    images: dict[str, list[str]] = {}
    for instance, uid in home.items():
        if uid in series_uids:
            images.setdefault(uid, []).append(instance)
    others = [
        item
        for at, item in enumerate(summaries)
        if at != which and item.role == CT_SLICE and item.axial and series is None
    ]
    return Chosen(study, replace(summary, taken=True), images, tuple(others))


def _headers(metadata: Sequence[Json], series: str) -> list[SliceHeader]:
    headers: list[SliceHeader] = []
    for item in metadata:
        looked_at = {key: element for key, element in item.items() if key in _KEYS}
        data = pydicom.Dataset.from_json(looked_at, bulk_data_uri_handler=_no_bulk)
        data.file_meta = FileMetaDataset()  # how it is compressed shows when it is there
        headers += headers_of(data, Path(series))
    return headers


def _no_bulk(_: str) -> None:
    return None


def _kind(item: SeriesSummary) -> str:
    return "CT slice that is not axial" if item.role == CT_SLICE else item.role


def _held(series: Sequence[Json]) -> str:
    kinds: dict[str, list[str]] = {}
    for item in series:
        kinds.setdefault(value(item, "Modality") or "?", []).append(
            value(item, "SeriesInstanceUID")
        )
    ct = f"; its CT series: {', '.join(kinds['CT'][:9])}" if "CT" in kinds else ""
    return ", ".join(f"{len(uids)} x {kind}" for kind, uids in kinds.items()) + ct
