"""Workers as processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from ynet3d.archive.messages import Kind, Outcome
from ynet3d.archive.worker import CaseWorker, WorkerPlan
from ynet3d.processes import how_it_ended

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from ynet3d.archive.engines import Worker

_SECONDS_TO_END = 5.0


class LocalWorker:
    """A process, and the pipe to it."""

    def __init__(self, name: str, process: SpawnProcess, pipe: Connection) -> None:
        self.name, self.process, self.pipe = name, process, pipe

    def ask(self, method: str, *arguments: Any) -> None:
        """See `engines.Worker`."""
        with suppress(OSError):  # it has died: seen by its end
            self.pipe.send((method, arguments))

    def poll(self) -> Outcome | None:
        """See `engines.Worker`."""
        try:
            if self.pipe.poll():
                outcome: Outcome = self.pipe.recv()
                return outcome
        except (EOFError, OSError):
            pass
        else:
            if self.process.is_alive():
                return None
        self.process.join(_SECONDS_TO_END)
        how = how_it_ended(self.process.exitcode)
        return Outcome(Kind.DIED, f"The process that worked on this scan {how}.")

    def kill(self) -> None:
        """See `engines.Worker`."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class LocalEngine:
    """Starts processes with this very interpreter."""

    def __init__(self, plan: WorkerPlan, worker: type[CaseWorker] = CaseWorker) -> None:
        self._plan, self._worker = plan, worker
        # Not forked: a fork takes over threads' locks of torch and OpenVINO in any state.
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[LocalWorker] = []

    def start(self, name: str) -> LocalWorker:
        """See `engines.Engine`."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(self._worker, self._plan, name, theirs), name=name, daemon=True
        )
        process.start()
        theirs.close()
        worker = LocalWorker(name, process, ours)
        self._workers.append(worker)
        worker.ask("load")
        return worker

    def wait(self, workers: Sequence[Worker], seconds: float) -> None:
        """See `engines.Engine`."""
        pipes = [worker.pipe for worker in workers if isinstance(worker, LocalWorker)]
        if pipes:
            wait(pipes, seconds)
        else:
            time.sleep(seconds)

    def close(self) -> None:
        """See `engines.Engine`."""
        alive = [worker for worker in self._workers if not worker.pipe.closed]
        for worker in alive:
            worker.ask("close")
        end = time.monotonic() + _SECONDS_TO_END
        for worker in alive:
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.kill()


def _work(kind: type[CaseWorker], plan: WorkerPlan, name: str, pipe: Connection) -> None:
    """The worker's process: requests in, outcomes out, until the pipe closes."""
    # Ctrl-C on a terminal reaches all its processes; who hands out the cases decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker = kind(plan, name)
    while True:
        try:
            method, arguments = pipe.recv()
        except (EOFError, OSError):
            method, arguments = "close", ()
        if method == "close":
            worker.close()
            return
        pipe.send(getattr(worker, method)(*arguments))


def _end_with_parent() -> None:
    """No worker outlives the process that hands out the cases."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
