"""Where the files of a server lie, and taking them away again.

`queue.sqlite`; `uploads/` for what is still coming in; `jobs/ID/` with `input/`, `image.nii.gz`
(the scan for the viewer), `result/` (what can be downloaded) and `correction/`.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ynet3d.errors import InputError, YnetError
from ynet3d.files import WRITING, ensure_output_folder
from ynet3d.pipelines.segmentations import SEGMENTATION
from ynet3d.serving.job import Job

IMAGE = "image.nii.gz"
_IDENTIFIER = re.compile(r"[0-9a-f]{32}")
_LONGEST_NAME = 80


class JobFolders:
    """The files of all jobs."""

    def __init__(self, data: Path) -> None:
        self.data = ensure_output_folder(data)
        self.uploads, self.jobs = data / "uploads", data / "jobs"
        for folder in (self.uploads, self.jobs):
            folder.mkdir(exist_ok=True)
        # Scans of patients are nobody else's business on a shared machine.
        with suppress(OSError):
            os.chmod(data, 0o700)

    @property
    def queue(self) -> Path:
        """The database."""
        return self.data / "queue.sqlite"

    def of(self, identifier: str) -> Path:
        """The folder of a job."""
        if not _IDENTIFIER.fullmatch(identifier):
            raise ValueError("that is no job")
        return self.jobs / identifier

    def input(self, job: Job) -> Path:
        """The scan as it came."""
        return self.of(job.id) / "input" / job.file

    def image(self, identifier: str) -> Path:
        """The scan as one NIfTI file, for the viewer."""
        return self.of(identifier) / IMAGE

    def result(self, identifier: str) -> Path:
        """What can be downloaded."""
        return self.of(identifier) / "result"

    def correction(self, identifier: str) -> Path:
        """A corrected mask that waits to be taken."""
        return self.of(identifier) / "correction" / SEGMENTATION

    def files(self, identifier: str) -> list[str]:
        """Names of what can be downloaded, relative to the result, the scan's image first."""
        result = self.result(identifier)
        found = sorted(_files_in(result))
        return [IMAGE, *found] if self.image(identifier).is_file() else found

    def file(self, identifier: str, name: str) -> Path | None:
        """One of `files`; None for any other name, however it is spelt."""
        if name not in self.files(identifier):
            return None
        return self.image(identifier) if name == IMAGE else self.result(identifier) / name

    def remove(self, identifier: str) -> None:
        """Take away all files of a job."""
        shutil.rmtree(self.of(identifier), ignore_errors=True)

    def sweep(self, known: set[str]) -> None:
        """After a start: remove uploads that never ended, and folders of jobs that are unknown."""
        for path in self.uploads.iterdir():
            with suppress(OSError):
                path.unlink()
        for path in self.jobs.iterdir():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other servers out of this folder; the lock goes with the process, however it ends.

        Raises:
            InputError: another server uses it.
            YnetError: it cannot be written.
        """
        # An open write transaction is a lock that every system has and that no crash leaves behind.
        with closing(sqlite3.connect(self.data / "lock.sqlite", timeout=0)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise YnetError(
                        f"{self.data} cannot be written ({error}): see whether the disk is full."
                    ) from error
                raise InputError(
                    f"Another server uses {self.data}: stop it, or give another --data."
                ) from None
            yield


def _files_in(folder: Path | str, before: str = "") -> Iterator[str]:
    # Not `rglob`, which asks the disk for every file several times: a list of jobs asks often.
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):  # none yet, or deleted at this moment
        return
    for entry in entries:
        if WRITING in entry.name:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path, f"{before}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            yield f"{before}{entry.name}"


def name_on_disk(name: str) -> str:
    """A name that any disk takes: letters, digits, dot, dash and underscore; its suffixes stay."""
    plain = re.sub(r"[^\w.-]+", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).lstrip("._-")
    plain = plain.encode("ascii", "ignore").decode()
    return plain[-_LONGEST_NAME:].lstrip("._-") or "scan"


def shown_name(name: str) -> str:
    """A file's own name as the user sees it: without folders and control characters."""
    own = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in own if letter.isprintable())[:200] or "scan"


def hide_paths(error: YnetError, scan: Path, name: str) -> None:
    """Say the file's own name where a message names its path, and no path of this server."""
    text = str(error).replace(str(scan), name)
    folder = scan.parents[1]
    error.args = (text.replace(f"{folder}{os.sep}", "").replace(str(folder), name),)
