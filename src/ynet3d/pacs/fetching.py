"""The images of a series to files, one at a time, all of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import requests
from pydicom.errors import InvalidDicomError

from ynet3d.errors import YnetError
from ynet3d.pacs.choosing import Chosen
from ynet3d.pacs.client import Pacs

if TYPE_CHECKING:
    from ynet3d.progress import Task

#: A stream that broke off: the connection, or the parsing of what came of a part.
_BROKEN_OFF = (
    requests.RequestException,
    InvalidDicomError,
    ValueError,
    KeyError,
    AttributeError,
    EOFError,
)


def fetch(pacs: Pacs, chosen: Chosen, folder: Path) -> int:
    """Write every image of the chosen series into `folder`, and return their bytes.

    An image is written as it comes, before the next. What a stream that breaks off leaves out is
    fetched image by image.

    Raises:
        YnetError: images are missing in the end, or cannot be written.
    """
    started = time.monotonic()
    written: dict[str, int] = {}
    total = sum(map(len, chosen.images.values()))
    with pacs.progress.task("Fetching", total=total) as task:
        for series, instances in chosen.images.items():
            try:
                for data in pacs.iter_series(chosen.study, series):
                    _write(data, folder, written, task)
            except _BROKEN_OFF as error:
                pacs.progress.say(f"The transfer of {series} broke off ({type(error).__name__}).")
            missing = [instance for instance in instances if instance not in written]
            if missing:
                pacs.progress.say(
                    f"{len(missing)} of {len(instances)} images are still missing; fetching them "
                    "one by one."
                )
            for instance in missing:
                try:
                    data = pacs.instance(chosen.study, series, instance)
                except _BROKEN_OFF as error:
                    raise YnetError(
                        f"{pacs.connection.url} sent only {len(written)} of {total} images "
                        f"({type(error).__name__}): try again, or look into its log."
                    ) from None
                _write(data, folder, written, task)
            if not written.keys() >= set(instances):
                raise YnetError(
                    f"{pacs.connection.url} sent {len(written)} of {total} images under the UIDs "
                    "that it lists: have the series checked there."
                )
    size = sum(written.values())
    pacs.progress.say(
        f"Fetched {len(written)} images ({size / 1e6:.1f} MB) in {time.monotonic() - started:.1f} "
        "s."
    )
    return size


def _write(data: pydicom.Dataset, folder: Path, written: dict[str, int], task: Task) -> None:
    instance = str(data.SOPInstanceUID)
    if instance in written:
        return
    # Names of our own: a UID comes from elsewhere, and might lead out of the folder.
    path = folder / f"{len(written) + 1:06d}.dcm"
    try:
        pydicom.dcmwrite(path, data)
        written[instance] = path.stat().st_size
    except OSError as error:
        raise YnetError(
            f"The images could not be written to {folder}: {error.strerror or error}."
        ) from None
    task.advance()
