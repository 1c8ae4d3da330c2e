"""The table of `ynet3d dicom list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ynet3d.volumes.dicom_series import SeriesSummary

if TYPE_CHECKING:
    from rich.table import Table


def series_table(series: Sequence[SeriesSummary], *, title: str) -> tuple[Table, list[str]]:
    """One row for each series, study by study, and sentences below it.

    Returns:
        The table, and for each row the name of the series and why it cannot be read; at the end
        which one is taken.
    """
    from rich.table import Table

    studies = list(dict.fromkeys(item.study_uid for item in series))
    ordered = sorted(series, key=lambda item: studies.index(item.study_uid))
    table = Table(title=title)
    for column in ("", "study", "no.", "modality", "description", "slices", "mm", "phase"):
        table.add_column(column)
    table.add_column("usable", no_wrap=True)
    lines = []
    taken = "Nothing would be taken: there is no axial CT series."
    for row, item in enumerate(ordered, start=1):
        name = item.name or "no UID"
        table.add_row(
            str(row),
            str(studies.index(item.study_uid) + 1),
            item.number,
            item.modality,
            item.description,
            str(item.images),
            " x ".join(f"{size:.3g}" for size in item.spacing_mm) if any(item.spacing_mm) else "",
            item.phase.value or "?",
            _usable(item),
        )
        lines.append(f"{row}: {name}. {item.problem}".rstrip())
        if item.taken:
            taken = f"Taken without --series: {row} ({name})."
    return table, [*lines, taken]


def _usable(item: SeriesSummary) -> str:
    if item.problem:
        return "no, taken" if item.taken else "no"
    return "yes, taken" if item.taken else "yes" if item.axial else "with --series"
