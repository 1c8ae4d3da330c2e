"""A scan on its way in: streamed to disk, looked at, and kept or refused without a trace."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from ynet3d.errors import InputError, YnetError
from ynet3d.serving.folders import JobFolders, hide_paths, name_on_disk, shown_name
from ynet3d.serving.job import Job
from ynet3d.serving.jobs import JobStore, new_identifier
from ynet3d.volumes.dicom_headers import is_dicom
from ynet3d.volumes.formats import (
    DICOM_SUFFIXES,
    ITK_SUFFIXES,
    NIFTI_SUFFIXES,
    ZIP_SUFFIX,
    describe_content,
    is_nifti_head,
    read_head,
    volume_suffix,
)
from ynet3d.volumes.zips import check_zip

#: What can be sent, for messages: unlike on a command line, no folders.
EXPECTED = "one CT as .nii.gz, .nii, .nrrd or .mha, or a .zip of the DICOM files of a series"
#: Headers without their data file, which would be a second upload.
_HALVES = (".nhdr", ".mhd")
#: So much stays free for results and for the queue itself.
_SPARE_BYTES = 64 * 2**20
_HEAD_BYTES = 540


class TooLargeError(InputError):
    """More than this server accepts."""


class DiskFullError(YnetError):
    """There is no room for it."""


async def receive(
    chunks: AsyncIterator[bytes], target: Path, *, limit: int, announced: int | None = None
) -> None:
    """Write what comes in to `target`; it is removed again if that fails, however it fails.

    Args:
        limit: bytes.
        announced: how many bytes will come, if the sender says so; then refused before any.

    Raises:
        TooLargeError, DiskFullError: see there.
    """
    if announced is not None and announced > limit:
        raise _too_large(limit)
    with explained_full_disk():
        if shutil.disk_usage(target.parent).free < (announced or 0) + _SPARE_BYTES:
            raise OSError(errno.ENOSPC, "")
    left = limit
    try:
        with explained_full_disk(), target.open("xb") as file:
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    raise _too_large(limit)
                await run_in_threadpool(file.write, chunk)
    except BaseException:  # also where the sender hangs up
        target.unlink(missing_ok=True)
        raise


@contextmanager
def explained_full_disk() -> Iterator[None]:
    """One sentence instead of an errno.

    Raises:
        DiskFullError: the disk or the quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                "The server's disk is full, so that nothing could be stored: ask its operator to "
                "free some room, or delete scans that are no longer needed, and try again."
            ) from error
        raise


def accept(
    store: JobStore, folders: JobFolders, upload: Path, name: str, *, unpacked_limit: int
) -> Job:
    """Make a job of an upload that can be a scan; refused ones are removed.

    Args:
        name: the file's own name, of which nothing is trusted.
        unpacked_limit: bytes that a zip may unpack to.

    Raises:
        InputError: it is no scan, or a zip that nothing good comes from.
    """
    identifier, file = new_identifier(), name_on_disk(name)
    folder = folders.of(identifier)
    try:
        with explained_full_disk():
            place = folder / "input" / file
            place.parent.mkdir(parents=True)
            os.replace(upload, place)
            check_scan(place, unpacked_limit=unpacked_limit)
        return store.add(shown_name(name), file, identifier=identifier)
    except BaseException as error:
        upload.unlink(missing_ok=True)
        folders.remove(identifier)
        if isinstance(error, YnetError):
            hide_paths(error, folder / "input" / file, shown_name(name))
        raise


def check_scan(path: Path, *, unpacked_limit: int) -> None:
    """Refuse at once what cannot be a scan by its name, first bytes, or list of contents.

    Raises:
        InputError: one sentence.
    """
    suffix, head = volume_suffix(path), read_head(path)
    if suffix == ZIP_SUFFIX and head.startswith(b"PK"):
        check_zip(path, max_bytes=unpacked_limit)
        return
    fits = (
        (suffix in NIFTI_SUFFIXES and _holds_nifti(path, head))
        or (suffix in ITK_SUFFIXES and suffix not in _HALVES and _is_itk(head))
        or (suffix in (*DICOM_SUFFIXES, "") and is_dicom(head))
    )
    if not fits:
        raise InputError(f"{path} is {_content(path, head)}: send {EXPECTED}.")


def _holds_nifti(path: Path, head: bytes) -> bool:
    if head.startswith(b"\x1f\x8b"):
        head = _gzip_head(path)
    return is_nifti_head(head)


def _is_itk(head: bytes) -> bool:
    return head.startswith((b"NRRD", b"ObjectType", b"NDims"))


def _content(path: Path, head: bytes) -> str:
    if not head.startswith(b"\x1f\x8b"):
        return describe_content(head)
    return f"gzip-compressed, and what it holds is {describe_content(_gzip_head(path))}"


def _gzip_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"The upload is larger than the {limit / 1e6:g} MB that this server accepts: send one "
        "series only, compressed, or ask the operator to raise --upload-limit-mb."
    )
