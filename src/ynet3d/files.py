"""Outputs are written under a temporary name and moved into place, so none is ever half-written."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.errors import InputError, YnetError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How names of what is being written begin; hidden, so that no reader takes them for its input.
WRITING = ".writing-"
#: What a killed process left is nobody's after a day: nothing takes that long to write.
_SECONDS_LEFT = 86_400.0


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
        handle, name = tempfile.mkstemp(prefix=WRITING, suffix=suffix, dir=target.parent)
        temporary = Path(name)
        os.close(handle)
        # mkstemp makes files private; give them the permissions that open() would have given.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise YnetError(f"{target} could not be written: {reason(error)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def staged_files(folder: Path, *, last: str = "") -> Iterator[Path]:
    """Yield a temporary folder in `folder`; what lies in it moves up if the block succeeds.

    For files that belong together. `last` is the one that others look for: it comes last.
    """
    remove_leftovers(folder)
    # Inside the folder: what lies beside it may be another disk.
    with tempfile.TemporaryDirectory(prefix=WRITING, dir=folder) as name:
        yield Path(name)
        for path in sorted(Path(name).iterdir(), key=lambda path: path.name == last):
            target = folder / path.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(path, target)


def remove_leftovers(folder: Path, *, seconds: float = _SECONDS_LEFT) -> None:
    """Remove what killed processes were writing into `folder`, if it is older than `seconds`."""
    with suppress(OSError):  # another process tidies, too
        for path in folder.glob(f"{WRITING}*"):
            if time.time() - path.lstat().st_mtime < seconds:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why a file could not be written; numpy only tells how much of an array was."""
    return error.strerror or f"{error}, as on a full disk"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
