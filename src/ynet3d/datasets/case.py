"""One case: a CT, whose it is, and where its labels are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ynet3d.datasets.grids import grid_difference
from ynet3d.datasets.label_source import LabelSource
from ynet3d.errors import InputError
from ynet3d.labels import NUM_CLASSES
from ynet3d.volumes import Volume, read_volume

_CHUNK_BYTES = 1 << 20
_State = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Case:
    """One CT scan of a data set.

    Attributes:
        name: unique within the data set.
        patient: whose scan it is; cases of one patient never lie on two sides of a split.
        image: file, DICOM folder or zip.
        label: where its labels are; None if unlabelled.
        label_sought: where a label was looked for, in words, for messages.
    """

    name: str
    patient: str
    image: Path
    label: LabelSource | None = None
    label_sought: str = ""

    def read_image(self) -> Volume:
        """The CT in HU, shape (i, j, k) in the source's voxel order.

        Raises:
            InputError: it cannot be read as a 3D CT.
        """
        if not self.image.exists():
            raise InputError(
                f"The image of case {self.name} is missing: {self.image} does not exist; "
                "put it there, or take the case out of the list."
            )
        return read_volume(self.image)

    def read_label(self, *, image: Volume | None = None) -> Volume:
        """The label map (uint8: 0 background, 1 liver, 2 tumour), on the grid of the image.

        Args:
            image: the case's own image if it is at hand; without it, it is read to compare grids.

        Raises:
            InputError: no label, unreadable, another grid than the image's, or values outside 0..2.
        """
        source = self._label_source()
        image = self.read_image() if image is None else image
        label = source.read(image)
        difference = grid_difference(image, label)
        if difference is not None:
            raise InputError(
                f"The label of case {self.name} ({self.label_path}) is not on the grid of its "
                f"image: {difference}; resample the label to the image's grid."
            )
        highest = int(label.array.max(initial=0))
        if highest >= NUM_CLASSES:
            values = ", ".join(str(value) for value in np.unique(label.array))
            raise InputError(
                f"The label of case {self.name} ({self.label_path}) has the values {values}, but "
                "only 0 (background), 1 (liver) and 2 (tumour) are understood: recode it."
            )
        return label

    def read_label_as_found(self, *, image: Volume) -> Volume:
        """The label map without the checks of grid and values that `read_label` makes.

        Raises:
            InputError: no label, or unreadable.
        """
        return self._label_source().read(image)

    def _label_source(self) -> LabelSource:
        if self.label is None:
            raise InputError(
                f"Case {self.name} has no label ({self.label_sought or 'none was given'}): give "
                "one, or use the case for prediction only."
            )
        for path in (self.label.path, *self.label.paths):
            if not path.exists():
                raise InputError(
                    f"The label of case {self.name} is missing: {path} does not exist; "
                    "put it there, or take the case out of the list."
                )
        return self.label

    @property
    def label_path(self) -> Path | None:
        """File or folder of the labels; None if unlabelled."""
        return None if self.label is None else self.label.path

    def fingerprint(self) -> str:
        """A digest (32 hexadecimal digits) of what is in the image's and the label's files.

        Asked again while no file has changed, it is not read again.

        Raises:
            InputError: a file is missing or cannot be read.
        """
        # Contents, not names and times: a data set that was moved or copied keeps its cache, and a
        # label corrected in place never meets the old one. Hashing costs less than unpacking gzip.
        parts = (self.image, *((None,) if self.label is None else self.label.paths))
        coding = "" if self.label is None else self.label.coding
        return _digest(parts, coding, tuple(_state(part) for part in parts))


@lru_cache(maxsize=4096)
def _digest(parts: tuple[Path | None, ...], coding: str, state: tuple[_State, ...]) -> str:
    """Digest of the contents; `state` makes sure that it is taken again once a file has changed."""
    digest = hashlib.blake2b(coding.encode(), digest_size=16)
    for part in parts:
        digest.update(b"|part|")
        if part is not None:
            for piece in _contents(part):
                digest.update(piece)
    return digest.hexdigest()


def _state(path: Path | None) -> _State:
    """Name, inode, size and time of change of every file of a part."""
    if path is None:
        return ()
    try:
        found = [(str(file.absolute()), file.stat()) for file in _files(path)]
    except OSError as error:
        raise _unreadable(path, error) from None
    return tuple(
        (name, stat.st_ino, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns))
        for name, stat in found
    )


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, or of all files of a folder, each announced by its name and size."""
    try:
        for file in _files(path):
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            yield f"|{name}|{file.stat().st_size}|".encode()
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    yield chunk
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{error.filename or path} cannot be read ({error.strerror}): check that it is there "
        "and that its permissions allow reading."
    )
