"""The process that works on one job and ends: killed to cancel it, and its memory comes back.

It is started ahead of its job, so that what takes seconds to import is there when a scan comes.
Standard input brings one line of settings, then one line with the job; its end ends the process, so
that no worker outlives its server.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ynet3d.errors import YnetError
from ynet3d.progress import Progress
from ynet3d.progress import Task as ProgressTask
from ynet3d.serving.folders import JobFolders, hide_paths
from ynet3d.serving.job import Job, State, Task
from ynet3d.serving.jobs import JobStore

_SECONDS_BETWEEN_REPORTS = 0.2


class JobProgress(Progress):
    """Progress that goes to the queue."""

    def __init__(self, store: JobStore, identifier: str) -> None:
        super().__init__(quiet=True)
        self._store, self._identifier = store, identifier

    @contextmanager
    def task(self, description: str, *, total: int, done: int = 0) -> Iterator[ProgressTask]:
        """Counted work, seen by whoever asks for the job."""
        yield _JobTask(self._store, self._identifier, description, total, done)

    def stage(self, description: str) -> None:
        """Work that is not counted."""
        self._store.report(self._identifier, description)


class _JobTask(ProgressTask):
    def __init__(
        self, store: JobStore, identifier: str, description: str, total: int, done: int
    ) -> None:
        self._store, self._identifier, self._description = store, identifier, description
        self._total, self._done, self._last = total, done, time.monotonic()
        store.report(identifier, description, done, total)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_REPORTS or self._done >= self._total:
            self._last = now
            self._store.report(self._identifier, self._description, self._done, self._total)


def work(store: JobStore, folders: JobFolders, job: Job, options: dict[str, Any]) -> None:
    """Do a claimed job, and write down how it ended."""
    from ynet3d.serving.work import correct, predict

    progress = JobProgress(store, job.id)
    # A correction that fails leaves the result as it was.
    failed = State.FAILED if job.task is Task.PREDICT else State.DONE
    try:
        if job.task is Task.PREDICT:
            message = predict(store, folders, job, options, progress)
        else:
            message = correct(folders, job, progress)
    except YnetError as error:
        hide_paths(error, folders.input(job), job.name)
        # Its sentence may name the file or a series: that is for the user, not for the log.
        store.finish(job.id, failed, str(error), f"{type(error).__name__}, see the job")
    except MemoryError:
        store.finish(
            job.id,
            failed,
            "The server ran out of memory: crop the scan to the abdomen, or use a larger machine.",
            "MemoryError",
        )
    except Exception as error:
        store.finish(
            job.id,
            failed,
            f"The scan could not be processed ({type(error).__name__}): tell the server's operator "
            "the number of this job.",
            _where(error),
        )
    else:
        store.finish(job.id, State.DONE, message)


def _where(error: BaseException) -> str:
    """The kind of an error and its place in the program, without its words."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return f"{type(error).__name__} at {' < '.join(reversed(places))}"


def main() -> None:
    """Wait for a job, do it, end."""
    options = json.loads(sys.stdin.readline() or "null")
    if options is None:
        return
    if options["warm"]:
        import ynet3d.inference
    import ynet3d.serving.work  # noqa: F401 - ahead of the job, not while somebody waits

    line = sys.stdin.readline()
    if not line:
        return
    threading.Thread(target=_end_with_server, daemon=True).start()
    folders = JobFolders(Path(options["data"]))
    store = JobStore(folders.queue)
    job = store.get(line.strip())
    if job is not None:
        work(store, folders, job, options)


def _end_with_server() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
