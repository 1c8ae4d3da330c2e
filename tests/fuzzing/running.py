"""Trying many inputs in children, a batch each, and counting what they came to."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np

from fuzzing.case import OUTSIDE, OUTSIDE_VALUE, Case
from fuzzing.processes import start_child
from fuzzing.trying import Outcome, Tester

_BATCH = 40
#: Seconds after which an input counts as hanging although it does not use the processor.
_WALL_SECONDS = 90.0

Maker = Callable[[str, int], Case]


@dataclass
class _Child:
    """A process at work: which inputs it has still to try, and since when it tries the first."""

    pid: int
    kind: str
    left: deque[int]
    sandbox: Path
    since: float = field(default_factory=monotonic)
    text: bytes = b""


def run(
    inputs: Sequence[tuple[str, int]],
    make: Maker,
    *,
    warm: Callable[[str], Case],
    jobs: int = 1,
    until: float | None = None,
) -> Iterator[tuple[str, int, Outcome]]:
    """Try inputs (kind, number), in batches of one kind; each with what it came to.

    Args:
        make: the input of a kind and a number.
        warm: a valid input of a kind, which is read first: libraries load what they need.
        jobs: processes at a time.
        until: when to stop, by `monotonic`.
    """
    OUTSIDE.write_bytes(np.full(2**16, OUTSIDE_VALUE, np.int16).tobytes())
    waiting = deque(_batches(inputs))
    selector = selectors.DefaultSelector()
    try:
        while waiting or selector.get_map():
            while waiting and len(selector.get_map()) < jobs:
                if until is not None and monotonic() > until:
                    waiting.clear()
                    break
                kind, numbers = waiting.popleft()
                _start(kind, numbers, make, warm, selector)
            for key, _ in selector.select(timeout=1.0):
                child: _Child = key.data
                data = os.read(key.fd, 1 << 16)
                yield from _take_in(child, data)
                if not data:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    yield from _ended(child)
                    if child.left:
                        waiting.appendleft((child.kind, list(child.left)))
            for key in list(selector.get_map().values()):
                if monotonic() - key.data.since > _WALL_SECONDS:
                    os.kill(key.data.pid, signal.SIGKILL)
    finally:
        for key in list(selector.get_map().values()):
            os.kill(key.data.pid, signal.SIGKILL)
            os.waitpid(key.data.pid, 0)
            shutil.rmtree(key.data.sandbox, ignore_errors=True)
        selector.close()
        OUTSIDE.unlink(missing_ok=True)


def _batches(inputs: Sequence[tuple[str, int]]) -> Iterator[tuple[str, list[int]]]:
    """Inputs of one kind, in turns, so that a run that is stopped has tried every kind."""
    by_kind: dict[str, list[int]] = {}
    for kind, number in inputs:
        by_kind.setdefault(kind, []).append(number)
    for start in range(0, max(map(len, by_kind.values()), default=0), _BATCH):
        for kind, numbers in by_kind.items():
            if numbers[start : start + _BATCH]:
                yield kind, numbers[start : start + _BATCH]


def _start(
    kind: str,
    numbers: list[int],
    make: Maker,
    warm: Callable[[str], Case],
    selector: selectors.BaseSelector,
) -> None:
    sandbox = Path(tempfile.mkdtemp(prefix="fuzz-"))

    def work(pipe: int) -> None:
        tester = Tester(sandbox)
        tester.warm_up(warm(kind))
        for number in numbers:
            outcome = tester.try_case(make(kind, number))
            os.write(pipe, json.dumps(outcome.as_json()).encode() + b"\n")

    pid, reading = start_child(work)
    selector.register(reading, selectors.EVENT_READ, _Child(pid, kind, deque(numbers), sandbox))


def _take_in(child: _Child, data: bytes) -> Iterator[tuple[str, int, Outcome]]:
    child.text += data
    while b"\n" in child.text:
        line, _, child.text = child.text.partition(b"\n")
        child.since = monotonic()
        yield child.kind, child.left.popleft(), Outcome(**json.loads(line))


def _ended(child: _Child) -> Iterator[tuple[str, int, Outcome]]:
    """What the input came to that a child died of, if it did not end of its own accord."""
    code = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    noise = child.sandbox / "stderr"
    last = noise.read_text("utf-8", "replace")[-400:] if noise.exists() else ""
    shutil.rmtree(child.sandbox, ignore_errors=True)
    if child.left:
        slow = code in (-signal.SIGPROF, -signal.SIGKILL)
        detail = f"exit code {code}: {last}"
        yield child.kind, child.left.popleft(), Outcome("hang" if slow else "crash", detail)
