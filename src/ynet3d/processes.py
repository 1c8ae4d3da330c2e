"""Starting this package in other processes."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from ynet3d.errors import AlreadyToldError, InputError

#: torchrun ends all processes as soon as one has ended: the first one has to have spoken.
_SECONDS_TO_TELL = 2.0


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


def check_alone(command: str) -> None:
    """Refuse a command that several processes of one torchrun would each do in full.

    Raises:
        InputError: it is one of several.
        AlreadyToldError: likewise, and the first process says so.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if "TORCHELASTIC_RUN_ID" not in os.environ or size == "1":
        return
    if os.environ.get("RANK") != "0":
        raise told_by_another()
    raise InputError(
        f"torchrun started {size} processes of ynet3d {command}, and each would do all of it into "
        "the same files: only ynet3d train shares its work among them. Start it without torchrun."
    )


def told_by_another() -> AlreadyToldError:
    """How a process ends without a word, once the one that says why has had the time to."""
    time.sleep(_SECONDS_TO_TELL)
    return AlreadyToldError()
