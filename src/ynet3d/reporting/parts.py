"""What pages are made of: large numbers, pictures, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ynet3d.labels import Label


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
class Picture:
    """A picture, linked by its path relative to the page."""

    path: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Column:
    """Head of a column.

    Attributes:
        name: what stands above the column.
        group: what stands above it and its neighbours of the same group, for instance
            "Sensitivity" over "ours" and "paper".
        detail: small words under the name, for instance the unit.
        numeric: align to the right, digits below digits.
        label: the class whose colour marks the column.
    """

    name: str
    group: str = ""
    detail: str = ""
    numeric: bool = False
    label: Label | None = None


@dataclass(frozen=True)
class Cell:
    """A cell that needs more than its text.

    Attributes:
        text: what stands there.
        best: bold, for the best value among those compared.
        detail: small words under it, for instance an interval.
        label: the class whose colour marks the cell.
    """

    text: str
    best: bool = False
    detail: str = ""
    label: Label | None = None


@dataclass(frozen=True)
class Table:
    """A table, with words before and after it.

    Attributes:
        title: what it is; empty where the section's title says so.
        columns: heads, as text or as `Column`.
        rows: one cell per column, as text or as `Cell`; None: the cell above goes on.
        text: words before the table.
        notes: one line each below it: conventions, data set, number of cases.
        heads: how many of the first columns name the row.

    Raises:
        ValueError: a row has another number of cells than there are columns.
    """

    title: str
    columns: Sequence[str | Column]
    rows: Sequence[Sequence[str | Cell | None]]
    text: str = ""
    notes: Sequence[str] = ()
    heads: int = 0

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r} has {len(self.columns)} columns, found a row of "
                    f"{len(row)}: {list(row)}"
                )
        if self.rows and None in self.rows[0]:
            raise ValueError(f"table {self.title!r} begins with a cell that goes on from above")
