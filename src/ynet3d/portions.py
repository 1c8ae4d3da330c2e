"""Work that is done in portions, which get smaller where memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from ynet3d.errors import is_out_of_memory

Result = TypeVar("Result")


def in_portions(
    count: int, portion: int, work: Callable[[slice], Result]
) -> Iterator[tuple[slice, Result]]:
    """Do `work` on 0 to `count`, `portion` at a time: each span with what came of it.

    A portion for which memory does not suffice is begun again with half as much, down to one, and
    the rest goes on so: what did not fit once will not fit again.

    Raises:
        Exception: what `work` raised of another kind, or for a portion of one.
    """
    start = 0
    while start < count:
        span = slice(start, min(start + portion, count))
        try:
            result = work(span)
        except (MemoryError, RuntimeError) as error:
            if portion == 1 or not is_out_of_memory(error):
                raise
            portion = max(1, min(portion, count) // 2)
        else:
            yield span, result
            start = span.stop
