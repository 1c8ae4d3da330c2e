"""Opening a zip safely: sizes checked first, no path outside, nothing left behind."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ynet3d.errors import InputError, YnetError

#: A zip that unpacks to more than this is refused (the largest CT studies take a few gigabytes).
MAX_UNPACKED_BYTES = 16 * 2**30
MAX_MEMBERS = 100_000
_CHUNK_BYTES = 2**20


@contextmanager
def unpacked(path: Path, *, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[Path]:
    """Yield a temporary folder with the zip's files; it is removed at the end, whatever happens.

    Raises:
        InputError: no zip, damaged, encrypted, too large, or with names that lead outside.
        YnetError: not enough room to unpack.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be opened as a zip ({error}): copy or download it again."
        ) from None
    with archive, tempfile.TemporaryDirectory(prefix="ynet3d-") as name:
        members = _members(archive, path)
        total = sum(member.file_size for member in members)
        if total > max_bytes or len(members) > MAX_MEMBERS:
            raise InputError(
                f"{path} would unpack to {total / 2**30:.1f} GiB in {len(members)} files, more "
                f"than is accepted ({max_bytes / 2**30:g} GiB, {MAX_MEMBERS} files): unpack it "
                "yourself and give the folder."
            )
        if total > shutil.disk_usage(name).free:
            raise YnetError(
                f"{path} needs {total / 2**30:.1f} GiB to unpack, more than is free in "
                f"{Path(name).parent}: free some room, or set TMPDIR to a larger disk."
            )
        try:
            for member in members:
                _extract(archive, member, Path(name))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise InputError(
                f"{path} is damaged or packed in an unusual way ({error}): pack it again as an "
                "ordinary zip."
            ) from None
        except OSError as error:
            raise YnetError(
                f"{path} could not be unpacked into {name}: {error.strerror or error}."
            ) from None
        yield Path(name)


def _members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """Files of the archive, less what systems add (folders, __MACOSX, hidden files)."""
    members = []
    for member in archive.infolist():
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if member.is_dir() or "__MACOSX" in parts:
            continue
        if ".." in parts or member.filename.startswith("/") or ":" in parts[0]:
            raise InputError(
                f"{path} holds a name that leads outside of it ({member.filename!r}): pack the "
                "files again with plain names."
            )
        if parts[-1].startswith("."):
            continue
        if member.flag_bits & 1:
            raise InputError(
                f"{path} is encrypted: unpack it with its password, and give the folder."
            )
        members.append(member)
    return members


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    target = folder.joinpath(*PurePosixPath(member.filename.replace("\\", "/")).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Symbolic links in a zip are small files with the link's text: written as such, never followed.
    with archive.open(member) as packed, target.open("xb") as file:
        shutil.copyfileobj(packed, file, _CHUNK_BYTES)
