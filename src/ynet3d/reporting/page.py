"""A page in one file (`index.html`) about a demo or a run on real data, for a browser offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ynet3d.files import write_text
from ynet3d.reporting.parts import Headline, Picture, Table
from ynet3d.reporting.templating import render


@dataclass(frozen=True)
class CaseRow:
    """One line of the table of cases; None where a figure does not exist (no tumour, no reference).

    Attributes:
        case: name.
        dataset: where it comes from.
        dice_liver, dice_tumour: 0 to 1.
        liver_ml, tumour_ml, reference_liver_ml, reference_tumour_ml: volumes in mL.
        lesions: number of tumours found.
    """

    case: str
    dataset: str = ""
    dice_liver: float | None = None
    dice_tumour: float | None = None
    liver_ml: float | None = None
    reference_liver_ml: float | None = None
    tumour_ml: float | None = None
    reference_tumour_ml: float | None = None
    lesions: int | None = None
    remark: str = ""


@dataclass(frozen=True)
class Case:
    """The pictures of one case, with one sentence about it."""

    name: str
    text: str = ""
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Page:
    """What stands on the page, top to bottom; empty parts are left out.

    Attributes:
        title: headline.
        lead: one or two sentences: what was done, on what, with what result.
        headlines: large numbers.
        rows: table of cases.
        rows_text: how to read the table (which convention of "liver", cases without tumour).
        cases: pictures per case.
        pictures: pictures of the whole run (training curves).
        tables: further tables.
        settings: name and value of each setting used.
        files: path relative to the page, and what it is.
        seconds: how long the whole took.
        versions: package and version.
    """

    title: str
    lead: str
    headlines: Sequence[Headline] = ()
    rows: Sequence[CaseRow] = ()
    rows_text: str = ""
    cases: Sequence[Case] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def write_page(path: str | Path, page: Page) -> None:
    """Write `page` as one HTML file that needs nothing but the pictures beside it.

    Args:
        path: HTML file to write.
        page: its content; all text is escaped.
    """
    write_text(path, render("page.html", page=page, columns=_used_columns(page.rows)))


def _used_columns(rows: Sequence[CaseRow]) -> set[str]:
    """Columns of the table of cases in which something stands."""
    names = CaseRow.__dataclass_fields__
    return {name for name in names if any(getattr(row, name) not in (None, "") for row in rows)}
