"""The checks of a data set as a table on screen and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ynet3d.datasets.checking import CaseCheck, Severity
from ynet3d.files import write_csv

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFORMATION: "dim"}
CSV_COLUMNS = (
    "case",
    "patient",
    "shape",
    "spacing_mm",
    "orientation",
    "hu_min",
    "hu_max",
    "labels",
    "liver_ml",
    "tumour_ml",
    "ok",
    "flags",
    "sentences",
)


def check_table(checks: Sequence[CaseCheck], *, title: str | None = None) -> Table:
    """A row for each case; flags by their codes, red for errors, yellow for warnings.

    Patients have a column where any is called otherwise than the case.
    """
    # No padding, and cells that break between words: it fits into 80 columns.
    table = Table(title=title, padding=0, show_edge=False)
    patients = any(check.patient != check.name for check in checks)
    table.add_column("case", overflow="fold")
    if patients:
        table.add_column("patient", overflow="fold")
    for name, width in (("shape", 11), ("spacing mm", 7), ("axes", 4), ("HU", 8), ("labels", 5)):
        table.add_column(name, overflow="fold", min_width=width)
    table.add_column("liver mL", justify="right", min_width=5)
    table.add_column("tumour mL", justify="right", min_width=6)
    table.add_column("flags", overflow="fold", min_width=9)
    for check in checks:
        flags = Text(", ").join(Text(f.code, style=_STYLES[f.severity]) for f in check.flags)
        low_high = check.hu_range
        cells: list[str | Text] = [
            Text(check.name),
            *([Text(check.patient)] if patients else []),
            _shape(check),
            "" if check.spacing is None else " ".join(f"{size:.3g}" for size in check.spacing),
            check.orientation or "",
            "" if low_high is None else f"{low_high[0]:.0f} to {low_high[1]:.0f}",
            "" if check.labels is None else " ".join(map(str, check.labels)),
            "" if check.liver_ml is None else f"{check.liver_ml:.0f}",
            "" if check.tumour_ml is None else f"{check.tumour_ml:.1f}",
            flags,
        ]
        table.add_row(*cells)
    return table


def write_check_csv(checks: Sequence[CaseCheck], path: str | Path) -> None:
    """Write one row for each case, atomically; the columns are `CSV_COLUMNS`."""
    rows = []
    for check in checks:
        low, high = check.hu_range or ("", "")
        spacing = "" if check.spacing is None else "x".join(f"{size:.6g}" for size in check.spacing)
        rows.append(
            (
                check.name,
                check.patient,
                _shape(check),
                spacing,
                check.orientation or "",
                low,
                high,
                "" if check.labels is None else " ".join(map(str, check.labels)),
                "" if check.liver_ml is None else f"{check.liver_ml:.3f}",
                "" if check.tumour_ml is None else f"{check.tumour_ml:.3f}",
                str(check.ok).lower(),
                " ".join(flag.code for flag in check.flags),
                " ".join(flag.sentence for flag in check.flags),
            )
        )
    write_csv(path, CSV_COLUMNS, rows)


def _shape(check: CaseCheck) -> str:
    return "" if check.shape is None else "x".join(map(str, check.shape))
