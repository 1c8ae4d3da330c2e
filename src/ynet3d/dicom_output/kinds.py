"""The objects that can be written; importing this needs nothing else."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """An object to write; the value names its file (with .dcm)."""

    SEG = "segmentation"
    SR = "report"
    RTSTRUCT = "contours"

    @property
    def file_name(self) -> str:
        """In the folder that objects are written to."""
        return f"{self.value}.dcm"

    @property
    def series_number(self) -> int:
        """Of the series that the object is; beyond those of scanners."""
        return {Kind.SEG: 9001, Kind.SR: 9002, Kind.RTSTRUCT: 9003}[self]


ALL_KINDS = frozenset(Kind)
