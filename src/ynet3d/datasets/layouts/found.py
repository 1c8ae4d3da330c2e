"""What every reader of a layout hands back, and which files it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ynet3d.datasets.case import Case


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
