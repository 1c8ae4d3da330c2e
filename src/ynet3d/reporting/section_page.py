"""A page of sections (`report.html`): text, tables, pictures and commands, for experiments."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ynet3d.files import write_text
from ynet3d.reporting.parts import Headline, Picture, Table
from ynet3d.reporting.templating import render

_TAKEN = ("settings", "files")  # anchors that the page itself sets


@dataclass(frozen=True)
class Section:
    """A part of the page: its text, then tables, pictures and code; empty parts are left out.

    Attributes:
        title: heading, also in the table of contents.
        text: paragraphs; what stands between backticks is shown as code.
        tables: each with its own title and notes.
        pictures: over the full width, one under the other.
        code: blocks shown as they are, for instance the commands that made the results.
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    code: Sequence[str] = ()


@dataclass(frozen=True)
class SectionPage:
    """What stands on the page, top to bottom; empty parts are left out.

    Attributes:
        title: headline.
        lead: one or two sentences: what was done, on what, with what result.
        headlines: large numbers, each with data set and number of cases.
        sections: in reading order.
        settings: name and value of each setting used.
        files: path relative to the page, and what it is.
        seconds: how long the whole took.
        versions: package and version.
    """

    title: str
    lead: str
    headlines: Sequence[Headline] = ()
    sections: Sequence[Section] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def write_section_page(path: str | Path, page: SectionPage) -> None:
    """Write `page` as one HTML file that needs nothing but the pictures beside it.

    Args:
        path: HTML file to write.
        page: its content; all text is escaped.
    """
    named = list(zip(_anchors([one.title for one in page.sections]), page.sections, strict=True))
    write_text(path, render("sections.html", page=page, sections=named))


def _anchors(titles: Sequence[str]) -> list[str]:
    """A name for each title that a link can hold, none twice."""
    taken = set(_TAKEN)
    names = []
    for title in titles:
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
        base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        names.append(name)
    return names
