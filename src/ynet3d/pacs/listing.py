"""Which studies with CT a PACS holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ynet3d.pacs.client import Json, Pacs, value
from ynet3d.volumes.dicom_phase import guess_phase

if TYPE_CHECKING:
    from rich.table import Table

_OF_AN_IMAGE = ("SliceThickness", "ContrastBolusAgentPhase", "ProtocolName")


@dataclass(frozen=True)
class ListedSeries:
    """A CT series as searches tell of it; nothing about the patient.

    Attributes:
        images: how many; localizers and screenshots only show in `list --study`.
        slice_mm: its SliceThickness, "" where the server does not tell.
        phase: as `guess_phase` has it, "" where nothing is said.
    """

    study: str
    date: str
    study_description: str
    series: str
    number: str
    description: str
    images: str
    slice_mm: str
    phase: str


def list_studies(
    pacs: Pacs, *, patient: str = "", accession: str = "", date: str = "", limit: int = 50
) -> tuple[list[ListedSeries], bool]:
    """The CT series of the studies that match, and whether there are more studies than `limit`.

    Args:
        patient: PatientID. accession: AccessionNumber. date: StudyDate, YYYYMMDD, or two of them
            with a hyphen between.
    """
    filters = {
        "ModalitiesInStudy": "CT",
        "PatientID": patient,
        "AccessionNumber": accession,
        "StudyDate": date,
    }
    studies = pacs.studies({key: text for key, text in filters.items() if text}, limit=limit)
    rows: list[ListedSeries] = []
    with pacs.progress.task("Looking through studies", total=min(len(studies), limit)) as task:
        for study in studies[:limit]:
            uid = value(study, "StudyInstanceUID")
            found = [item for item in pacs.series(uid) if value(item, "Modality") == "CT"]
            rows += [_row(pacs, study, item) for item in found]
            task.advance()
    return rows, len(studies) > limit


def _row(pacs: Pacs, study: Json, series: Json) -> ListedSeries:
    uid, series_uid = value(study, "StudyInstanceUID"), value(series, "SeriesInstanceUID")
    image = pacs.first_image(uid, series_uid, _OF_AN_IMAGE)
    description = value(series, "SeriesDescription")
    return ListedSeries(
        study=uid,
        date=value(study, "StudyDate"),
        study_description=value(study, "StudyDescription"),
        series=series_uid,
        number=value(series, "SeriesNumber"),
        description=description,
        images=value(series, "NumberOfSeriesRelatedInstances"),
        slice_mm=value(image, "SliceThickness"),
        phase=guess_phase(
            description,
            contrast_phase=value(image, "ContrastBolusAgentPhase"),
            protocol=value(image, "ProtocolName"),
        ).value,
    )


def studies_as_json(rows: Sequence[ListedSeries]) -> list[dict[str, Any]]:
    """The same as plain values for JSON."""
    return [asdict(row) for row in rows]


def studies_table(rows: Sequence[ListedSeries], *, title: str) -> tuple[Table, list[str]]:
    """One row for each series, and below it the UIDs of studies and series."""
    from rich.table import Table

    table = Table(title=title)
    for column in ("", "study", "date", "no.", "description", "images", "slice mm", "phase"):
        table.add_column(column)
    studies = list(dict.fromkeys(row.study for row in rows))
    lines = []
    for at, row in enumerate(rows, start=1):
        study = studies.index(row.study) + 1
        table.add_row(
            str(at),
            f"{study} {row.study_description}".strip(),
            row.date,
            row.number,
            row.description,
            row.images,
            row.slice_mm,
            row.phase or "?",
        )
    for number, uid in enumerate(studies, start=1):
        lines.append(f"Study {number}: {uid}")
    lines += [f"{at}: series {row.series}" for at, row in enumerate(rows, start=1)]
    return table, lines
