"""The command line in a process that is forked from one which has loaded everything already.

Loading torch takes seconds, and fifty starts would take minutes. A forked process is a process: it
has its own memory and files, and SIGKILL ends it between two instructions like any other. What it
leaves out are the imports; `start_command` starts a Python of its own, imports and all.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ynet3d.processes import python_path

#: What a process does to files; a kill can be set to come just before any of it.
_FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
_SECONDS_AT_MOST = 600.0


def load_everything() -> None:
    """Import what jobs import, and start no thread: what is forked must find no lock taken."""
    import matplotlib.pyplot  # noqa: F401 - loaded before forks
    import monai.losses  # noqa: F401 - loaded before forks
    import torch
    import torch.utils.tensorboard.writer

    import ynet3d.inference
    import ynet3d.pipelines.prediction
    import ynet3d.pipelines.training
    import ynet3d.training.loop  # noqa: F401 - loaded before forks

    torch.set_num_threads(1)


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code, negative for a signal; what it said; how long it took."""

    code: int
    said: str
    seconds: float

    @property
    def error(self) -> str | None:
        """The one sentence of a refusal; None if it is not one, or no sentence."""
        errors = [line for line in self.said.splitlines() if line.startswith("Error: ")]
        clear = (
            self.code in (1, 2)
            and len(errors) == 1
            and errors[0].endswith(".")
            and "Unexpected failure" not in self.said
            and "Traceback" not in self.said
        )
        return errors[0] if clear else None


class Child:
    """A forked process that does `work`."""

    def __init__(self, work: Callable[[], object], said: Path) -> None:
        self._said = said
        self._started = time.monotonic()
        said.write_text("", encoding="utf-8")  # it may be killed before it says anything
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(work, said)

    def kill_after(self, seconds: float, number: int = signal.SIGKILL) -> Ended:
        """Let it work for so long, unless it ends before, then send it a signal."""
        deadline = self._started + seconds
        while (ended := self._ended(os.WNOHANG)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                os.kill(self.pid, number)
                return self.wait()
            time.sleep(min(left, 0.005))
        return ended

    def wait(self) -> Ended:
        """Until it ends; one that hangs is ended."""
        while (ended := self._ended(os.WNOHANG)) is None:
            if time.monotonic() - self._started > _SECONDS_AT_MOST:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.005)
        return ended

    def _ended(self, how: int) -> Ended | None:
        pid, status = os.waitpid(self.pid, how)
        if pid == 0:
            return None
        seconds = time.monotonic() - self._started
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, self._said.read_text("utf-8", "replace"), seconds)


def start_command(words: list[str], said: Path) -> subprocess.Popen[bytes]:
    """`ynet3d` with these words by an interpreter of its own, what it says into a file."""
    with said.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "ynet3d.cli.main", *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": python_path(), "OMP_NUM_THREADS": "1"},
        )


def run_main(words: list[str]) -> None:
    """`ynet3d` with these words; its exit code becomes that of the process."""
    from ynet3d.cli.main import main

    main(words)


def kill_at_file_event(number: int) -> None:
    """Let this process kill itself just before the so-manieth time that it changes a file."""

    def see(count: int) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    _on_file_events(see)


def count_file_events(work: Callable[[], object], counted: Path) -> None:
    """Do `work`, and write down how often it changed a file."""
    seen = 0

    def see(count: int) -> None:
        nonlocal seen
        seen = count

    _on_file_events(see)
    try:
        work()
    finally:
        counted.write_text(str(seen), encoding="utf-8")


def _on_file_events(see: Callable[[int], None]) -> None:
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _FILE_EVENTS and (event != "open" or _writes(arguments)):
            count += 1
            see(count)

    sys.addaudithook(hook)


def die_when_a_file_grows_beyond(size: int) -> None:
    """Let the system end this process in the middle of a write, as soon as a file is larger."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python would make an error of it
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _writes(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _become(work: Callable[[], object], said: Path) -> None:
    code = 1
    try:
        file = said.open("w", encoding="utf-8", buffering=1)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file  # pytest has put others in their place
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
