"""References that could not be scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LISTED = 10


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


def failure_sentences(failures: Sequence[Failure]) -> list[str]:
    """A sentence for each case that could not be used, and one for all that have no prediction."""
    sentences = [f"{one.name}: {one.reason}" for one in failures if not one.missing]
    missing = [one for one in failures if one.missing]
    if missing:
        names = ", ".join(one.name for one in missing[:_LISTED])
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        sentences.append(f"{missing[0].reason.rstrip('.')}: {names}{more}.")
    return sentences
