"""Training, killed again and again: it goes on to the very numbers of a run that was left alone."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from faults.children import Child, start_command
from faults.kills import run_killed, was_killed
from faults.outcomes import LOST, RECOVERED, WRONG, Outcome, Task
from faults.tiny_training import CHECKPOINT, TinyTraining, difference, remains

#: SIGTERM to SIGKILL, of Slurm and Kubernetes.
SECONDS_TO_SAVE = 30.0


def killed(task: Task) -> Iterator[Outcome]:
    """`kill -9` at random moments: start, preparation, steps, checkpoints, validation, the end."""
    training = TinyTraining(task.folder)
    whole, expected = training.whole()
    kills, run, said = 0, task.folder / "run", task.folder / "run.txt"
    open_kills = 0
    while True:
        if kills < task.times and task.time_left:
            ended = run_killed(training.work(run), whole, task.random, said)
        elif open_kills:
            ended = Child(training.work(run), said).wait()
        else:
            return
        if was_killed(ended):
            kills, open_kills = kills + 1, open_kills + 1
            continue
        found = _judged(ended.code, ended.said, run, expected)
        yield from [found] * open_kills
        open_kills = 0
        shutil.rmtree(run, ignore_errors=True)


def killed_with_imports(task: Task) -> Iterator[Outcome]:
    """The command as a user starts it, imports of torch and all; checkpoints after each epoch."""
    training = TinyTraining(task.folder)
    expected = training.whole()[1]
    run, said = task.folder / "run", task.folder / "run.txt"
    before = time.monotonic()
    start_command(training.words(run), said).wait()
    seconds = time.monotonic() - before
    shutil.rmtree(run, ignore_errors=True)
    kills = 0
    while kills < task.times and task.time_left:
        process = start_command(training.words(run), said)
        deadline = time.monotonic() + task.random.uniform(0.0, seconds)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            kills += 1
        else:
            yield from [_judged(process.returncode, said.read_text(), run, expected)] * kills
            task = Task(task.folder, task.times - kills, task.random, task.until)
            kills = 0
            shutil.rmtree(run, ignore_errors=True)
    if kills:
        ended = Child(training.work(run), said).wait()
        yield from [_judged(ended.code, ended.said, run, expected)] * kills


def asked_to_end(task: Task) -> Iterator[Outcome]:
    """SIGTERM at random moments: it saves and ends within 30 s, and goes on to the same numbers."""
    training = TinyTraining(task.folder)
    whole, expected = training.whole()
    run, said = task.folder / "run", task.folder / "run.txt"
    for _ in range(task.times):
        if not task.time_left:
            return
        child = Child(training.work(run), said)
        asked = time.monotonic()
        moment = task.random.uniform(0.0, whole.seconds)
        ended = child.kill_after(moment, signal.SIGTERM)
        late = time.monotonic() - asked - moment
        if late > SECONDS_TO_SAVE:
            yield Outcome(LOST, f"it took {late:.0f} s to end")
        # 130: saved. -15: before there was anything to save.
        elif ended.code not in (0, 130, -signal.SIGTERM):
            yield Outcome(WRONG, f"exit code {ended.code}: {ended.said[-300:]}")
        elif ended.code == 130 and not (run / CHECKPOINT).is_file():
            yield Outcome(LOST, "it ended without a checkpoint")
        else:
            if ended.code != 0:
                ended = Child(training.work(run), said).wait()
            yield _judged(ended.code, ended.said, run, expected)
        shutil.rmtree(run, ignore_errors=True)


def _judged(code: int, said: str, run: Path, expected: object) -> Outcome:
    if code != 0:
        return Outcome(LOST, f"exit code {code}: {said[-400:]}")
    differs = difference(remains(run), expected)
    return Outcome(WRONG, differs) if differs else Outcome(RECOVERED)
