"""The objects that can be written; importing this needs nothing else."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """An object to write; the value names its file (with .dcm)."""

    SEG = "segmentation"
    SR = "report"
    RTSTRUCT = "contours"


ALL_KINDS = frozenset(Kind)
