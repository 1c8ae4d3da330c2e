"""The scans that a job is given: which they are, what they are called, and reading one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ynet3d.errors import InputError
from ynet3d.files import write_csv
from ynet3d.volumes import (
    Phase,
    SeriesSummary,
    Volume,
    check_ct,
    find_volumes,
    holds_dicom,
    is_label_name,
    read_volume,
    strip_suffix,
)


def read_ct(
    path: Path, *, series: str | None = None, hu_offset: int = 0
) -> tuple[Volume, list[str]]:
    """Read a CT and make sure that it can be one; what is odd about it comes as sentences.

    Args:
        hu_offset: added to every voxel.

    Raises:
        InputError: it cannot be read, or no sensible result can come from it.
    """
    volume = read_volume(path, series=series)
    if hu_offset:
        volume = _shifted(volume, hu_offset)
    notes = check_ct(volume)
    others = volume.metadata.get("other_series", ())
    if others:
        notes.insert(0, _passed_over(path, volume, others))
    return volume, notes


def _passed_over(path: Path, volume: Volume, others: Sequence[SeriesSummary]) -> str:
    """Which of several series was taken, by which rule, and the likeliest of the others."""
    largest = others[0]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    taken = volume.metadata["SeriesInstanceUID"] or "without UID"
    portal = volume.metadata["phase"] == Phase.PORTAL_VENOUS
    rule = "one that says that it is portal venous" if portal else "one with the most slices"
    phase = f", {largest.phase}" if largest.phase else ""
    return (
        f"{path} holds {len(others) + 1} axial CT series; the {rule} was taken ({taken}, "
        f"{len(volume.metadata['source_slices'])} slices), not {largest.name or 'one without UID'} "
        f"({largest.images} slices{phase}){more}: name another with --series, see `ynet3d dicom "
        "list`."
    )


def _shifted(volume: Volume, hu_offset: int) -> Volume:
    low, high = (float(extreme) + hu_offset for extreme in (volume.array.min(), volume.array.max()))
    limits = np.iinfo(np.int16)
    if not limits.min <= low <= high <= limits.max:
        raise InputError(
            f"With --hu-offset {hu_offset}, {volume.source} would reach from {low:g} to {high:g}, "
            "which is not HU: give another offset."
        )
    return volume.with_array(volume.array + volume.array.dtype.type(hu_offset))


def scans_in(path: Path) -> list[Path]:
    """`path` itself, or the volume files in it unless they are label maps or lie beside DICOM.

    Raises:
        InputError: there is nothing.
    """
    if not path.exists():
        raise InputError(f"There is nothing at {path}: check the path of the input.")
    files = find_volumes(path) if path.is_dir() else []
    if not files or holds_dicom(path):
        return [path]
    stems = {strip_suffix(file) for file in files}
    return [file for file in files if not is_label_name(strip_suffix(file), stems)] or [path]


def targets_of(scans: Sequence[Path], out: Path) -> list[tuple[str, Path]]:
    """Name of each scan, and the folder for its files: `out`, or one in it for each of several.

    Raises:
        InputError: two would have the same.
    """
    names = [_name(scan) for scan in scans]
    if len(scans) == 1:
        return [(names[0], out)]
    if _twice(names):  # same file name in several folders: add the folder's
        names = [f"{_name(scan.parent)}-{name}" for scan, name in zip(scans, names, strict=True)]
    twice = _twice(names)
    if twice:
        raise InputError(
            f"Several inputs would be written to {out / twice[0]}: predict them in separate calls, "
            "or rename them."
        )
    return [(name, out / name) for name in names]


#: Of de-identified results, where there are several.
_NUMBERED = "scan-{:03d}"


def deidentified_targets(
    scans: Sequence[Path], out: Path, key: Path | None
) -> list[tuple[str, Path]]:
    """As `targets_of`, with names that tell nothing: `scan`, or `scan-001`, `scan-002`, ...

    Args:
        key: where it will be written which scan is which.

    Raises:
        InputError: nobody would know which is which, or the key would lie among the results or in
            the place of another.
    """
    if len(scans) > 1 and key is None:
        raise InputError(
            f"--deidentify gives {len(scans)} scans numbers for names: say with --key FILE where "
            "to write which is which, outside of the results."
        )
    if key is not None:
        if out.resolve() in key.resolve().parents:
            raise InputError(f"The key {key} would lie in the results: give a place outside.")
        if key.exists():
            raise InputError(f"The key {key} exists: give another name, or remove it.")
    if len(scans) == 1:
        return [("scan", out)]
    names = [_NUMBERED.format(number) for number in range(1, len(scans) + 1)]
    for name in names:
        if (out / name).exists():
            raise InputError(
                f"{out} holds a {name} already, whose scan may be another: give another folder."
            )
    return [(name, out / name) for name in names]


def write_key(key: Path, scans: Sequence[Path], targets: Sequence[tuple[str, Path]]) -> None:
    """Write which name is of which scan."""
    rows = [(name, os.path.abspath(scan)) for scan, (name, _) in zip(scans, targets, strict=True)]
    write_csv(key, ("name", "input"), rows)


def _twice(names: list[str]) -> list[str]:
    """Names that meet in one folder, also where the file system ignores case."""
    folded = [name.casefold() for name in names]
    return sorted({name for name in names if folded.count(name.casefold()) > 1})


def _name(path: Path) -> str:
    """The input's own name; a link keeps its own, whatever it points to."""
    absolute = Path(os.path.abspath(path))
    return absolute.name if absolute.is_dir() else strip_suffix(absolute)
