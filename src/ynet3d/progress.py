"""Progress of long work: a bar on a terminal, plain lines when piped, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 10.0


class Task:
    """One piece of counted work."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` more, with a short note (a loss, a file name)."""


class _RichTask(Task):
    def __init__(self, bar: RichProgress, description: str, total: int, done: int) -> None:
        self._bar = bar
        self._id = bar.add_task(description, total=total, completed=done, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._bar.update(self._id, advance=steps, note=note)


class _LineTask(Task):
    def __init__(self, console: Console, description: str, total: int, done: int) -> None:
        self._console, self._description = console, description
        self._total, self._done, self._first = total, done, done
        self._start = self._last = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES and self._done < self._total:
            return
        self._last = now
        pace = (now - self._start) / max(1, self._done - self._first)
        left = f"{pace * (self._total - self._done):.0f} s left"
        text = f"{self._description} {self._done}/{self._total}, {left}"
        _print(self._console, f"{text}, {note}" if note else text)


def _print(console: Console, text: str) -> None:
    """One line, to the letter: a path may hold what rich takes for markup or an emoji."""
    console.print(text, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Progress:
    """Where a command tells what it is doing (standard error, so that results can be piped)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(file=sys.stderr)

    def say(self, text: str) -> None:
        """One line for the user."""
        if not self.quiet:
            _print(self.console, text)

    @contextmanager
    def task(self, description: str, *, total: int, done: int = 0) -> Iterator[Task]:
        """Counted work of `total` steps, `done` of them already behind."""
        if self.quiet:
            yield Task()
        elif self.console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
            )
            with RichProgress(*columns, console=self.console) as bar:
                yield _RichTask(bar, description, total, done)
        else:
            yield _LineTask(self.console, description, total, done)

    def track(self, items: Iterable[Item], description: str, *, total: int) -> Iterator[Item]:
        """Go through `items`, counting each."""
        with self.task(description, total=total) as task:
            for item in items:
                yield item
                task.advance()
