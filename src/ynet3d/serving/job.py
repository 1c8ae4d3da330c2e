"""One scan and what happens to it, as the queue knows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Task(StrEnum):
    """What is to be done: find liver and tumours, or measure anew what a person has corrected."""

    PREDICT = "predict"
    CORRECT = "correct"


ACTIVE = (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Job:
    """One scan and what happens to it.

    Attributes:
        id: a random name, which says nothing of the patient.
        number: counts the jobs of this server.
        name: the uploaded file's own name, for the user alone.
        file: its name on this disk.
        stage, done, total: what is being done, and how many steps of it are behind.
        message: one sentence for the user; failure: what the operator needs, without identifiers.
        attempts: how often it was started.
        revision: how often its mask was corrected.
        series: SeriesInstanceUID, if it came as DICOM and has been read.
        created, started, finished: seconds since 1970.
    """

    id: str
    number: int
    name: str
    file: str
    task: Task
    state: State
    stage: str
    done: int
    total: int
    message: str
    failure: str
    notes: tuple[str, ...]
    attempts: int
    revision: int
    series: str | None
    created: float
    started: float | None
    finished: float | None
