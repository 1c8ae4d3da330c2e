"""Trainings that are asked to stop after some steps, as by Ctrl-C, without a signal.

A signal would reach the test's own process; tests/test_cli_jobs.py presses a real Ctrl-C.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ynet3d.progress import Progress, Task
from ynet3d.training import loop


@contextmanager
def stopped_after(step: int) -> Iterator[Progress]:
    """A progress for `train` that stops the run once that many steps are done."""
    stop = threading.Event()

    @contextmanager
    def listening() -> Iterator[threading.Event]:
        yield stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "stop_on_signals", listening)
        yield _Counting(step, stop)


class _Counting(Progress):
    def __init__(self, step: int, stop: threading.Event) -> None:
        super().__init__(quiet=True)
        self.step, self.stop = step, stop

    @contextmanager
    def task(self, description: str, *, total: int, done: int = 0) -> Iterator[Task]:
        stop_at, counted, stop = self.step, done, self.stop

        class Counting(Task):
            def advance(self, steps: int = 1, note: str = "") -> None:
                nonlocal counted
                counted += steps
                if counted == stop_at:
                    stop.set()

        yield Counting() if description == "Training" else Task()
