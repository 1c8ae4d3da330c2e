"""How many inputs of each kind came to what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fuzzing.trying import ALLOWED, REFUSED, RESULT, Outcome


@dataclass
class Counts:
    """Counts by kind and outcome, and the slowest input of each kind."""

    seed: int = 0
    found: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, outcome: Outcome) -> None:
        """Count one input."""
        self.found.setdefault(kind, Counter())[outcome.outcome] += 1
        self.slowest[kind] = max(self.slowest.get(kind, 0.0), outcome.seconds)

    @property
    def total(self) -> int:
        """Inputs tried."""
        return sum(counter.total() for counter in self.found.values())

    @property
    def forbidden(self) -> int:
        """Inputs that came to what none may."""
        return sum(self._forbidden(kind) for kind in self.found)

    def _forbidden(self, kind: str) -> int:
        return sum(n for name, n in self.found[kind].items() if name not in ALLOWED)

    def table(self) -> str:
        """As Markdown."""
        lines = [
            "| input class | inputs | results | clear errors | forbidden | slowest, s |",
            "|---|---|---|---|---|---|",
        ]
        for kind, counter in self.found.items():
            lines.append(
                f"| {kind} | {counter.total()} | {counter[RESULT]} | {counter[REFUSED]} | "
                f"{self._forbidden(kind)} | {self.slowest[kind]:.2f} |"
            )
        results = sum(counter[RESULT] for counter in self.found.values())
        refused = sum(counter[REFUSED] for counter in self.found.values())
        lines.append(f"| all | {self.total} | {results} | {refused} | {self.forbidden} | |")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {"seed": self.seed, "counts": self.found, "slowest_s": self.slowest}
