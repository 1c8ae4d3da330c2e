"""A CSV that lists the cases: columns image and label, and if wanted case and patient."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.label_source import LabelFile
from ynet3d.datasets.layouts.found import Found
from ynet3d.errors import InputError
from ynet3d.volumes import strip_suffix


def is_table(folders: Sequence[Path]) -> bool:
    """Whether this is a CSV, or a folder with exactly one CSV that has a column image."""
    return len(_tables(folders[0])) == 1


def read_table(folders: Sequence[Path]) -> Found:
    """The cases of a CSV; paths are relative to its folder, and an empty label means unlabelled.

    Raises:
        InputError: the columns are not there, or a row names no image.
    """
    tables = _tables(folders[0])
    if len(tables) != 1:
        raise InputError(
            f"{folders[0]} has {len(tables)} CSV files with a column image, where one is "
            "expected: give the path of the CSV itself."
        )
    table = tables[0]
    rows = _rows(table)
    if not rows or not {"image", "label"} <= rows[0].keys():
        columns = ", ".join(rows[0]) if rows else "no rows"
        raise InputError(
            f"{table} has {columns}, where a header with image and label (and if wanted case and "
            "patient) and a row for each case are expected: add them."
        )
    cases = []
    for number, row in enumerate(rows, start=2):
        if not row["image"]:
            raise InputError(f"{table} names no image in line {number}: fill it in, or remove it.")
        image = _beside(table, row["image"], number)
        name = row.get("case") or strip_suffix(image)
        sought = f"line {number} of {table.name} names none"
        label = LabelFile(_beside(table, row["label"], number)) if row["label"] else None
        cases.append(
            Case(
                name=name,
                patient=row.get("patient") or name,
                image=image,
                label=label,
                label_sought=sought,
            )
        )
    return Found(tuple(cases), name=table.stem)


def _beside(table: Path, cell: str, number: int) -> Path:
    """The file that a cell names, from the folder of the table."""
    path = table.parent / cell
    try:
        path.exists()
    except OSError as error:  # longer than any name
        raise InputError(
            f"Line {number} of {table} names a file that cannot be: {error.strerror}."
        ) from None
    return path


def _tables(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() == ".csv" else []
    found = sorted(p for p in path.glob("*.csv") if not p.name.startswith("."))
    return [p for p in found if _has_images(p)]


def _has_images(table: Path) -> bool:
    # A CSV of another purpose may lie there, in whatever encoding.
    try:
        rows = _rows(table)
    except InputError:
        return False
    return bool(rows) and "image" in rows[0]


def _rows(table: Path) -> list[dict[str, str]]:
    """Rows by column name, stripped; missing cells are empty."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="", restkey="")
            return [
                {key.strip().lower(): value.strip() for key, value in row.items() if key}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} cannot be read as CSV in UTF-8 ({error}): save it as such."
        ) from None
