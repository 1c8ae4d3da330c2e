"""Two segmentations on disk to a table of changes on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder, staged_files, write_csv, write_json
from ynet3d.follow_up import (
    LIMIT_MM,
    Alignment,
    align,
    csv_header,
    csv_rows,
    follow_up_json,
    match_over_time,
    target_sum,
)
from ynet3d.follow_up.changes import LEAST_DICE
from ynet3d.follow_up.picture import save_follow_up
from ynet3d.pipelines.segmentations import SEGMENTATION, read_segmentation, read_statistics
from ynet3d.progress import Progress
from ynet3d.reporting import statistics
from ynet3d.volumes import Reorientation, Volume, read_volume, strip_suffix

_TABLE = "follow-up.json"
#: What the statistics of a prediction know that its mask does not.
_OF_A_LESION = ("hu", "hu_sd", "confidence")
_OF_A_LIVER = ("liver_hu", "liver_hu_sd")


@dataclass(frozen=True, eq=False)
class Scan:
    """One of the two scans: its label map, what is in it, and its name."""

    name: str
    label: Volume
    found: dict[str, Any]

    @property
    def slice_mm(self) -> float:
        """Distance of axial slices."""
        return Reorientation.of(self.label.affine).spacing(self.label.spacing)[0]


@dataclass(frozen=True)
class FollowUp:
    """Where the files lie, and what is in `follow-up.json`."""

    folder: Path
    content: dict[str, Any]


def follow_up(
    before: str | Path,
    after: str | Path,
    out: str | Path,
    *,
    before_ct: str | Path | None = None,
    after_ct: str | Path | None = None,
    limit_mm: float = LIMIT_MM,
    progress: Progress | None = None,
) -> FollowUp:
    """Match the lesions of two scans; write `follow-up.json`, `follow-up.csv`, `follow-up.png`.

    Args:
        before, after: folders of `ynet3d predict`, or label maps (0 background, 1 liver, 2 tumour).
        out: folder to write to.
        before_ct, after_ct: the scans themselves, for densities; a folder's `statistics.json` has
            them already.
        limit_mm: see `match_over_time`.

    Raises:
        InputError: an input cannot be read or has no liver, a CT lies on another grid, or the limit
            is not a positive number.
    """
    if not (math.isfinite(limit_mm) and limit_mm > 0):
        raise InputError(f"The limit is {limit_mm:g} mm, expected a number above 0.")
    progress = progress or Progress(quiet=True)
    scans = _read_scan(before, before_ct), _read_scan(after, after_ct)
    with progress.task("Steps", total=3) as task:
        alignment = align(scans[0].label, scans[1].label)
        task.advance(note="livers laid over each other")
        pairs = match_over_time(scans[0].label, scans[1].label, alignment, limit_mm=limit_mm)
        found = scans[0].found, scans[1].found
        lesions = found[0]["lesions"], found[1]["lesions"]
        targets = target_sum(*lesions, pairs, slice_mm=scans[0].slice_mm)
        content = follow_up_json(
            *found,
            pairs,
            alignment,
            targets,
            names=(scans[0].name, scans[1].name),
            limit_mm=limit_mm,
            notes=_notes(scans, alignment),
        )
        task.advance(note="lesions matched")
        folder = ensure_output_folder(out)
        with staged_files(folder, last=_TABLE) as staging:
            write_json(staging / _TABLE, content)
            write_csv(staging / "follow-up.csv", csv_header(), csv_rows(content))
            labels = scans[0].label, scans[1].label
            save_follow_up(content, labels, found, alignment, staging / "follow-up.png")
        task.advance(note="written")
    for note in content["notes"]:
        progress.say(f"Note: {note}")
    return FollowUp(folder, content)


def _read_scan(path: str | Path, ct: str | Path | None) -> Scan:
    path = Path(path)
    label = read_segmentation(path)
    image = read_volume(ct) if ct is not None else None
    found = statistics(label, image)
    stored = read_statistics(path) if (path / SEGMENTATION).is_file() else None
    if stored is not None and image is None:
        found = _with_stored(found, stored)
    name = stored.get("scan") if stored else None
    return Scan(name if isinstance(name, str) else _name(path), label, found)


def _name(path: Path) -> str:
    return path.name if path.is_dir() else strip_suffix(path)


def _with_stored(found: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """`found` with the densities and confidences that were measured when the scan was predicted.

    Only if they are those of this mask: a mask that was corrected since has other lesions.
    """
    theirs = stored.get("lesions")
    if not isinstance(theirs, list) or len(theirs) != len(found["lesions"]):
        return found
    for one, other in zip(found["lesions"], theirs, strict=True):
        if not math.isclose(one["ml"], other.get("ml", -1.0), rel_tol=1e-3):
            return found
    result = {**found, **{name: stored[name] for name in _OF_A_LIVER if name in stored}}
    result["lesions"] = [
        {**one, **{name: other[name] for name in _OF_A_LESION if name in other}}
        for one, other in zip(found["lesions"], theirs, strict=True)
    ]
    return result


def _notes(scans: tuple[Scan, Scan], alignment: Alignment) -> list[str]:
    """What a reader should know before trusting the numbers."""
    notes = []
    if alignment.dice < LEAST_DICE:
        notes.append(
            f"Laid over each other, the two livers overlap by only {alignment.dice:.0%} (Dice): "
            "check that both scans are of one patient and show the whole liver, and look at the "
            "picture before using the matches."
        )
    thickness = [scan.slice_mm for scan in scans]
    if max(thickness) > 1.5 * min(thickness):
        notes.append(
            f"Slices are {thickness[0]:.3g} mm apart before and {thickness[1]:.3g} mm after: small "
            "lesions differ in size, or are not seen, by that alone."
        )
    return notes


def summary(content: Mapping[str, Any]) -> str:
    """One line from the content of `follow-up.json`."""
    counts = ", ".join(f"{count} {state}" for state, count in content["counts"].items() if count)
    targets = content["target_lesions"]
    total = targets["sum_of_longest_diameters_mm"]
    words = targets["arithmetic"]
    if total["change_percent"] is not None:
        words = (
            f"{total['before']:.0f} to {total['after']:.0f} mm "
            f"({total['change_percent']:+.0f} %), {words}"
        )
    return (
        f"Lesions: {counts or 'none in either scan'}. Target lesions: {words} (arithmetic of "
        "RECIST 1.1, not a diagnosis)."
    )
