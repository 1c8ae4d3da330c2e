"""Folders and files here or elsewhere, through fsspec: local paths, `s3://`, `file://`, ..."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ynet3d.errors import InputError, MissingExtraError, YnetError, require_package
from ynet3d.volumes.formats import strip_suffix

#: Headers whose voxels lie in a second file of the same stem.
_WITH_DATA_FILE = (".mhd", ".nhdr")


def require_fsspec() -> None:
    """Make sure that URLs can be opened.

    Raises:
        MissingExtraError: fsspec is not installed.
    """
    require_package("fsspec", extra="archive", purpose="Predicting an archive")


class Place:
    """A file or folder by its path or URL.

    Attributes:
        url: as given, without a slash at its end; a local path is made absolute.
        local: its path, if it lies on this machine's file systems.
    """

    def __init__(self, url: str | Path) -> None:
        """Open the file system; nothing needs to be there.

        Raises:
            InputError: no such kind of URL.
            MissingExtraError: the package for this kind is missing.
        """
        require_fsspec()
        import fsspec
        from fsspec.implementations.local import LocalFileSystem

        text = str(url)
        try:
            if "://" not in text:
                text = os.path.abspath(text)
            self.fs, self.path = fsspec.core.url_to_fs(text, use_listings_cache=False)
        except ImportError as error:
            protocol = text.partition("://")[0]
            package = {"s3": "s3fs", "s3a": "s3fs"}.get(protocol)
            if package is None:
                raise YnetError(f"{text} cannot be opened: {error}.") from None
            raise MissingExtraError(package, extra="archive", purpose=f"{protocol}://") from None
        except ValueError as error:
            raise InputError(
                f"{text} cannot be opened ({error}): give a path, or a URL such as s3://bucket/key."
            ) from None
        self.local = Path(self.path) if isinstance(self.fs, LocalFileSystem) else None
        self.url = str(self.local) if self.local is not None else text.rstrip("/")

    def inside(self, *names: str) -> Place:
        """What is called so in this folder."""
        other = object.__new__(Place)
        other.fs, other.path = self.fs, "/".join([self.path.rstrip("/"), *names])
        other.local = self.local.joinpath(*names) if self.local is not None else None
        other.url = "/".join([self.url.rstrip("/"), *names])
        return other

    def at(self, path: str) -> Place:
        """Another path of the same file system, as its listings call it."""
        if self.local is not None:
            return Place(path)
        other = object.__new__(Place)
        other.fs, other.path, other.local = self.fs, path, None
        other.url = str(self.fs.unstrip_protocol(path))
        return other

    def info(self) -> dict[str, Any] | None:
        """Name, type and size, or None if there is nothing."""
        with _explained(self):
            try:
                found: dict[str, Any] = self.fs.info(self.path)
            except FileNotFoundError:
                return None
        return found

    def listing(self) -> list[dict[str, Any]]:
        """What lies directly in this folder, each with name, type and size."""
        with _explained(self):
            found: list[dict[str, Any]] = self.fs.ls(self.path, detail=True)
        return found

    def read(self, *, end: int | None = None) -> bytes | None:
        """The content, or its first `end` bytes; None if there is nothing."""
        with _explained(self):
            try:
                content: bytes = self.fs.cat_file(self.path, start=0, end=end)
            except FileNotFoundError:
                return None
        return content

    def upload(self, file: Path) -> None:
        """Replace the content by that of a local file."""
        with _explained(self):
            self.fs.put_file(str(file), self.path)

    def remove(self) -> None:
        """Take it away with all in it; nothing may be there."""
        with _explained(self), suppress(FileNotFoundError):
            self.fs.rm(self.path, recursive=True)

    def sizes(self) -> dict[str, int]:
        """All files inside by their path relative to here, and their bytes."""
        with _explained(self):
            try:
                found = self.fs.find(self.path, detail=True)
            except FileNotFoundError:
                return {}
        start = len(self.path.rstrip("/")) + 1
        return {path[start:]: int(info["size"] or 0) for path, info in found.items()}

    def fetch(self, folder: Path) -> Path:
        """A local copy in `folder`; of a header with a data file beside it, of both.

        Raises:
            InputError: there is nothing.
        """
        info = self.info()
        if info is None:
            raise InputError(f"There is nothing at {self.url}: check the path of the input.")
        target = folder / PurePosixPath(self.path).name
        with _explained(self):
            if info["type"] == "directory":
                for name in self.sizes():
                    part = target.joinpath(*_safe(name, self))
                    part.parent.mkdir(parents=True, exist_ok=True)
                    self.fs.get_file(self.inside(name).path, str(part))
                return target
            self.fs.get_file(self.path, str(target))
            if target.suffix.lower() in _WITH_DATA_FILE:
                for path in self.fs.ls(str(PurePosixPath(self.path).parent), detail=False):
                    other = PurePosixPath(path)
                    if other.name != target.name and other.stem == strip_suffix(target):
                        self.fs.get_file(path, str(folder / other.name))
        return target


def _safe(name: str, place: Place) -> tuple[str, ...]:
    """The parts of a key; one that would lead out of its folder is refused."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts:
        raise InputError(f"{place.url} holds the key {name}, which leads out of its folder.")
    return parts


@contextmanager
def _explained(place: Place) -> Iterator[None]:
    """Errors of storage as one sentence; what is missing passes, for those who ask."""
    try:
        yield
    except (YnetError, FileNotFoundError, MemoryError):
        raise
    except PermissionError as error:
        raise InputError(f"{place.url} may not be opened: {error}.") from None
    except Exception as error:  # each kind of storage has its own
        raise YnetError(
            f"{place.url} could not be reached ({type(error).__name__}: {error})."
        ) from error
