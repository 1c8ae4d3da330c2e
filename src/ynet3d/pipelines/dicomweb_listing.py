"""What a PACS holds, as a table or plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ynet3d.errors import InputError
from ynet3d.pacs import Connection, require_dicomweb
from ynet3d.pacs.uids import check_uid
from ynet3d.progress import Progress
from ynet3d.volumes import SeriesSummary, series_as_json, series_table

if TYPE_CHECKING:
    from rich.table import Table

    from ynet3d.pacs.listing import ListedSeries


@dataclass(frozen=True)
class PacsListing:
    """What `list_pacs` found: rows of studies, or the series of one study in full."""

    title: str
    studies: tuple[ListedSeries, ...] = ()
    series: tuple[SeriesSummary, ...] = ()
    more: bool = False

    def as_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        from ynet3d.pacs.listing import studies_as_json

        return series_as_json(self.series) if self.series else studies_as_json(self.studies)

    def as_table(self) -> tuple[Table, list[str]]:
        """A table, and sentences below it."""
        from ynet3d.pacs.listing import studies_table

        if self.series:
            return series_table(self.series, title=self.title)
        table, lines = studies_table(self.studies, title=self.title)
        if self.more:
            lines.append("There are more studies: narrow the search, or raise --limit.")
        return table, lines


def list_pacs(
    connection: Connection,
    *,
    study: str | None = None,
    patient: str = "",
    accession: str = "",
    date: str = "",
    limit: int = 50,
    progress: Progress | None = None,
) -> PacsListing:
    """The studies with CT that match, or the CT series of one.

    Raises:
        InputError: the connection cannot be used, or there is no such study or nothing that
            matches.
        YnetError: the server failed.
    """
    progress = progress or Progress(quiet=True)
    require_dicomweb()
    from ynet3d.pacs.choosing import list_study
    from ynet3d.pacs.client import Pacs
    from ynet3d.pacs.listing import list_studies

    if study is not None:
        check_uid(study, "study")
    connection = connection.checked()
    pacs = Pacs(connection, progress)
    if study is not None:
        return PacsListing(f"Study {study}", series=tuple(list_study(pacs, study)))
    rows, more = list_studies(pacs, patient=patient, accession=accession, date=date, limit=limit)
    if not rows:
        raise InputError(
            f"{connection.url} has no study with CT that matches: check --patient, --accession and "
            "--date, and what this login may see."
        )
    return PacsListing(connection.url, studies=tuple(rows), more=more)
