"""Hands out cases to workers one by one, and writes down what becomes of each."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ynet3d.archive.engines import Engine, Worker
from ynet3d.archive.manifest import Manifest, State, now
from ynet3d.archive.messages import Kind, Outcome, Task
from ynet3d.archive.options import MOST_ATTEMPTS, RunOptions
from ynet3d.errors import InputError, YnetError
from ynet3d.progress import Progress
from ynet3d.progress import Task as ProgressTask

_POLL_SECONDS = 0.2
#: Workers that die one after the other before any has loaded its network.
_MOST_BAD_STARTS = 3
#: Cases whose seconds tell what is usual, and how many of them are enough to tell.
_RECENT, _ENOUGH = 100, 3


@dataclass
class _Slot:
    """A place for a worker; who dies is replaced."""

    name: str
    worker: Worker | None = None
    loaded: bool = False
    task: Task | None = None
    publishing: bool = False
    started: float = 0.0

    @property
    def idle(self) -> bool:
        return self.worker is not None and self.loaded and self.task is None


@dataclass
class Tally:
    """What this run did."""

    done: int = 0
    failed: int = 0
    retried: int = 0
    stolen: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))


class Scheduler:
    """The only one that decides: a case is published by one worker alone, after leave from here.

    A worker that is done says so and waits. The first one of a case gets leave to publish; another
    one that works on the same case (the last ones may be given out twice) is ended then.
    """

    def __init__(
        self,
        manifest: Manifest,
        engine: Engine,
        options: RunOptions,
        progress: Progress,
        *,
        snapshot: Callable[[], None] = lambda: None,
    ) -> None:
        self._manifest, self._engine, self._options = manifest, engine, options
        self._progress, self._snapshot = progress, snapshot
        self._slots = [_Slot(f"worker-{number + 1}") for number in range(options.workers)]
        self._bad_starts = 0
        self.tally = Tally()

    def run(self, stop: threading.Event) -> None:
        """Until nothing waits or `stop` is set; then what is running waits again.

        Raises:
            YnetError: no worker can start.
        """
        counts = self._manifest.counts()
        ended = counts[State.DONE] + counts[State.FAILED]
        try:
            with self._progress.task(
                "Scans", total=sum(counts.values()), done=ended
            ) as self._counted:
                self._loop(stop)
        finally:
            for slot in self._slots:
                if slot.task is not None:
                    self._manifest.give_back(slot.task.number)
                    self._drop(slot)

    _counted: ProgressTask

    def _loop(self, stop: threading.Event) -> None:
        while not stop.is_set():
            waiting = self._manifest.waiting(len(self._slots))
            # What is running is what slots work on: those of earlier runs wait since the start.
            if not waiting and all(slot.task is None for slot in self._slots):
                return
            self._start_workers(waiting)
            self._hand_out()
            asked = [slot.worker for slot in self._slots if slot.worker and not slot.idle]
            self._engine.wait(asked, _POLL_SECONDS)
            for slot in self._slots:
                outcome = None if slot.worker is None else slot.worker.poll()
                if outcome is not None:
                    self._take(slot, outcome)
                elif slot.task is not None and self._too_long(slot):
                    self._take_away(slot)
            self._snapshot()

    def _start_workers(self, waiting: int) -> None:
        there = sum(slot.worker is not None and slot.task is None for slot in self._slots)
        for slot in self._slots:
            if slot.worker is None and there < waiting:
                slot.worker, slot.loaded = self._engine.start(slot.name), False
                there += 1

    def _hand_out(self) -> None:
        for slot in self._slots:
            if slot.idle:
                task = self._manifest.claim(slot.name, now()) or self._slow_case()
                if task is None:
                    return
                assert slot.worker is not None
                slot.task, slot.publishing, slot.started = task, False, time.monotonic()
                slot.worker.ask("predict", task)

    def _slow_case(self) -> Task | None:
        """A case that takes much longer than usual, once nothing else is left to do."""
        usual = self.tally.seconds
        if not self._options.steal_after or len(usual) < _ENOUGH:
            return None
        if self._manifest.waiting(1):
            return None  # what waits for another attempt comes first
        limit = self._options.steal_after * statistics.median(usual)
        running = [slot for slot in self._slots if slot.task is not None]
        alone = [
            slot
            for slot in running
            if not slot.publishing and sum(other.task == slot.task for other in running) == 1
        ]
        slowest = min(alone, key=lambda slot: slot.started, default=None)
        if slowest is None or time.monotonic() - slowest.started < limit:
            return None
        self.tally.stolen += 1
        return slowest.task

    def _take(self, slot: _Slot, outcome: Outcome) -> None:
        task = slot.task
        if outcome.kind is Kind.LOADED:
            slot.loaded, self._bad_starts = True, 0
        elif outcome.kind is Kind.UNUSABLE:
            raise (InputError if outcome.exit_code == 2 else YnetError)(outcome.sentence)
        elif outcome.kind is Kind.DIED and task is None:
            self._drop(slot)
            self._bad_starts += 1
            if self._bad_starts >= _MOST_BAD_STARTS:
                raise YnetError(f"No worker can start: {outcome.sentence}")
        elif task is None:
            raise AssertionError(outcome)
        elif outcome.kind is Kind.READY:
            for other in self._twins(slot):
                self._drop(other)
            slot.publishing = True
            assert slot.worker is not None
            slot.worker.ask("publish")
        elif outcome.kind is Kind.PUBLISHED:
            self._manifest.finish(task.number, slot.name, outcome.measured)
            self.tally.seconds.append(time.monotonic() - slot.started)
            self.tally.done += 1
            self._counted.advance(note=task.name)
            slot.task = None
        else:
            self._failed(slot, task, outcome)

    def _failed(self, slot: _Slot, task: Task, outcome: Outcome) -> None:
        twins = self._twins(slot)
        if outcome.kind is Kind.DIED or outcome.exhausted:
            self._drop(slot)
        slot.task = None
        if outcome.kind is Kind.REFUSED:
            for other in twins:
                self._drop(other)
        elif twins:
            return  # the other copy goes on
        elif task.attempt < MOST_ATTEMPTS:
            pause = self._options.backoff_s * 2 ** (task.attempt - 1)
            self._manifest.retry(task.number, outcome.sentence, now() + pause)
            self.tally.retried += 1
            self._progress.say(f"{task.input}: {outcome.sentence} Trying again.")
            return
        self._manifest.fail(task.number, outcome.sentence, outcome.exit_code)
        self.tally.failed += 1
        self._counted.advance()
        self._progress.say(f"{task.input}: {outcome.sentence} Going on with the next.")

    def _too_long(self, slot: _Slot) -> bool:
        minutes = self._options.case_minutes
        return (
            minutes is not None
            and not slot.publishing
            and time.monotonic() - slot.started > 60 * minutes
        )

    def _take_away(self, slot: _Slot) -> None:
        sentence = (
            f"The scan took more than the {self._options.case_minutes:g} minutes that a case may "
            "take: allow more with --case-minutes."
        )
        self._take(slot, Outcome(Kind.DIED, sentence))

    def _twins(self, slot: _Slot) -> list[_Slot]:
        return [
            other
            for other in self._slots
            if other is not slot and other.task is not None and other.task == slot.task
        ]

    def _drop(self, slot: _Slot) -> None:
        """End a worker; its place is free for another."""
        if slot.worker is not None:
            slot.worker.kill()
        slot.worker, slot.loaded, slot.task = None, False, None
