"""A mask that a person corrected, in the place of the one that was predicted."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ynet3d import __version__
from ynet3d.deidentification import Wording
from ynet3d.errors import InputError, MissingExtraError, YnetError
from ynet3d.files import atomic_path, staged_files, write_json
from ynet3d.pipelines.corrected_mask import PREDICTED, check_corrected_mask
from ynet3d.pipelines.extra_outputs import DICOM, MESHES, REPORT, ExtraOutputs
from ynet3d.pipelines.scans import read_ct
from ynet3d.pipelines.segmentations import (
    DEIDENTIFIED,
    SEGMENTATION,
    STATISTICS,
    read_statistics,
    series_of,
)
from ynet3d.progress import Progress
from ynet3d.reporting import save_overlay, save_surface, statistics, write_lesions_csv
from ynet3d.reporting.plausibility import doubts
from ynet3d.volumes import Volume, write_label

NOTE = "The mask was corrected by hand, so that the lesions have no confidence."


def correct_files(
    scan: str | Path,
    mask: str | Path,
    prediction: str | Path,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Replace a prediction's mask, and make anew all files that follow from it.

    The files change together at the end. What the prediction has of surfaces, report and DICOM is
    made again, unless the mask is empty or DICOM cannot hold it; then it goes. The network's mask
    stays as `segmentation-predicted.nii.gz`.

    Args:
        scan: the CT that was predicted.
        mask: the corrected label map, on the scan's grid.
        prediction: folder of `predict`.

    Returns:
        The new `statistics.json`.

    Raises:
        InputError: the folder holds no prediction, or `mask` lies on another grid.
    """
    progress = progress or Progress(quiet=True)
    folder = Path(prediction)
    before = read_statistics(folder)
    if before is None:
        raise InputError(f"There is no {STATISTICS} in {folder}: give a folder of `predict`.")
    label = check_corrected_mask(mask, folder)
    series = series_of(before, scan)
    image, notes = read_ct(Path(scan), series=series)
    deidentify = bool(before.get(DEIDENTIFIED))
    shown = before.get("scan", "") if deidentify else str(Path(scan))
    wording = Wording(shown, Path(scan), deidentify).of(image)
    notes = [wording(note) for note in notes]
    found = statistics(label, image)
    content = _content(before, found, [*notes, *doubts(label, found, image), NOTE])
    extra = ExtraOutputs(
        dicom=(folder / DICOM).is_dir(),
        meshes=(folder / MESHES).is_dir(),
        report=(folder / REPORT).is_file(),
        deidentify=deidentify,
    )
    name = content["scan"]
    with staged_files(folder, last=STATISTICS) as staging:
        write_label(label, staging / SEGMENTATION)
        save_overlay(image, label, staging / "overlay.png", title=name, found=found)
        save_surface(label, staging / "surface.png", title=name, found=found)
        write_lesions_csv(found, staging / "lesions.csv")
        made = _extras(extra, scan, series, image, label, staging, content, progress)
        content["notes"] += [wording(note) for note in made]
        write_json(staging / STATISTICS, content)
        for stale in (DICOM, MESHES):
            if (folder / stale).is_dir() and not (staging / stale).is_dir():
                shutil.rmtree(folder / stale)
        if not (folder / PREDICTED).is_file():
            # Before its place is taken: who is killed in between must not lose it.
            with atomic_path(folder / PREDICTED) as copy:
                shutil.copyfile(folder / SEGMENTATION, copy)
    return content


def _extras(
    extra: ExtraOutputs,
    scan: str | Path,
    series: str | None,
    image: Volume,
    label: Volume,
    staging: Path,
    content: dict[str, Any],
    progress: Progress,
) -> list[str]:
    try:
        source = extra.source_of(Path(scan), image, series)
        notes = extra.write_with_mask(label, source, staging, content)
    except MissingExtraError:
        raise
    except YnetError as error:  # for instance an empty mask, which DICOM has no words for
        notes = [f"DICOM of the corrected mask could not be written: {error}"]
        shutil.rmtree(staging / DICOM, ignore_errors=True)
    extra.write_after_mask(image, label, staging, content, progress)
    return notes


def _content(
    before: Mapping[str, Any], found: Mapping[str, Any], notes: list[str]
) -> dict[str, Any]:
    """What the prediction said of itself, and what the new mask says."""
    kept = ("scan", "grid", "series", "weights", "runtime", "ensemble_with", "refined_by")
    return {
        **{name: before[name] for name in ("scan",) if name in before},
        **found,
        **{name: before[name] for name in (*kept, DEIDENTIFIED) if name in before},
        "notes": notes,
        "corrected": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "notice": before.get("notice"),
    }
