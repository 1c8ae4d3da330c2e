"""Opening a zip safely: sizes checked first, no path outside, nothing left behind."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ynet3d.errors import InputError, YnetError

#: A zip that unpacks to more than this is refused (the largest CT studies take a few gigabytes).
MAX_UNPACKED_BYTES = 16 * 2**30
MAX_MEMBERS = 100_000
#: Neither is more than a gigabyte unpacked that was packed to less than a hundredth: CT packs to a
#: third or so, and masks, which pack well, are smaller.
MAX_RATIO = 100
_SMALL_BYTES = 2**30
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 2000
_CHUNK_BYTES = 2**20


@contextmanager
def unpacked(path: Path, *, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[Path]:
    """Yield a temporary folder with the zip's files; it is removed at the end, whatever happens.

    Sizes are those that the zip states, checked before anything is unpacked; a file that turns out
    larger than stated is refused when it reaches the stated size. Zips inside are not unpacked.

    Raises:
        InputError: no zip, damaged, encrypted, too large, or with names that lead outside, meet or
            cannot be file names.
        YnetError: not enough room to unpack.
    """
    with _opened(path) as archive, tempfile.TemporaryDirectory(prefix="ynet3d-") as name:
        members = _members(archive, path)
        _check_sizes([member for member, _ in members], path, Path(name), max_bytes)
        try:
            for member, target in members:
                _extract(archive, member, Path(name) / target)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            ValueError,
            RuntimeError,
        ) as error:
            raise InputError(
                f"{path} is damaged or packed in an unusual way ({error}): pack it again as an "
                "ordinary zip."
            ) from None
        except OSError as error:
            raise YnetError(
                f"{path} could not be unpacked into a folder of {Path(name).parent}: "
                f"{error.strerror or error}."
            ) from None
        yield Path(name)


def check_zip(path: Path, *, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Refuse what `unpacked` would refuse before it unpacks anything.

    Raises:
        InputError: no zip, encrypted, too large, or with names that lead outside, meet or cannot be
            file names.
        YnetError: not enough room to unpack.
    """
    with _opened(path) as archive:
        members = [member for member, _ in _members(archive, path)]
        _check_sizes(members, path, Path(tempfile.gettempdir()), max_bytes)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{path} cannot be opened as a zip ({error}): copy or download it again."
        ) from None


def _members(archive: zipfile.ZipFile, path: Path) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Files of the archive with their places, less what systems add (__MACOSX, hidden files)."""
    members = []
    for member in archive.infolist():
        name = member.filename.replace("\\", "/")
        place = PurePosixPath(name)
        if not name or name.endswith("/") or "__MACOSX" in place.parts:
            continue
        if ".." in place.parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
            raise InputError(
                f"{path} holds a name that leads outside of it ({member.filename!r}): pack the "
                "files again with plain names."
            )
        sizes = [len(part.encode("utf-8", "replace")) for part in place.parts]
        if max(sizes, default=0) > _LONGEST_NAME_BYTES or sum(sizes) > _LONGEST_PATH_BYTES:
            raise InputError(
                f"{path} holds a name that is too long ({name[:40]!r}...): pack the files again "
                "with shorter names."
            )
        if not place.parts or place.name.startswith("."):
            continue
        if member.flag_bits & 1:
            raise InputError(
                f"{path} is encrypted: unpack it with its password, and give the folder."
            )
        members.append((member, place))
    _check_names([place for _, place in members], path)
    return members


def _check_names(places: Sequence[PurePosixPath], path: Path) -> None:
    counts = Counter(places)
    folders = {parent for place in places for parent in place.parents}
    for place, count in counts.items():
        if count > 1 or place in folders:
            raise InputError(
                f"{path} holds several files of one name ({str(place)!r}): pack them again, each "
                "with a name of its own."
            )


def _check_sizes(
    members: Sequence[zipfile.ZipInfo], path: Path, folder: Path, max_bytes: int
) -> None:
    total = sum(member.file_size for member in members)
    size = f"{path} would unpack to {total / 2**30:.1f} GiB in {len(members)} files"
    if total > max_bytes or len(members) > MAX_MEMBERS:
        raise InputError(
            f"{size}, more than is accepted ({max_bytes / 2**30:g} GiB, {MAX_MEMBERS} files): "
            "unpack it yourself and give the folder."
        )
    packed = max(1, path.stat().st_size)
    if total > _SMALL_BYTES and total > MAX_RATIO * packed:
        raise InputError(
            f"{size}, {total / packed:.0f} times its own size, as no scan does (at most "
            f"{MAX_RATIO} times is accepted): give a zip of the scan only."
        )
    if total > shutil.disk_usage(folder).free:
        raise YnetError(
            f"{path} needs {total / 2**30:.1f} GiB to unpack, more than is free in "
            f"{folder.parent}: free some room, or set TMPDIR to a larger disk."
        )


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    # Symbolic links in a zip are small files with the link's text: written as such, never followed.
    with archive.open(member) as packed, target.open("xb") as file:
        while chunk := packed.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename!r} is larger than stated")
            file.write(chunk)
    if left:
        raise zipfile.BadZipFile(f"{member.filename!r} is smaller than stated")
