"""A page in one file (`index.html`) about a demo or a run on real data, for a browser offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from ynet3d.files import write_text
from ynet3d.labels import COLOURS, RESEARCH_USE, Label
from ynet3d.reporting import style

_TEMPLATE = "page.html"


@dataclass(frozen=True)
class Headline:
    """One large number at the top.

    Attributes:
        value: the number as it is to be read, for instance "0.952".
        name: what it is, for instance "Dice, liver".
        detail: data set and number of cases, for instance "4 unseen phantoms".
        label: gives the number the class's colour.
    """

    value: str
    name: str
    detail: str = ""
    label: Label | None = None


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
class Picture:
    """A picture, linked by its path relative to the page."""

    path: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Case:
    """The pictures of one case, with one sentence about it."""

    name: str
    text: str = ""
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Table:
    """Any further table: what was checked, how long each step took."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: str = ""


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
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        dice=_dice, volume=_volume, duration=duration, href=_href, setting=_setting
    )
    template = resources.files("ynet3d.reporting").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    html = environment.from_string(template).render(
        page=page,
        columns=_used_columns(page.rows),
        notice=RESEARCH_USE,
        liver=COLOURS[Label.LIVER],
        tumour=COLOURS[Label.TUMOUR],
    )
    write_text(path, html)


def duration(seconds: float) -> str:
    """A duration for people: "8.4 s", "7 min 05 s", "1 h 24 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def _used_columns(rows: Sequence[CaseRow]) -> set[str]:
    """Columns of the table of cases in which something stands."""
    names = CaseRow.__dataclass_fields__
    return {name for name in names if any(getattr(row, name) not in (None, "") for row in rows)}


def _dice(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _volume(value: float | None) -> str:
    return "–" if value is None else style.millilitres(value).removesuffix(" mL")


def _href(path: str) -> str:
    """A relative path as a link; names may hold spaces, "#" or "?"."""
    from urllib.parse import quote

    return quote(path.replace("\\", "/"))


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(item) for item in value)
    return "–" if value is None else str(value)
