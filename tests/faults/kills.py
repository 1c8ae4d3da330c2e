"""Three ways for a process to end without a word, at a moment drawn by chance."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from faults.children import (
    Child,
    Ended,
    count_file_events,
    die_when_a_file_grows_beyond,
    kill_at_file_event,
)


@dataclass(frozen=True)
class Whole:
    """A process that was left alone: how long it took, how often it changed files, what its files
    take on a disk, and the largest of them.
    """

    seconds: float
    file_events: int
    bytes: int
    largest: int


def run_whole(work: Callable[[], object], folder: Path, said: Path) -> Whole:
    """Do `work`, which writes to `folder`, in a forked process to its end."""
    counted = said.with_suffix(".count")
    ended = Child(lambda: count_file_events(work, counted), said).wait()
    if ended.code != 0:
        raise AssertionError(f"it fails without any fault: {ended.said}")
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    taken = sum(-(-size // 4096) * 4096 for size in sizes)
    return Whole(ended.seconds, int(counted.read_text("utf-8")), taken, max(sizes, default=1))


def run_killed(work: Callable[[], object], whole: Whole, random: Random, said: Path) -> Ended:
    """Do `work` in a forked process that is killed on its way, or ends before that.

    Two of five at any moment, two just before it changes a file, one in the middle of a write.
    """
    way = random.randrange(5)
    if way < 2:
        return Child(work, said).kill_after(random.uniform(0.0, whole.seconds))
    if way < 4:
        number = random.randint(1, whole.file_events)
        return Child(lambda: (kill_at_file_event(number), work()), said).wait()
    size = random.randrange(whole.largest)
    return Child(lambda: (die_when_a_file_grows_beyond(size), work()), said).wait()


def was_killed(ended: Ended) -> bool:
    """Whether a process ended by one of these ways."""
    return ended.code in (-signal.SIGKILL, -signal.SIGXFSZ)


def file_contents(folder: Path) -> dict[str, bytes]:
    """All files that a reader would see."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    }
