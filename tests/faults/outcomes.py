"""What a fault came to, and the table of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Protocol

#: The result is that of a run without the fault, to the bit; or one clear sentence says what is
#: wrong, and nothing was lost by it.
RECOVERED, REFUSED = "recovered", "refused clearly"
#: Work that was done is gone, or needs a person; or a result that differs, a half file taken for a
#: whole one, an error without its sentence.
LOST, WRONG = "lost", "wrong"
ALLOWED = (RECOVERED, REFUSED)
#: Not counted: the fault could not be done here.
NOT_HERE = "not tried"


@dataclass(frozen=True)
class Outcome:
    """What one try came to."""

    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class Task:
    """What a fault is given: an empty folder, how often to try, random numbers, and until when."""

    folder: Path
    times: int
    random: Random
    until: float = float("inf")

    @property
    def time_left(self) -> bool:
        """Whether another try may begin."""
        return monotonic() < self.until


class Fault(Protocol):
    """Does something to this software again and again."""

    def __call__(self, task: Task) -> Iterator[Outcome]:
        """Yields what each try came to."""


@dataclass
class Counts:
    """Outcomes by fault."""

    found: dict[str, Counter[str]] = field(default_factory=dict)
    bad: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, outcome: Outcome) -> None:
        """Count one try."""
        self.found.setdefault(name, Counter())[outcome.outcome] += 1
        if outcome.outcome not in ALLOWED:
            self.bad.setdefault(name, []).append(f"{outcome.outcome}: {outcome.detail}"[:600])

    @property
    def forbidden(self) -> int:
        """Tries that ended as none may."""
        return sum(counts[LOST] + counts[WRONG] for counts in self.found.values())

    def table(self) -> str:
        """As Markdown."""
        kinds = (RECOVERED, REFUSED, LOST, WRONG)
        lines = [f"| fault | tried | {' | '.join(kinds)} |", "|---|---|---|---|---|---|"]
        for name, counts in self.found.items():
            tried = counts.total() - counts[NOT_HERE]
            said = " | ".join(str(counts[kind]) for kind in kinds)
            lines.append(f"| {name} | {tried or 'not here'} | {said} |")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "faults": {
                name: {"outcomes": dict(counts), "seconds": round(self.seconds.get(name, 0.0), 1)}
                for name, counts in self.found.items()
            },
            "not_as_they_should_be": self.bad,
        }
