"""Which cells a table has in HTML: those that span rows or columns, and how each is marked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ynet3d.labels import Label
from ynet3d.reporting.parts import Cell, Column, Table


@dataclass(frozen=True)
class LaidCell:
    """One `th` or `td`.

    Attributes:
        text, detail: what stands in it, and in small letters under it.
        tag: "th" or "td".
        scope: what a head is the head of ("col", "colgroup", "row", "rowgroup"), else empty.
        columns, rows: how many it spans.
        classes: its marks in the style sheet.
    """

    text: str
    detail: str = ""
    tag: str = "td"
    scope: str = ""
    columns: int = 1
    rows: int = 1
    classes: str = ""


Rows = list[list[LaidCell]]


def lay_out(table: Table) -> tuple[Rows, Rows]:
    """The rows of the head and of the body.

    Columns of one group are set apart from their neighbours by a line ("start").
    """
    columns = [one if isinstance(one, Column) else Column(one) for one in table.columns]
    groups = [
        (name, list(indices))
        for name, indices in groupby(range(len(columns)), key=lambda at: columns[at].group)
    ]
    starts = {
        indices[0]
        for number, (name, indices) in enumerate(groups)
        if number and (name or groups[number - 1][0])
    }
    return _head(columns, groups, starts), _body(table, columns, starts)


def _head(columns: list[Column], groups: list[tuple[str, list[int]]], starts: set[int]) -> Rows:
    two_levels = any(name for name, _ in groups)
    upper: list[LaidCell] = []
    lower: list[LaidCell] = []
    for name, indices in groups:
        start = indices[0] in starts
        if name:
            classes = _classes(group=True, start=start)
            upper.append(LaidCell(name, "", "th", "colgroup", len(indices), 1, classes))
        for at in indices:
            column = columns[at]
            classes = _classes(column.label, number=column.numeric, start=at in starts)
            rows = 2 if two_levels and not name else 1
            cell = LaidCell(column.name, column.detail, "th", "col", 1, rows, classes)
            (lower if name else upper).append(cell)
    return [upper, lower] if two_levels else [upper]


def _body(table: Table, columns: list[Column], starts: set[int]) -> Rows:
    body = []
    for index, row in enumerate(table.rows):
        cells = []
        for at, given in enumerate(row):
            if given is None:
                continue
            cell = given if isinstance(given, Cell) else Cell(given)
            rows = 1
            for below in table.rows[index + 1 :]:
                if below[at] is not None:
                    break
                rows += 1
            head = at < table.heads
            scope = ("rowgroup" if rows > 1 else "row") if head else ""
            classes = _classes(
                cell.label, number=columns[at].numeric, start=at in starts, best=cell.best
            )
            tag = "th" if head else "td"
            cells.append(LaidCell(cell.text, cell.detail, tag, scope, 1, rows, classes))
        body.append(cells)
    return body


def _classes(label: Label | None = None, **marks: bool) -> str:
    names = [name for name, given in marks.items() if given]
    if label is not None:
        names += ["dot", label.name.lower()]
    return " ".join(names)
