"""Hands queued jobs to worker processes, one after the other, and ends those that are cancelled."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

from ynet3d.errors import YnetError
from ynet3d.processes import python_path
from ynet3d.serving.folders import JobFolders
from ynet3d.serving.job import Job, State, Task
from ynet3d.serving.jobs import JobStore
from ynet3d.serving.settings import ServerSettings

LOG = logging.getLogger("ynet3d.serving")
_POLL_SECONDS = 0.1
_IDLE_SECONDS = 1.0
_SWEEP_SECONDS = 30.0


class Supervisor:
    """Threads that wait for worker processes.

    Predictions have `settings.workers` lanes. Corrections have one of their own: a person waits for
    them at the screen, and they cost little.
    """

    def __init__(self, settings: ServerSettings, store: JobStore, folders: JobFolders) -> None:
        self._settings, self._store, self._folders = settings, store, folders
        self._ends = threading.Event()
        self._news = threading.Condition()
        lanes = [Task.PREDICT] * settings.workers + [Task.CORRECT]
        self._threads = [
            threading.Thread(target=self._lane, args=(task,), name=f"lane-{number}", daemon=True)
            for number, task in enumerate(lanes)
        ]
        self._threads.append(threading.Thread(target=self._sweeper, name="sweeper", daemon=True))

    def start(self) -> None:
        """Take up what an earlier server left, and begin."""
        self._folders.sweep({job.id for job in self._store.all()})
        for job in self._store.recover():
            LOG.info("job %d was running when the server stopped", job.number)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the workers; what they were doing waits in the queue for the next start."""
        self._ends.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=30)

    def wake(self) -> None:
        """Say that there may be work."""
        with self._news:
            self._news.notify_all()

    def cancel(self, job: Job) -> bool:
        """End a job for the user; its files go, unless they are of an earlier, finished step."""
        if job.task is Task.CORRECT:
            done = self._store.cancel(job.id, to=State.DONE, message="The correction was dropped.")
        else:
            done = self._store.cancel(job.id)
            if done and job.state is State.QUEUED:
                self._folders.remove(job.id)
        return done

    def delete(self, job: Job) -> None:
        """Forget a job and all its files."""
        self._store.remove(job.id)
        self._folders.remove(job.id)

    def delete_old(self) -> int:
        """Delete what has been kept long enough; how many jobs that were."""
        old = self._store.ended_before(time.time() - 3600 * self._settings.keep_hours)
        for job in old:
            self.delete(job)
            LOG.info("job %d deleted after its time", job.number)
        return len(old)

    def _sweeper(self) -> None:
        while not self._ends.is_set():
            with suppress(YnetError):
                self.delete_old()
            self._ends.wait(_SWEEP_SECONDS)

    def _lane(self, task: Task) -> None:
        worker: subprocess.Popen[str] | None = None
        while not self._ends.is_set():
            try:
                if worker is None or worker.poll() is not None:
                    worker = self._start_worker(task)
                job = self._store.claim(task)
                if job is None:
                    with self._news:
                        self._news.wait(_IDLE_SECONDS)
                    continue
                self._run(job, worker)
            except (YnetError, OSError) as error:  # the disk is full, or worse: try again
                LOG.error("the queue stands still: %s", type(error).__name__)
                self._ends.wait(_IDLE_SECONDS)
        if worker is not None:
            _end(worker)

    def _start_worker(self, task: Task) -> subprocess.Popen[str]:
        settings = self._settings
        worker = subprocess.Popen(
            [sys.executable, "-m", "ynet3d.serving.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # libraries print names of files
            env=os.environ | {"PYTHONPATH": python_path()},
            text=True,
            encoding="utf-8",
        )
        options = {
            "data": str(settings.data),
            "weights": list(settings.weights),
            "device": settings.device,
            "runtime": settings.runtime,
            "warm": task is Task.PREDICT,
        }
        _tell(worker, json.dumps(options))
        return worker

    def _run(self, job: Job, worker: subprocess.Popen[str]) -> None:
        LOG.info("job %d: %s, start %d", job.number, job.task, job.attempts)
        started = time.monotonic()
        _tell(worker, job.id)
        while True:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(_POLL_SECONDS)
                break
            now = self._store.get(job.id)
            if now is None or now.state is not State.RUNNING:
                # Done or cancelled: let a finished one end by itself.
                with suppress(subprocess.TimeoutExpired):
                    worker.wait(2.0 if now is not None and now.state is State.DONE else 0)
                break
            if self._ends.is_set():
                self._store.requeue(job.id)
                break
        _end(worker)
        seconds = time.monotonic() - started
        while True:
            try:
                return self._close(job, worker, seconds)
            except (YnetError, OSError) as error:  # a full disk: or the job would run for ever
                LOG.error("job %d cannot be closed: %s", job.number, type(error).__name__)
            if self._ends.wait(_IDLE_SECONDS):
                return None  # the next start takes it up again

    def _close(self, job: Job, worker: subprocess.Popen[str], seconds: float) -> None:
        died = self._store.finish(
            job.id,
            State.FAILED if job.task is Task.PREDICT else State.DONE,
            "The process that worked on this scan was ended, most likely because memory ran out: "
            "crop the scan to the abdomen, or use a machine with more memory.",
            f"the worker ended with {worker.returncode}",
        )
        now = self._store.get(job.id)
        if now is None or now.state in (State.FAILED, State.CANCELLED):
            self._folders.remove(job.id)
        if job.task is Task.CORRECT and (now is None or now.state is not State.QUEUED):
            self._folders.correction(job.id).unlink(missing_ok=True)
        state = "deleted" if now is None else now.state
        reason = f" ({now.failure})" if now is not None and now.failure else ""
        level = logging.ERROR if died or reason else logging.INFO
        LOG.log(level, "job %d: %s after %.1f s%s", job.number, state, seconds, reason)


def _tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin is not None
    with suppress(BrokenPipeError):  # it has died: seen by its end
        worker.stdin.write(line + "\n")
        worker.stdin.flush()


def _end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()
    if worker.stdin is not None:
        with suppress(BrokenPipeError):
            worker.stdin.close()
