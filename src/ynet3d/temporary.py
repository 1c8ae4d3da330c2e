"""Temporary folders that the next of their kind takes away if their process was killed."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def own_folder(root: Path, kind: str) -> Path:
    """A new folder in `root` whose name says of what kind, and of which process it is.

    Those of the same kind whose process has ended are removed. What is in it must stay: nobody else
    removes it before this process ends.
    """
    root.mkdir(parents=True, exist_ok=True)
    sweep(root, kind)
    return Path(tempfile.mkdtemp(prefix=f"{_prefix(kind)}{os.getpid()}-", dir=root))


@contextmanager
def used_folder(root: Path, kind: str) -> Iterator[Path]:
    """An `own_folder` for the time of the block."""
    folder = own_folder(root, kind)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(root: Path, kind: str) -> None:
    """Take away folders of this kind whose process, of this machine, has ended."""
    prefix = _prefix(kind)
    with suppress(OSError):
        for folder in root.glob(f"{prefix}*"):
            process = folder.name.removeprefix(prefix).partition("-")[0]
            if process.isdecimal() and not _alive(int(process)):
                shutil.rmtree(folder, ignore_errors=True)


def _prefix(kind: str) -> str:
    host = "".join(c for c in platform.node() if c.isalnum()) or "host"
    return f"{kind}-{host}-"


def _alive(process: int) -> bool:
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
