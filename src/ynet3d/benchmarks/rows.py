"""What a benchmark finds: rows that hold a measurement against its target, points of a roofline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["met", "not met", "not measured", "no target"]


#: Of a value in each precision.
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}


def rate_unit(precision: str) -> str:
    """What is counted in a rate: whole numbers have no floating-point operations."""
    return "OP" if precision == "int8" else "FLOP"


@dataclass(frozen=True)
class Row:
    """One target and what was measured of it.

    Attributes:
        group: the measurement that it belongs to.
        target: what is asked, in words.
        measured: what was found, in words with units; empty where nothing was.
        ratio: the figure that is held against the limit.
        limit: None where the row only informs.
        at_least: the ratio has to reach the limit; False: it must not go beyond it.
        reason: why nothing was measured.
    """

    group: str
    target: str
    measured: str = ""
    ratio: float | None = None
    limit: float | None = None
    at_least: bool = True
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the target is met."""
        if self.reason or self.ratio is None:
            return "not measured"
        if self.limit is None:
            return "no target"
        met = self.ratio >= self.limit if self.at_least else self.ratio <= self.limit
        return "met" if met else "not met"

    def as_json(self) -> dict[str, Any]:
        """Everything, and the verdict."""
        return asdict(self) | {"verdict": self.verdict}


@dataclass(frozen=True)
class Point:
    """A pass of a network for the roofline.

    Attributes:
        name: written beside it.
        precision: whose ceiling it is under: "fp32", "bf16", "fp16" or "int8".
        flop: of the pass.
        least_bytes: that its convolutions read and write at least.
        seconds: it took.
    """

    name: str
    precision: str
    flop: float
    least_bytes: float
    seconds: float

    @property
    def intensity(self) -> float:
        """FLOP/byte."""
        return self.flop / self.least_bytes

    @property
    def rate(self) -> float:
        """FLOP/s."""
        return self.flop / self.seconds


@dataclass(frozen=True)
class Findings:
    """All that one measurement found; `details` goes into the JSON as it is."""

    rows: tuple[Row, ...] = ()
    points: tuple[Point, ...] = ()
    details: dict[str, Any] | None = None
