"""Progress: plain lines when piped, a bar on a terminal, nothing when quiet; results stay alone."""

from __future__ import annotations

import io
import sys

import pytest

from ynet3d import progress as progress_module
from ynet3d.progress import Progress


@pytest.fixture(autouse=True)
def nothing_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave it to the stream whether it is a terminal, not to the machine that runs the tests."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_piped_work_ends_with_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    assert list(progress.track("abc", "Reading", total=3)) == ["a", "b", "c"]
    with progress.task("Training", total=4) as task:
        task.advance(3, note="loss 0.7")
        task.advance(note="loss 0.5")
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "Reading 3/3, 0 s left\nTraining 4/4, 0 s left, loss 0.5\n"


def test_piped_lines_come_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    with Progress().task("Training", total=15) as task:
        for _ in range(15):
            clock.now += 2.5
            task.advance()
    assert capsys.readouterr().err.splitlines() == [
        "Training 4/15, 28 s left",  # 11 steps of 2.5 s
        "Training 8/15, 18 s left",
        "Training 12/15, 8 s left",
        "Training 15/15, 0 s left",
    ]


def test_resumed_work_is_paced_by_its_own_steps(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    with Progress().task("Training", total=100, done=90) as task:
        clock.now += 20
        task.advance(2)
    assert capsys.readouterr().err == "Training 92/100, 80 s left\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    progress = Progress(quiet=True)
    progress.say("something")
    assert list(progress.track([1, 2], "Reading", total=2)) == [1, 2]
    with progress.task("Training", total=2) as task:
        clock.now += 60
        task.advance(2, note="loss")
    written = capsys.readouterr()
    assert written.out + written.err == ""


def test_what_is_said_is_one_line_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"Note: {'long' * 50}/scan[1].nii.gz [bold] {{}} 100 %"
    Progress().say(text)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == text + "\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress().task("Reading", total=5, done=2) as task:
        task.advance(3, note="scan-7")
    last = terminal.getvalue()[terminal.getvalue().rindex("Reading") :]
    assert "5/5" in last
    assert "scan-7" in last


def test_an_item_counts_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    tracked = Progress().track("ab", "Reading", total=2)
    assert [next(tracked), next(tracked)] == ["a", "b"]
    assert capsys.readouterr().err == ""
    assert list(tracked) == []
    assert capsys.readouterr().err == "Reading 2/2, 0 s left\n"


def test_words_are_shown_to_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of files may hold what rich takes for markup or an emoji."""
    text = "scan[b]:x:[/b].nii.gz"
    progress = Progress()
    progress.say(text)
    with progress.task("Reading", total=1) as task:
        task.advance(note=text)
    assert capsys.readouterr().err.count(text) == 2
