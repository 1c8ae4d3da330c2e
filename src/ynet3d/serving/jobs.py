"""The queue: jobs in an SQLite file, which survives what the server does not."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ynet3d.errors import YnetError
from ynet3d.serving.job import ACTIVE, Job, State, Task
from ynet3d.volumes.formats import strip_suffix

#: A job that was running when the server was killed starts again, but not for ever: it may be what
#: kills the server.
MAX_ATTEMPTS = 3
#: Seconds that one process waits for another to finish its (short) transaction.
_LOCK_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, number INTEGER, name TEXT NOT NULL, file TEXT NOT NULL,
    task TEXT NOT NULL, state TEXT NOT NULL,
    stage TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '',
    failure TEXT NOT NULL DEFAULT '', notes TEXT NOT NULL DEFAULT '[]',
    attempts INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0,
    series TEXT, created REAL NOT NULL, started REAL, finished REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_number ON jobs (number);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, task, number);
CREATE INDEX IF NOT EXISTS jobs_by_series ON jobs (series);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (finished);
"""


class JobStore:
    """Jobs in one SQLite file, which several processes may use at a time.

    Every method is one transaction. Changes of state are conditional on the state before, so that a
    job that was cancelled meanwhile stays cancelled.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        with self._open() as database:
            # Readers (the page asks every half second) and the worker do not wait for each other.
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)
        # While one connection is open, the others find SQLite's own files and need not make them:
        # the queue can still be read when the disk is full.
        self._held = sqlite3.connect(self._path, check_same_thread=False)
        self._held.execute("SELECT COUNT(*) FROM jobs").fetchone()

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()

    def add(self, name: str, file: str, *, identifier: str | None = None) -> Job:
        """A new job at the end of the queue."""
        identifier = identifier or new_identifier()
        with self._open() as database:
            database.execute(
                "INSERT INTO jobs (id, number, name, file, task, state, created) VALUES "
                "(?, (SELECT COALESCE(MAX(number), 0) + 1 FROM jobs), ?, ?, ?, ?, ?)",
                (identifier, name, file, Task.PREDICT, State.QUEUED, time.time()),
            )
            return _one(database, identifier)

    def get(self, identifier: str) -> Job | None:
        """A job, or None if there is none of that name."""
        return next(iter(self._select("WHERE id = ?", identifier)), None)

    def all(self) -> list[Job]:
        """All jobs, newest first."""
        return self._select("ORDER BY number DESC")

    def page(self, limit: int, *, before: int | None = None) -> list[Job]:
        """The newest jobs, or the newest of those that have a number lower than `before`."""
        if before is None:
            return self._select("ORDER BY number DESC LIMIT ?", limit)
        return self._select("WHERE number < ? ORDER BY number DESC LIMIT ?", before, limit)

    def called(self, name: str) -> Job | None:
        """The newest job of that identifier, series, or file name with or without suffix."""
        found = self.get(name) or next(
            iter(self._select("WHERE series = ? ORDER BY number DESC LIMIT 1", name)), None
        )
        if found is not None or not name:
            return found
        with self._open() as database:
            rows = database.execute("SELECT id, name FROM jobs ORDER BY number DESC")
            for identifier, own in rows:
                if name in (own, strip_suffix(own)):
                    return _one(database, identifier)
        return None

    def newest_uncorrected(self) -> Job | None:
        """The newest job whose mask is there and was never corrected."""
        clause = "WHERE state = ? AND revision = 0 ORDER BY number DESC LIMIT 1"
        return next(iter(self._select(clause, State.DONE)), None)

    def corrected(self) -> int:
        """How many finished jobs have a corrected mask."""
        with self._open() as database:
            found = database.execute(
                "SELECT COUNT(*) FROM jobs WHERE state = ? AND revision > 0", (State.DONE,)
            ).fetchone()
        return int(found[0])

    def prediction_seconds(self) -> tuple[int, float]:
        """How many predictions that are kept have ended, and how long they took together."""
        with self._open() as database:
            count, seconds = database.execute(
                "SELECT COUNT(*), COALESCE(SUM(finished - started), 0) FROM jobs "
                "WHERE task = ? AND started IS NOT NULL AND finished IS NOT NULL",
                (Task.PREDICT,),
            ).fetchone()
        return int(count), float(seconds)

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._open() as database:
            rows = database.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall()
        return dict.fromkeys(State, 0) | {State(row[0]): row[1] for row in rows}

    def ahead(self, jobs: Sequence[Job]) -> dict[str, int]:
        """How many queued or running jobs of the same kind come before each, by identifier.

        Args:
            jobs: that follow each other in the queue, as one page of it: jobs between two of them
                are not looked for.
        """
        found: dict[str, int] = {}
        for task in Task:
            active = sorted(
                (job for job in jobs if job.task is task and job.state in ACTIVE),
                key=lambda job: job.number,
            )
            if active:
                with self._open() as database:
                    (before,) = database.execute(
                        "SELECT COUNT(*) FROM jobs WHERE task = ? AND number < ? "
                        "AND state IN (?, ?)",
                        (task, active[0].number, *ACTIVE),
                    ).fetchone()
                found |= {job.id: before + place for place, job in enumerate(active)}
        return found

    def claim(self, task: Task) -> Job | None:
        """Take the first queued job: it is running from now on, and nobody else's."""
        with self._open() as database:
            row = database.execute(
                "UPDATE jobs SET state = ?, started = ?, attempts = attempts + 1, stage = '', "
                "done = 0, total = 0 WHERE id = (SELECT id FROM jobs WHERE state = ? AND task = ? "
                "ORDER BY number LIMIT 1) RETURNING id",
                (State.RUNNING, time.time(), State.QUEUED, task),
            ).fetchone()
            return None if row is None else _one(database, row["id"])

    def report(self, identifier: str, stage: str, done: int = 0, total: int = 0) -> None:
        """What a running job is doing."""
        self._change(
            identifier, (State.RUNNING,), "stage = ?, done = ?, total = ?", stage, done, total
        )

    def describe(self, identifier: str, *, notes: Sequence[str], series: str | None) -> None:
        """What was found odd about the scan, and which series it is."""
        text = json.dumps(list(notes), ensure_ascii=False)
        self._change(identifier, (State.RUNNING,), "notes = ?, series = ?", text, series)

    def finish(self, identifier: str, state: State, message: str = "", failure: str = "") -> bool:
        """End a running job; False if it was no longer running."""
        return self._change(
            identifier,
            (State.RUNNING,),
            "state = ?, message = ?, failure = ?, stage = '', finished = ?",
            *(state, message, failure, time.time()),
        )

    def cancel(self, identifier: str, *, to: State = State.CANCELLED, message: str = "") -> bool:
        """End a queued or running job for the user; False if it had ended before."""
        return self._change(
            identifier,
            ACTIVE,
            "state = ?, message = ?, stage = '', finished = ?",
            *(to, message, time.time()),
        )

    def correct(self, identifier: str) -> bool:
        """Queue a finished job again, because its mask was corrected; False if it is not done."""
        return self._change(
            identifier,
            (State.DONE,),
            "state = ?, task = ?, attempts = 0, revision = revision + 1, message = ''",
            *(State.QUEUED, Task.CORRECT),
        )

    def requeue(self, identifier: str) -> bool:
        """Back to the queue, where the server ends in peace: this start does not count."""
        return self._change(
            identifier, (State.RUNNING,), "state = ?, attempts = attempts - 1", State.QUEUED
        )

    def recover(self) -> list[Job]:
        """After a start: what was running waits again, or has failed if that happened too often."""
        recovered = self._select("WHERE state = ?", State.RUNNING)
        for job in recovered:
            if job.attempts < MAX_ATTEMPTS:
                self._change(job.id, (State.RUNNING,), "state = ?, stage = ''", State.QUEUED)
            else:
                self.finish(
                    job.id,
                    State.FAILED if job.task is Task.PREDICT else State.DONE,
                    f"The server stopped {job.attempts} times while it worked on this scan, most "
                    "likely because memory ran out: use a machine with more, or crop the scan.",
                )
        return recovered

    def remove(self, identifier: str) -> None:
        """Forget a job."""
        with self._open() as database:
            database.execute("DELETE FROM jobs WHERE id = ?", (identifier,))

    def ended_before(self, moment: float) -> list[Job]:
        """Jobs that ended before a time (seconds since 1970)."""
        return self._select("WHERE finished < ? AND state NOT IN (?, ?)", moment, *ACTIVE)

    def _change(self, identifier: str, states: Sequence[State], setting: str, *values: Any) -> bool:
        marks = ", ".join("?" * len(states))
        with self._open() as database:
            changed = database.execute(
                f"UPDATE jobs SET {setting} WHERE id = ? AND state IN ({marks})",
                (*values, identifier, *states),
            )
            return changed.rowcount > 0

    def _select(self, clause: str, *values: Any) -> list[Job]:
        with self._open() as database:
            return [_job(row) for row in database.execute(f"SELECT * FROM jobs {clause}", values)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with (
                closing(sqlite3.connect(self._path, timeout=_LOCK_SECONDS)) as database,
                database,
            ):
                database.row_factory = sqlite3.Row
                yield database
        except sqlite3.Error as error:
            raise YnetError(f"The queue in {self._path} cannot be used: {error}.") from error


def new_identifier() -> str:
    """A name that nobody guesses."""
    return secrets.token_hex(16)


def _one(database: sqlite3.Connection, identifier: str) -> Job:
    return _job(database.execute("SELECT * FROM jobs WHERE id = ?", (identifier,)).fetchone())


def _job(row: sqlite3.Row) -> Job:
    content = dict(row)
    content["task"], content["state"] = Task(content["task"]), State(content["state"])
    content["notes"] = tuple(json.loads(content["notes"]))
    return Job(**content)
