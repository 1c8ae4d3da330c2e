"""Results in their place: each case's folder with a receipt of its files, written last."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ynet3d.archive.messages import Task
from ynet3d.archive.storage import Place
from ynet3d.errors import YnetError
from ynet3d.files import file_sha256, write_json

#: In the folder of each case; a result without it does not count.
RECEIPT = "archive.json"
CASES = "cases"
#: In a local OUT: half-made results, on the same file system.
WORKING = ".working"
#: Kind of the temporary folders of runs and workers.
TEMPORARY = "ynet3d-archive"


def origin_of(task: Task, salt: str | None) -> dict[str, Any]:
    """What a receipt says of its scan, by which a later run knows the result again.

    Args:
        salt: of a de-identified archive: all is in one checksum, which nobody can guess at without
            the manifest that keeps the salt.
    """
    origin = {"input": task.input, "series": task.series, "mark": task.mark}
    if salt is None:
        return origin
    told = hmac.new(salt.encode(), json.dumps(origin).encode(), hashlib.sha256)
    return {"input": told.hexdigest()}


def write_receipt(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write the receipt of a finished folder: `content`, and every file's bytes and SHA-256."""
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    receipt = {**content, "files": files}
    write_json(folder / RECEIPT, receipt)
    return receipt


def publish(folder: Path, target: Place) -> None:
    """Bring a finished folder to its place; an older one there is replaced, its receipt first.

    Raises:
        YnetError: it cannot be written.
    """
    if target.local is not None:
        _move(folder, target.local)
        return
    old = target.sizes()
    if RECEIPT in old:
        target.inside(RECEIPT).remove()
    new = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in new]
    for name in sorted(names, key=lambda name: name == RECEIPT):
        target.inside(name).upload(folder / name)
    for name in old.keys() - set(names):
        target.inside(name).remove()


def _move(folder: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            (target / RECEIPT).unlink(missing_ok=True)
            shutil.rmtree(target)
        os.rename(folder, target)
    except OSError as error:
        raise YnetError(f"{target} could not be written: {error.strerror or error}.") from error


def read_receipt(folder: Place) -> dict[str, Any] | None:
    """The receipt of a case's folder; None if there is none that can be read."""
    content = folder.inside(RECEIPT).read()
    try:
        receipt = json.loads(content or b"")
    except ValueError:
        return None
    whole = isinstance(receipt, dict) and isinstance(receipt.get("files"), dict)
    return receipt if whole else None


def fault_of(
    folder: Place, receipt: Mapping[str, Any] | None, sizes: Mapping[str, int], *, full: bool
) -> str | None:
    """What is wrong with a result, or None.

    Args:
        sizes: the files that are there, by their path in the folder, and their bytes.
        full: read the files, and compare their SHA-256.
    """
    if receipt is None:
        return "its receipt is missing or damaged"
    for name, facts in receipt["files"].items():
        if name not in sizes:
            return f"{name} is missing"
        if sizes[name] != facts["bytes"]:
            return f"{name} has {sizes[name]} bytes instead of {facts['bytes']}"
        if full and _sha256(folder.inside(name)) != facts["sha256"]:
            return f"the checksum of {name} does not fit"
    return None


def _sha256(file: Place) -> str:
    if file.local is not None:
        return file_sha256(file.local)
    return hashlib.sha256(file.read() or b"").hexdigest()
