"""Children that try inputs: limited in time and memory, watched, and allowed to crash."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Processor seconds that one input may take.
SECONDS = 10.0
#: Address space that reading may take beyond what the process has already.
BASE_BYTES = 256 * 2**20
#: What deflate makes of a byte at most, and copies of the unpacked bytes that may be held at once.
_MOST_PACKED, _COPIES, _LARGEST = 1032, 8, 2**26
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "os.mkfifo", "os.mknod"),
)
_NEVER = (
    *("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system"),
    *("os.exec", "os.posix_spawn", "pickle.find_class", "os.fork"),
)


def in_child(work: Callable[[], Any]) -> int:
    """Do `work` in a forked process; its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        _run_and_exit(work)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def start_child(work: Callable[[int], Any]) -> tuple[int, int]:
    """Do `work`, which gets a pipe to write to, in a forked process; its id and the other end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _run_and_exit(lambda: work(writing))
    os.close(writing)
    return pid, reading


def _run_and_exit(work: Callable[[], Any]) -> None:
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # nothing of the parent's is to be cleaned up


def allowed_bytes(size: int) -> int:
    """How much an input of `size` bytes may take: 256 MiB, and eight times what it may hold."""
    return BASE_BYTES + _COPIES * min(_MOST_PACKED * size, _LARGEST)


def limit_input(size: int) -> None:
    """Start the clock of an input, and limit what it may take."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    taken = pages * resource.getpagesize() + allowed_bytes(size)
    resource.setrlimit(resource.RLIMIT_AS, (taken, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process


def lift_limits() -> None:
    """Back to none, between two inputs."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Watch:
    """Sees what Python does outside of a sandbox; `broken` says what it was."""

    def __init__(self, sandbox: Path) -> None:
        self.broken: list[str] = []
        self.active = False
        roots = {sandbox, Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]}
        self._readable = (
            *(f"{root.resolve()}{os.sep}" for root in roots),
            *(str(Path(place).resolve()) for place in sys.path if place),
            *("/usr/", "/proc/", "/sys/", "/lib", "/etc/localtime", "/etc/mime.types"),
        )
        self._writable = f"{sandbox.resolve()}{os.sep}"
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in _NEVER:
            self.broken.append(f"{event}{arguments[:1]}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path, writes = _real(arguments[0]), bool((arguments[2] or 0) & _WRITE_FLAGS)
            if path == "/dev/null" or path.startswith(self._writable):
                return
            if writes or not path.startswith(self._readable):
                self.broken.append(f"{'write' if writes else 'read'} of {path}")
        elif event in _CHANGES and isinstance(arguments[0], str | bytes | os.PathLike):
            if not os.path.isabs(os.fsdecode(os.fspath(arguments[0]))):
                return  # of a folder that is open, which was judged when it was opened
            path = _real(arguments[0])
            if not path.startswith(self._writable):
                self.broken.append(f"{event} of {path}")


def _real(path: Any) -> str:
    return os.path.realpath(os.fsdecode(os.fspath(path)))


def use_temporary_folder(folder: Path) -> None:
    """Let all temporary files lie there."""
    tempfile.tempdir = str(folder)
    os.environ["TMPDIR"] = str(folder)
