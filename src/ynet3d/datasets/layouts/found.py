"""What every reader of a layout hands back, and what several of them look for."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d import documents
from ynet3d.datasets.case import Case
from ynet3d.errors import InputError


@dataclass(frozen=True)
class Found:
    """The cases of a layout, and labels whose image is not there (name, path)."""

    cases: tuple[Case, ...]
    without_image: tuple[tuple[str, Path], ...] = ()
    name: str | None = None
    licence: str | None = None


def visible_files(folder: Path) -> list[Path]:
    """All files below `folder`, nested ones too, but no hidden ones (such as ._volume-0.nii)."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one if it holds something else.

    Raises:
        InputError: it cannot be read as JSON.
    """
    try:
        content = documents.read_json(path)
    except (OSError, documents.DocumentError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): download it again.") from None
    return content if isinstance(content, dict) else {}


def read_patients(folder: Path) -> dict[str, str]:
    """Whose scan each case is, as `cases.csv` in `folder` says it; empty without such a file.

    Raises:
        InputError: the columns case and patient are not there, or it is no CSV.
    """
    table = folder / "cases.csv"
    if not table.is_file():
        return {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if not {"case", "patient"} <= set(reader.fieldnames or ()):
                raise InputError(
                    f"{table} has the columns {', '.join(reader.fieldnames or ()) or 'none'}, but "
                    "case and patient are needed: add them, or rename the file."
                )
            return {
                row["case"].strip(): row["patient"].strip()
                for row in reader
                if row["case"] and row["patient"]
            }
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} is not a CSV file in UTF-8 ({error}): save it as one, or remove it."
        ) from None
