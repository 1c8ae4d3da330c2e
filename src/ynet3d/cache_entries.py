"""Folders of a cache: moved into place when they are whole, with a checksum of every file.

A process may be killed at any moment, and a disk may change what it was given: an entry counts only
as long as its files are those that `checksums.json` notes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ynet3d.documents import DocumentError, read_json
from ynet3d.errors import YnetError
from ynet3d.files import WRITING, file_sha256, reason, remove_leftovers, write_json

CHECKSUMS = "checksums.json"


@contextmanager
def cache_entry(entry: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `entry`, unless another process was faster.

    A damaged entry is replaced. Only files go in, no folders.

    Raises:
        YnetError: it cannot be written.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(entry.parent)
        temporary = Path(tempfile.mkdtemp(prefix=WRITING, dir=entry.parent))
        try:
            yield temporary
            write_json(temporary / CHECKSUMS, _checksums(temporary))
            _put(temporary, entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise YnetError(
            f"The cache {entry.parent} could not be written: {reason(error)}."
        ) from error


def is_whole(entry: Path) -> bool:
    """Whether an entry is there, with every file as it was written; reads all of them."""
    try:
        noted = read_json(entry / CHECKSUMS)
        return bool(noted) and noted == _checksums(entry)
    except (OSError, DocumentError):
        return False


def _checksums(folder: Path) -> dict[str, str]:
    """By name of each file; not of hidden ones, which systems put into folders."""
    return {
        path.name: file_sha256(path)
        for path in sorted(folder.iterdir())
        if path.name != CHECKSUMS and not path.name.startswith(".")
    }


def _put(temporary: Path, entry: Path) -> None:
    try:
        os.replace(temporary, entry)
        return
    except OSError:
        if not entry.is_dir():
            raise
    try:
        if is_whole(entry):
            return  # another process was faster
        with tempfile.TemporaryDirectory(prefix=WRITING, dir=entry.parent) as aside:
            os.replace(entry, Path(aside) / "damaged")
            os.replace(temporary, entry)
    except OSError:
        if not is_whole(entry):  # unless another process was faster in replacing it
            raise
