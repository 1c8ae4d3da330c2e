"""Starting this package in other processes."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def python_path() -> str:
    """PYTHONPATH with which another Python finds this very package, however this one found it."""
    source = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))


def how_it_ended(code: int | None) -> str:
    """The end of a process in words, from its exit code: "was ended by signal 9 (SIGKILL), ..."."""
    if code is None or code >= 0:
        return f"ended with code {code}"
    name = ""
    with suppress(ValueError):
        name = f" ({signal.Signals(-code).name})"
    reason = ", most likely because memory ran out" if -code == signal.SIGKILL else ""
    return f"was ended by signal {-code}{name}{reason}"
