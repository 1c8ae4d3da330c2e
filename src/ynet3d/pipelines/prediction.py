"""Scans on disk to files on disk: mask, statistics, pictures."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError, YnetError
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.inference import Predictor
from ynet3d.labels import RESEARCH_USE
from ynet3d.progress import Progress
from ynet3d.reporting import save_overlay, save_surface, statistics
from ynet3d.volumes import (
    Volume,
    ct_problems,
    find_volumes,
    read_volume,
    strip_suffix,
    write_label,
)

SEGMENTATION = "segmentation.nii.gz"


@dataclass(frozen=True)
class FilePrediction:
    """One input that was predicted: where its files lie, and what was found."""

    name: str
    source: Path
    folder: Path
    statistics: dict[str, Any]


@dataclass(frozen=True)
class FailedPrediction:
    """One of several inputs that could not be predicted, and why."""

    source: Path
    error: YnetError


def predict_files(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    weights: str | Path,
    device: str = "auto",
    series: str | None = None,
    hu_offset: float = 0.0,
    progress: Progress | None = None,
) -> tuple[list[FilePrediction], list[FailedPrediction]]:
    """Predict scans and write `segmentation.nii.gz`, `statistics.json` and two pictures for each.

    Args:
        inputs: volume files, DICOM folders, zips, or folders of volume files.
        out: folder for the files of one input, or for a folder for each of several.
        weights: a `.safetensors` file or a run folder.
        series: DICOM SeriesInstanceUID, where an input has several.
        hu_offset: added to the voxels (HU) of each scan, for files that store HU + 1024 or such.

    Returns:
        What was predicted, and what of several inputs failed (one bad scan never stops the rest).

    Raises:
        InputError: a single input, the weights or the output folder cannot be used.
        YnetError: a single input failed for another reason.
    """
    progress = progress or Progress(quiet=True)
    scans = [scan for item in inputs for scan in _scans(Path(item))]
    targets = _targets(scans, ensure_output_folder(out))
    predictor = Predictor(weights, device=device)
    done: list[FilePrediction] = []
    failed: list[FailedPrediction] = []
    for scan, (name, folder) in zip(scans, targets, strict=True):
        try:
            volume = read_ct(scan, series=series, hu_offset=hu_offset, progress=progress)
            done.append(_predict_one(predictor, volume, name, scan, folder, progress))
        except YnetError as error:
            if len(scans) == 1:
                raise
            failed.append(FailedPrediction(scan, error))
            progress.say(f"{scan}: {error} Going on with the next.")
    return done, failed


def read_ct(path: Path, *, series: str | None, hu_offset: float, progress: Progress) -> Volume:
    """Read a CT and make sure that it can be one; odd but usable things are said.

    Raises:
        InputError: it cannot be read, or no sensible result can come from it.
    """
    volume = read_volume(path, series=series)
    if hu_offset:
        volume = volume.with_array(volume.array + volume.array.dtype.type(hu_offset))
    for problem in ct_problems(volume):
        if problem.fatal:
            raise InputError(problem.sentence)
        progress.say(f"Note: {problem.sentence}")
    return volume


def _predict_one(
    predictor: Predictor, volume: Volume, name: str, scan: Path, folder: Path, progress: Progress
) -> FilePrediction:
    started = time.monotonic()
    label = predictor(volume, progress=progress)
    found = statistics(label, volume)
    content = {
        "scan": name,
        **found,
        "grid": {
            "shape": list(volume.shape),
            "spacing_mm": [round(size, 6) for size in volume.spacing],
            "orientation": volume.orientation,
        },
        "weights": {
            "file": predictor.weights.path.name,
            "sha256": predictor.weights.facts.get("sha256"),
            "recipe": predictor.weights.recipe.name,
            "training_data": predictor.weights.facts.get("training_data", {}).get("name"),
            "licence": predictor.weights.facts.get("training_data", {}).get("licence"),
        },
        "notice": RESEARCH_USE,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        write_label(label, staging / SEGMENTATION)
        save_overlay(volume, label, staging / "overlay.png", title=name, found=found)
        save_surface(label, staging / "surface.png", title=name, found=found)
        content["seconds"] = round(time.monotonic() - started, 1)
        write_json(staging / "statistics.json", content)
        folder.mkdir(exist_ok=True)
        for file in staging.iterdir():
            os.replace(file, folder / file.name)
    except OSError as error:
        raise YnetError(
            f"The results of {name} could not be written to {folder}: {error.strerror}."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return FilePrediction(name, scan, folder, content)


def _scans(path: Path) -> list[Path]:
    """`path` itself, or the volume files in it, without label maps in LiTS's naming."""
    if not path.exists():
        raise InputError(f"There is nothing at {path}: check the path of the input.")
    files = find_volumes(path) if path.is_dir() else []
    return [file for file in files if not file.name.startswith("segmentation")] or [path]


def _targets(scans: Sequence[Path], out: Path) -> list[tuple[str, Path]]:
    names = [_name(scan) for scan in scans]
    if len(scans) == 1:
        return [(names[0], out)]
    if len(set(names)) < len(names):  # same file name in several folders: add the folder's
        names = [f"{_name(scan.parent)}-{name}" for scan, name in zip(scans, names, strict=True)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"Several inputs would be written to {out / twice[0]}: predict them in separate calls, "
            "or rename them."
        )
    return [(name, out / name) for name in names]


def _name(path: Path) -> str:
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else strip_suffix(resolved)
