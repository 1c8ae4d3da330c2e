"""Where converted networks and what was checked of them are kept between starts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from ynet3d.files import staged_files, write_json
from ynet3d.hardware import capabilities, processor
from ynet3d.inference.runtimes.parity import Parity

_KEPT = 6  # folders; one holds a network for one size of input
_PACKAGES = ("ynet3d", "torch", "openvino", "onnx", "onnxruntime", "nncf")


class RuntimeCache:
    """The files of one network for one size of input, on this machine, with these packages.

    Whatever the figures depend on is part of the folder's name, so nothing in it is ever stale.

    Args:
        checksum: of the weights; None for those without, of which nothing outlives the process.
        shape: (N, 1, D, H, W) of the input.
        root: by default the user's cache folder; a folder for this process where that cannot be
            written.
    """

    def __init__(
        self, checksum: str | None, shape: tuple[int, ...], root: Path | None = None
    ) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        kept = None
        if checksum is not None:
            name = f"{checksum[:16]}-{'x'.join(map(str, shape))}-{_environment()}"
            kept = _claimed((root or user_cache_path("ynet3d") / "networks") / name)
        if kept is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="ynet3d-")
            kept = Path(self._temporary.name)
        self.folder = kept

    def file(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file called `name`; if it is not there, `make` is given a path to write it to.

        What `make` writes beside that path is kept as well. Two processes may do so at a time.
        """
        target = self.folder / name
        if not target.is_file():
            with staged_files(self.folder, last=name) as staging:
                make(staging / name)
        return target

    def parity(self, name: str) -> Parity | None:
        """What was found before, or None."""
        try:
            content: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
            return Parity.from_json(content)
        except (OSError, ValueError, KeyError):
            return None

    def keep_parity(self, name: str, parity: Parity) -> None:
        """For the next start."""
        write_json(self.folder / f"{name}.json", parity.as_json())


def _claimed(folder: Path) -> Path | None:
    """The folder, made and marked as used now; None if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    _forget_old(folder.parent, keep=folder)
    return folder


def _environment() -> str:
    words = [processor(), *capabilities()]
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            words.append(f"{package} {version(package)}")
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def _forget_old(root: Path, *, keep: Path) -> None:
    """Leave the folders used last."""
    with suppress(OSError):  # another process tidies, too
        folders = sorted(root.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for folder in folders[_KEPT:]:
            if folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
