"""Folders of worker processes that are taken away even if the process was killed."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "ynet3d-archive"


def own_folder(root: Path) -> Path:
    """A new folder in `root` whose name says which process it belongs to."""
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{_host()}-{os.getpid()}-", dir=root))


def sweep(root: Path) -> None:
    """Take away folders of processes of this machine that have ended."""
    with suppress(OSError):
        for folder in root.glob(f"{_PREFIX}-{_host()}-*"):
            process = folder.name.removeprefix(f"{_PREFIX}-{_host()}-").partition("-")[0]
            if process.isdecimal() and not _alive(int(process)):
                shutil.rmtree(folder, ignore_errors=True)


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


def _host() -> str:
    return "".join(c for c in platform.node() if c.isalnum()) or "host"
