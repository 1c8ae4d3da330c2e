"""Which scans an archive holds: those of a folder tree, or those that a list names."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ynet3d.archive.storage import Place
from ynet3d.errors import InputError, YnetError
from ynet3d.volumes import is_label_name, is_volume_path, strip_suffix
from ynet3d.volumes.formats import (
    DICOM_SUFFIXES,
    ZIP_SUFFIX,
    is_dicom_head,
    natural_key,
    volume_suffix,
)

_LISTS = (".txt", ".csv")
_COLUMNS = ("input", "image", "scan", "path")
_HEAD_BYTES = 512
_FILES_TO_OPEN = 3  # of a folder without names that tell, to see whether it holds DICOM


@dataclass(frozen=True)
class Scan:
    """One case of an archive.

    Attributes:
        input: path or URL of the file or DICOM folder.
        name: proposed for its results.
        series: DICOM SeriesInstanceUID, if one is asked for.
        mark: size and time, by which a changed scan is known; "" if not known.
    """

    input: str
    name: str
    series: str | None = None
    mark: str = ""


def find_scans(archive: str, *, leave_out: Place | None = None) -> list[Scan]:
    """All scans of an archive, in natural order.

    In a tree, each volume file, each zip, and each folder that directly holds DICOM files or a
    DICOMDIR is a scan. Label maps (by their names) and hidden files are left out.

    Args:
        archive: a folder, a scan, or a list of scans (.txt: one a line; .csv: a column `input`, and
            `name` and `series` if wanted); paths in a list start at its folder.
        leave_out: a folder inside that is not looked into, that of the results.

    Raises:
        InputError: there is nothing, or the list cannot be read.
    """
    place = Place(archive)
    info = place.info()
    if info is None:
        raise InputError(f"There is nothing at {place.url}: check the path of the archive.")
    if info["type"] != "directory":
        if PurePosixPath(place.path).suffix.lower() in _LISTS:
            return _listed(place)
        return [Scan(place.url, strip_suffix(PurePosixPath(place.path).name), None, _mark([info]))]
    scans = list(_in_tree(place, None if leave_out is None else leave_out.url))
    if not scans:
        raise InputError(
            f"{place.url} holds no scans (NIfTI, NRRD, MetaImage, zips or DICOM folders): check "
            "the path of the archive."
        )
    return sorted(scans, key=lambda scan: natural_key(scan.input))


def _in_tree(root: Place, leave_out: str | None) -> Iterator[Scan]:
    for folder, files in _folders(root, leave_out):
        inside = folder.path[len(root.path.rstrip("/")) + 1 :]
        prefix = [*PurePosixPath(inside).parts]
        if "DICOMDIR" in files or _holds_dicom(folder, files):
            name = "-".join(prefix) or PurePosixPath(folder.path).name
            yield Scan(folder.url, name, None, _mark(files.values()))
            continue
        volumes = [name for name in files if is_volume_path(name)]
        stems = {strip_suffix(name) for name in volumes}
        for name in files:
            stem = strip_suffix(name)
            scan = name in volumes and not is_label_name(stem, stems)
            if scan or volume_suffix(name) == ZIP_SUFFIX:
                yield Scan(
                    folder.inside(name).url, "-".join([*prefix, stem]), None, _mark([files[name]])
                )


def _folders(
    root: Place, leave_out: str | None
) -> Iterator[tuple[Place, dict[str, dict[str, Any]]]]:
    """Every folder with the files directly in it; below a DICOMDIR, none. Links are followed."""
    waiting, seen = [root], set()
    while waiting:
        folder = waiting.pop()
        if folder.local is not None:
            real = os.path.realpath(folder.local)  # links may lead in circles
            if real in seen:
                continue
            seen.add(real)
        files, folders = {}, []
        for info in folder.listing():
            name = PurePosixPath(str(info["name"]).rstrip("/")).name
            inside = folder.inside(name)
            if name.startswith(".") or inside.url == leave_out:
                continue
            # A link to a folder is listed as a link.
            if info["type"] == "directory" or (inside.local is not None and inside.local.is_dir()):
                folders.append(inside)
            elif inside.path != folder.path:  # object stores list a marker of the folder itself
                files[name] = info
        yield folder, dict(sorted(files.items(), key=lambda item: natural_key(item[0])))
        if "DICOMDIR" not in files:
            waiting += folders


def _holds_dicom(folder: Place, files: dict[str, dict[str, Any]]) -> bool:
    others = [name for name in files if volume_suffix(name) in ("", *DICOM_SUFFIXES)]
    if any(volume_suffix(name) in DICOM_SUFFIXES for name in others):
        return True
    try:
        heads = [folder.inside(name).read(end=_HEAD_BYTES) for name in others[:_FILES_TO_OPEN]]
    except YnetError:  # a case that fails with its sentence is better than one passed over
        return True
    return any(head is not None and is_dicom_head(head) for head in heads)


def _mark(infos: Iterable[dict[str, Any]]) -> str:
    """Bytes, files and the newest time of all."""
    infos = list(infos)
    size = sum(int(info.get("size") or 0) for info in infos)
    times = [str(info.get("mtime") or info.get("LastModified") or "") for info in infos]
    return f"{size} {len(infos)} {max(times, default='')}"


def _listed(place: Place) -> list[Scan]:
    content = place.read() or b""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"The list {place.url} is not text in UTF-8: save it as such.") from None
    if place.path.lower().endswith(".csv"):
        rows = _rows(place, text)
    else:
        lines = (line.strip() for line in text.splitlines())
        rows = [(line, "", "") for line in lines if line and not line.startswith("#")]
    if not rows:
        raise InputError(f"The list {place.url} names no scans: give one a line.")
    here = place.at(str(PurePosixPath(place.path).parent))
    scans: list[Scan] = []
    seen: set[tuple[str, str]] = set()
    for entry, name, series in rows:
        if "://" in entry or os.path.isabs(entry):
            scan = Place(entry)
        else:
            scan = Place(here.local / entry) if here.local is not None else here.inside(entry)
        if (scan.url, series) in seen:
            raise InputError(f"The list {place.url} names {entry} twice: leave one out.")
        seen.add((scan.url, series))
        # Elsewhere, that would be a request for each of a hundred thousand.
        info = scan.info() if scan.local is not None else None
        mark = _mark([info]) if info is not None and info["type"] != "directory" else ""
        plain = name or strip_suffix(PurePosixPath(scan.path).name)
        scans.append(Scan(scan.url, plain, series or None, mark))
    return scans


def _rows(place: Place, text: str) -> list[tuple[str, str, str]]:
    reader = csv.DictReader(io.StringIO(text))
    column = next((name for name in _COLUMNS if name in (reader.fieldnames or ())), None)
    if column is None:
        raise InputError(
            f"The list {place.url} has no column `input` in its first line: add one, with a path "
            "or URL in each row."
        )
    rows = [(row[column], row.get("name"), row.get("series")) for row in reader]
    return [(scan.strip(), name or "", series or "") for scan, name, series in rows if scan]
