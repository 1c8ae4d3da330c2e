"""Outputs are written under a temporary name and moved into place, so none is ever half-written."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.errors import InputError, YnetError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def ensure_output_folder(folder: str | Path) -> Path:
    """Create `folder` (and its parents) and make sure that it can be written.

    Raises:
        InputError: the path is a file, or cannot be created or written.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError:
        raise InputError(
            f"The output folder {path} is a file: give a folder, or a name that does not exist yet."
        ) from None
    except OSError as error:
        raise InputError(
            f"The output folder {path} cannot be written ({error.strerror}): "
            "choose another folder with -o, or change its permissions."
        ) from None
    return path


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; move it to `target` if the block succeeds.

    The temporary name keeps every suffix of the target, because writers choose the format by it.
    """
    target = Path(target)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        suffix = "".join(target.suffixes[-2:])
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=suffix, dir=target.parent)
        temporary = Path(name)
        os.close(handle)
        # mkstemp makes files private; give them the permissions that open() would have given.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise YnetError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def staged_files(folder: Path, *, last: str = "") -> Iterator[Path]:
    """Yield a temporary folder in `folder`; what lies in it moves up if the block succeeds.

    For files that belong together. `last` is the one that others look for: it comes last.
    """
    # Inside the folder: what lies beside it may be another disk.
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as name:
        yield Path(name)
        for path in sorted(Path(name).iterdir(), key=lambda path: path.name == last):
            target = folder / path.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(path, target)


@contextmanager
def cache_entry(entry: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `entry`, unless another process was faster.

    Raises:
        YnetError: it cannot be written.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=entry.parent))
        try:
            yield temporary
            os.replace(temporary, entry)
        except OSError:
            if not entry.is_dir():  # unless another process was faster
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise YnetError(
            f"The cache {entry.parent} could not be written: {error.strerror}."
        ) from error


def write_text(target: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(target: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV, atomically; None becomes an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)  # the csv module writes None as ""
    write_text(target, stream.getvalue())


def write_json(target: str | Path, content: Any) -> None:
    """Write JSON atomically; NaN and infinity are refused, because JSON has neither."""
    write_text(target, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def save_figure(figure: Figure, target: str | Path) -> None:
    """Write a matplotlib figure as PNG, atomically, on its own background."""
    with atomic_path(target) as temporary:
        figure.savefig(temporary, format="png", facecolor=figure.get_facecolor())
