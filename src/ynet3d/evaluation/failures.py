"""References that could not be scored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """A reference without a score.

    Attributes:
        name: of the case.
        reason: one sentence.
        missing: whether there is no prediction at all (else it could not be used).
    """

    name: str
    reason: str
    missing: bool = False
