"""The manifest: what has become of each case, in an SQLite file that one process writes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ynet3d.archive.inventory import Scan
from ynet3d.archive.messages import Task
from ynet3d.archive.options import MOST_ATTEMPTS
from ynet3d.errors import YnetError
from ynet3d.files import write_csv

#: What is measured of a case, in the order of the table.
MEASURED = (
    *("seconds", "cpu_seconds", "peak_memory_mb", "input_bytes", "output_bytes"),
    *("liver_ml", "tumour_ml", "tumours", "mask_sha256"),
)
_COLUMNS = ("number", "name", "input", "series", "state", "attempts", "worker", *MEASURED, "error")

_NUMBERED = "scan-{:06d}"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS cases (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, input TEXT NOT NULL,
    series TEXT, mark TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    worker TEXT, not_before REAL NOT NULL DEFAULT 0, error TEXT, exit_code INTEGER,
    {", ".join(f"{name} {'TEXT' if 'sha' in name else 'REAL'}" for name in MEASURED)}
);
CREATE UNIQUE INDEX IF NOT EXISTS inputs ON cases (input, COALESCE(series, ''));
CREATE INDEX IF NOT EXISTS states ON cases (state, not_before, number);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class State(StrEnum):
    """Where a case is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class DoneCase:
    """A case whose result is said to be there."""

    number: int
    name: str
    mask_sha256: str


