"""Scans on disk to files on disk: mask, statistics, pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ynet3d import __version__
from ynet3d.errors import InputError, YnetError
from ynet3d.files import ensure_output_folder, staged_files, write_json
from ynet3d.labels import RESEARCH_USE
from ynet3d.progress import Progress
from ynet3d.reporting import save_overlay, save_surface, statistics
from ynet3d.reporting.plausibility import doubts
from ynet3d.volumes import (
    Volume,
    check_ct,
    find_volumes,
    holds_dicom,
    is_label_name,
    read_volume,
    strip_suffix,
    write_label,
)

if TYPE_CHECKING:
    from ynet3d.inference import Predictor, TwoStagePredictor
    from ynet3d.inference.ensemble import OneOrMore
    from ynet3d.weights import Weights

SEGMENTATION = "segmentation.nii.gz"
_ADVICE = "close other programs, or crop the scan to the abdomen"


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
    weights: OneOrMore | None = None,
    refine: OneOrMore | None = None,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
    cache: Path | None = None,
    series: str | None = None,
    hu_offset: int = 0,
    report: bool = False,
    progress: Progress | None = None,
) -> tuple[list[FilePrediction], list[FailedPrediction]]:
    """Predict scans and write `segmentation.nii.gz`, `statistics.json` and two pictures for each.

    Args:
        inputs: volume files, DICOM folders, zips, or folders of volume files.
        out: folder for the files of one input, or for a folder for each of several.
        weights: a `.safetensors` file or a run folder, or loaded weights; several predict together;
            by default those of this package.
        refine: those of the second stage, which sees only the box of the liver that `weights` find.
        device, runtime, precision, cache: what the network runs on and in, see `Predictor`.
        series: DICOM SeriesInstanceUID, where an input has several.
        hu_offset: added to the voxels (HU) of each scan, for files that store HU + 1024 or such.
        report: also write `report.html` and `report.pdf`, after the other files.

    Returns:
        What was predicted, and what of several inputs failed (one bad scan never stops the rest).

    Raises:
        InputError: a single input, the weights or the output folder cannot be used.
        YnetError: a single input failed for another reason.
    """
    progress = progress or Progress(quiet=True)
    scans = [scan for item in inputs for scan in _scans(Path(item))]
    targets = _targets(scans, ensure_output_folder(out))
    if report:  # before an hour of predicting
        from ynet3d.reporting.case_report import require_extras

        require_extras()
    # Here, so that a wrong path is refused before torch has been loaded.
    from ynet3d.devices import explained_memory_errors
    from ynet3d.inference import make_predictor
    from ynet3d.weights.shipped import default_weights

    predictor = make_predictor(
        default_weights() if weights is None else weights,
        refine=refine,
        device=device,
        runtime=runtime,
        precision=precision,
        cache=cache,
    )
    done: list[FilePrediction] = []
    failed: list[FailedPrediction] = []
    for scan, (name, folder) in zip(scans, targets, strict=True):
        try:
            with explained_memory_errors(_ADVICE):
                volume, notes = read_ct(scan, series=series, hu_offset=hu_offset)
                for note in notes:
                    progress.say(f"Note: {note}")
                found = _predict_one(
                    predictor, volume, notes, name, scan, folder, progress, report=report
                )
                done.append(found)
        except YnetError as error:
            if len(scans) == 1:
                raise
            failed.append(FailedPrediction(scan, error))
            progress.say(f"{scan}: {error} Going on with the next.")
    return done, failed


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
        largest = others[0]
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        notes.insert(
            0,
            f"{path} holds {len(others) + 1} axial CT series; the one with the most slices was "
            f"taken ({volume.metadata['SeriesInstanceUID'] or 'without UID'}, {volume.shape[2]} "
            f"slices), not {largest.uid or 'one without UID'} ({largest.images} slices){more}: "
            "name another with --series.",
        )
    return volume, notes


def _shifted(volume: Volume, hu_offset: int) -> Volume:
    low, high = (float(extreme) + hu_offset for extreme in (volume.array.min(), volume.array.max()))
    limits = np.iinfo(np.int16)
    if not limits.min <= low <= high <= limits.max:
        raise InputError(
            f"With --hu-offset {hu_offset}, {volume.source} would reach from {low:g} to {high:g}, "
            "which is not HU: give another offset."
        )
    return volume.with_array(volume.array + volume.array.dtype.type(hu_offset))


def _predict_one(
    predictor: Predictor | TwoStagePredictor,
    volume: Volume,
    notes: list[str],
    name: str,
    scan: Path,
    folder: Path,
    progress: Progress,
    *,
    report: bool,
) -> FilePrediction:
    started = time.monotonic()
    label = predictor(volume, progress=progress, checked=True)
    found = statistics(label, volume, confidence=predictor.confidence)
    doubtful = doubts(label, found)
    for doubt in doubtful:
        progress.say(f"Note: {doubt}")
    content = {
        "scan": name,
        **found,
        "grid": {
            "shape": list(volume.shape),
            "spacing_mm": [round(size, 6) for size in volume.spacing],
            "orientation": volume.orientation,
        },
        "series": volume.metadata.get("SeriesInstanceUID"),
        "notes": [*notes, *doubtful],
        "weights": {
            "file": predictor.weights.path.name,
            "sha256": predictor.weights.facts.get("sha256"),
            "recipe": predictor.weights.recipe.name,
            "training_data": predictor.weights.facts.get("training_data", {}).get("name"),
            "licence": predictor.weights.facts.get("training_data", {}).get("licence"),
        },
        "runtime": [running.as_json() for running in predictor.running],
        **_others(predictor),
        "version": __version__,
        "notice": RESEARCH_USE,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staged_files(folder) as staging:
            write_label(label, staging / SEGMENTATION)
            save_overlay(volume, label, staging / "overlay.png", title=name, found=found)
            save_surface(label, staging / "surface.png", title=name, found=found)
            content["seconds"] = round(time.monotonic() - started, 1)
            write_json(staging / "statistics.json", content)
    except OSError as error:
        raise YnetError(
            f"The results of {name} could not be written to {folder}: {error.strerror}."
        ) from error
    finally:
        with suppress(OSError):  # leave no empty folder of a scan that failed
            folder.rmdir()
    if report:
        from ynet3d.reporting.case_report import write_case_report

        write_case_report(volume, label, content, folder)
    elif (folder / "report.html").exists():
        progress.say(f"Note: the report in {folder} is of an earlier prediction.")
    return FilePrediction(name, scan, folder, content)


def _others(predictor: Predictor | TwoStagePredictor) -> dict[str, Any]:
    """The other weights of an ensemble, and those of the second stage."""
    from ynet3d.inference import TwoStagePredictor

    def named(members: Sequence[Weights]) -> list[dict[str, Any]]:
        return [{"file": str(m.path), "sha256": m.facts.get("sha256")} for m in members]

    first = predictor.coarse if isinstance(predictor, TwoStagePredictor) else predictor
    others = {"ensemble_with": named(first.members[1:])}
    if isinstance(predictor, TwoStagePredictor):
        others["refined_by"] = named(predictor.fine.members)
    return {name: members for name, members in others.items() if members}


def _scans(path: Path) -> list[Path]:
    """`path` itself, or the volume files in it unless they are label maps or lie beside DICOM."""
    if not path.exists():
        raise InputError(f"There is nothing at {path}: check the path of the input.")
    files = find_volumes(path) if path.is_dir() else []
    if not files or holds_dicom(path):
        return [path]
    stems = {strip_suffix(file) for file in files}
    return [file for file in files if not is_label_name(strip_suffix(file), stems)] or [path]


def _targets(scans: Sequence[Path], out: Path) -> list[tuple[str, Path]]:
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


def _twice(names: list[str]) -> list[str]:
    """Names that meet in one folder, also where the file system ignores case."""
    folded = [name.casefold() for name in names]
    return sorted({name for name in names if folded.count(name.casefold()) > 1})


def _name(path: Path) -> str:
    """The input's own name; a link keeps its own, whatever it points to."""
    absolute = Path(os.path.abspath(path))
    return absolute.name if absolute.is_dir() else strip_suffix(absolute)
