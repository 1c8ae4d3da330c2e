"""What goes between the process that hands out cases and those that work on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """How a request to a worker ended."""

    LOADED = "loaded"  # the network is ready
    UNUSABLE = "unusable"  # weights or options cannot be used: no worker can do anything
    READY = "ready"  # predicted, and waits for leave to be put in its place
    PUBLISHED = "published"
    REFUSED = "refused"  # the scan cannot be used: trying again would not help
    FAULT = "fault"  # memory, storage or an error of ours: another attempt may do
    DIED = "died"  # the worker is gone


@dataclass(frozen=True)
class Task:
    """One case for a worker: its number in the manifest, and what it needs to know."""

    number: int
    input: str
    name: str
    series: str | None
    mark: str
    attempt: int


@dataclass(frozen=True)
class Outcome:
    """What a worker says.

    Attributes:
        sentence: for people, where something went wrong.
        exit_code: of the error, as of the command line.
        exhausted: memory ran out: the worker is replaced.
        measured: columns of the manifest (seconds, volumes, checksum, ...).
    """

    kind: Kind
    sentence: str = ""
    exit_code: int = 1
    exhausted: bool = False
    measured: dict[str, Any] = field(default_factory=dict)