class Manifest:
    """Cases in one SQLite file; every change is on the disk when its method returns."""

    def __init__(self, path: Path) -> None:
        """Open or make it.

        Raises:
            YnetError: it is damaged, or cannot be written.
        """
        self.path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.row_factory = sqlite3.Row
            # No write-ahead log: shared file systems of clusters do not have what it needs.
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise YnetError(
                f"The manifest {path} cannot be used ({error}): if it is damaged, remove it; "
                "results that are there are found again."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def fact(self, name: str) -> Any:
        """Something that was noted of the whole archive, or None."""
        rows = self._run("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(rows[0]["value"]) if rows else None

    def note(self, name: str, value: Any) -> None:
        """Note something of the whole archive."""
        self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, json.dumps(value))

    def add(self, scans: Iterable[Scan], *, numbered: bool = False) -> None:
        """Take up scans that are not there yet; one that has changed since is to be made again.

        Of equal names, the later ones get a part of their input's checksum.

        Args:
            numbered: names tell nothing but the place in the manifest.
        """
        known = {
            (row["input"], row["series"]): row
            for row in self._run("SELECT number, input, series, mark FROM cases")
        }
        taken = {row["name"].casefold() for row in self._run("SELECT name FROM cases")}
        number = self._run("SELECT COALESCE(MAX(number), 0) AS last FROM cases")[0]["last"]
        self._run("BEGIN")
        for scan in scans:
            row = known.get((scan.input, scan.series))
            if row is None:
                number += 1
                name = _NUMBERED.format(number) if numbered else _free_name(scan, taken)
                taken.add(name.casefold())
                self._run(
                    "INSERT INTO cases (number, name, input, series, mark, state) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    *(number, name, scan.input, scan.series, scan.mark, State.WAITING),
                )
            elif row["mark"] != scan.mark:
                self._run(
                    "UPDATE cases SET mark = ?, state = ?, attempts = 0, error = NULL "
                    "WHERE number = ?",
                    *(scan.mark, State.WAITING, row["number"]),
                )
        self._run("COMMIT")

    def recover(self) -> None:
        """After a start: what was running waits again, or has failed if that happened too often."""
        self._run(
            "UPDATE cases SET state = ?, error = ?, exit_code = 1 "
            "WHERE state = ? AND attempts >= ?",
            State.FAILED,
            f"The run ended {MOST_ATTEMPTS} times while this scan was worked on, most likely "
            "because memory ran out: use a machine with more, or crop the scan.",
            *(State.RUNNING, MOST_ATTEMPTS),
        )
        self._run("UPDATE cases SET state = ? WHERE state = ?", State.WAITING, State.RUNNING)
        self._run("UPDATE cases SET not_before = 0")

    def restart(self, states: Sequence[State]) -> None:
        """Cases in these states wait, as if they had never been tried."""
        marks = ", ".join("?" * len(states))
        self._run(
            f"UPDATE cases SET state = ?, attempts = 0, error = NULL WHERE state IN ({marks})",
            *(State.WAITING, *states),
        )

    def claim(self, worker: str, now: float) -> Task | None:
        """The next case that may be started: it is running from now on."""
        rows = self._run(
            "UPDATE cases SET state = ?, worker = ?, attempts = attempts + 1, error = NULL "
            "WHERE number = (SELECT number FROM cases WHERE state = ? AND not_before <= ? "
            "ORDER BY not_before, number LIMIT 1) RETURNING *",
            *(State.RUNNING, worker, State.WAITING, now),
        )
        return _task(rows[0]) if rows else None

    def finish(self, number: int, worker: str, measured: dict[str, Any]) -> None:
        """A result lies in its place."""
        values = [measured.get(name) for name in MEASURED]
        setting = ", ".join(f"{name} = ?" for name in MEASURED)
        self._run(
            f"UPDATE cases SET state = ?, worker = ?, error = NULL, exit_code = NULL, {setting} "
            "WHERE number = ?",
            *(State.DONE, worker, *values, number),
        )

    def fail(self, number: int, sentence: str, exit_code: int) -> None:
        """It will not be tried again."""
        self._run(
            "UPDATE cases SET state = ?, error = ?, exit_code = ? WHERE number = ?",
            *(State.FAILED, sentence, exit_code, number),
        )

    def retry(self, number: int, sentence: str, not_before: float) -> None:
        """It waits for another attempt."""
        self._run(
            "UPDATE cases SET state = ?, error = ?, not_before = ? WHERE number = ?",
            *(State.WAITING, sentence, not_before, number),
        )

    def give_back(self, number: int) -> None:
        """It waits again, because the run ends in peace: this start does not count."""
        self._run(
            "UPDATE cases SET state = ?, attempts = attempts - 1 WHERE number = ? AND state = ?",
            *(State.WAITING, number, State.RUNNING),
        )

    def again(self, number: int, sentence: str) -> None:
        """A result that is said to be there is not, or is damaged."""
        self._run(
            "UPDATE cases SET state = ?, attempts = 0, error = ? WHERE number = ?",
            *(State.WAITING, sentence, number),
        )

    def adopt(self, number: int, receipt: dict[str, Any]) -> None:
        """A result is there that this manifest did not know of."""
        self._run(
            "UPDATE cases SET attempts = ? WHERE number = ?", receipt.get("attempt", 1), number
        )
        self.finish(number, str(receipt.get("worker")), receipt)

    def counts(self) -> dict[State, int]:
        """How many cases are in each state."""
        rows = self._run("SELECT state, COUNT(*) AS count FROM cases GROUP BY state")
        return dict.fromkeys(State, 0) | {State(row["state"]): row["count"] for row in rows}

    def waiting(self, most: int) -> int:
        """How many cases wait, counted up to `most`, so that it costs the same in any archive."""
        rows = self._run(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM cases WHERE state = ? LIMIT ?)",
            *(State.WAITING, most),
        )
        return int(rows[0]["count"])

    def done(self) -> list[DoneCase]:
        """Every case that is done."""
        rows = self._run("SELECT number, name, mask_sha256 FROM cases WHERE state = ?", State.DONE)
        return [DoneCase(**dict(row)) for row in rows]

    def tasks(self, *states: State) -> list[Task]:
        """The cases in these states."""
        marks = ", ".join("?" * len(states))
        return [
            _task(row)
            for row in self._run(
                f"SELECT * FROM cases WHERE state IN ({marks}) ORDER BY number", *states
            )
        ]

    def totals(self) -> dict[str, Any]:
        """Sums of what was measured, and the worst exit code of what failed."""
        rows = self._run(
            "SELECT SUM(seconds) AS seconds, SUM(cpu_seconds) AS cpu_seconds, "
            "SUM(input_bytes) AS input_bytes, SUM(output_bytes) AS output_bytes, "
            "MAX(peak_memory_mb) AS peak_memory_mb, MAX(exit_code) AS exit_code FROM cases "
            "WHERE state IN (?, ?)",
            *(State.DONE, State.FAILED),
        )
        return {name: value or 0 for name, value in dict(rows[0]).items()}

    def write_table(self, target: Path) -> None:
        """All cases as CSV."""
        rows = self._run(f"SELECT {', '.join(_COLUMNS)} FROM cases ORDER BY number")
        write_csv(target, _COLUMNS, (tuple(row) for row in rows))

    def snapshot(self, target: Path) -> None:
        """A whole copy."""
        copy = sqlite3.connect(target)
        with copy:
            self._database.backup(copy)
        copy.close()

    def _run(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise YnetError(f"The manifest {self.path} cannot be used: {error}.") from error


def now() -> float:
    """The time of `not_before`, seconds since 1970."""
    return time.time()


def _free_name(scan: Scan, taken: set[str]) -> str:
    name = scan.name.replace("/", "-").replace("\\", "-").lstrip(".") or "scan"
    if name.casefold() in taken:
        text = f"{scan.input}\n{scan.series or ''}"
        name = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return name


def _task(row: sqlite3.Row) -> Task:
    return Task(
        row["number"], row["input"], row["name"], row["series"], row["mark"], row["attempts"]
    )
