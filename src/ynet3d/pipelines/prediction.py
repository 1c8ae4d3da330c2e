"""Scans on disk to files on disk: mask, statistics, pictures, and more on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d import __version__
from ynet3d.deidentification import Wording, pseudonym_uid
from ynet3d.errors import InputError, YnetError
from ynet3d.files import ensure_output_folder, reason, staged_files, write_json
from ynet3d.labels import RESEARCH_USE
from ynet3d.pipelines.extra_outputs import ExtraOutputs
from ynet3d.pipelines.scans import (
    deidentified_targets,
    read_ct,
    scans_in,
    targets_of,
    write_key,
)
from ynet3d.pipelines.segmentations import DEIDENTIFIED, SEGMENTATION, STATISTICS
from ynet3d.progress import Progress
from ynet3d.reporting import save_overlay, save_surface, statistics, write_lesions_csv
from ynet3d.reporting.plausibility import doubts
from ynet3d.volumes import Volume, write_label

if TYPE_CHECKING:
    from ynet3d.dicom_output.source import DicomSource
    from ynet3d.inference import Predictor, TwoStagePredictor
    from ynet3d.inference.ensemble import OneOrMore
    from ynet3d.weights import Weights

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
    """One of several inputs that could not be predicted, and why.

    Attributes:
        shown: its path, or its name where results do not tell whose scans they are of.
    """

    source: Path
    shown: str
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
    dicom: bool = False,
    meshes: bool = False,
    report: bool = False,
    deidentify: bool = False,
    key: Path | None = None,
    notes: Sequence[str] = (),
    paths_in_notes: bool = True,
    progress: Progress | None = None,
) -> tuple[list[FilePrediction], list[FailedPrediction]]:
    """Predict scans: `segmentation.nii.gz`, `statistics.json`, `lesions.csv` and two pictures each.

    Args:
        inputs: volume files, DICOM folders, zips, or folders of volume files.
        out: folder for the files of one input, or for a folder for each of several.
        weights: a `.safetensors` file or a run folder, or loaded weights; several predict together;
            by default those of this package.
        refine: those of the second stage, which sees only the box of the liver that `weights` find.
        device, runtime, precision, cache: what the network runs on and in, see `Predictor`.
        series: DICOM SeriesInstanceUID, where an input has several.
        hu_offset: added to the voxels (HU) of each scan, for files that store HU + 1024 or such.
        dicom, meshes, report: write these too, see `ExtraOutputs`.
        deidentify: outputs do not tell whose scans they are of: `deidentified_targets` names them.
        key: a CSV to write, which says which is which.
        notes: what the caller knows of the scans, for their `statistics.json`.
        paths_in_notes: else notes have the names of scans, whose files are gone afterwards.

    Returns:
        What was predicted, and what of several inputs failed (one bad scan never stops the rest).

    Raises:
        InputError: a single input, the weights or the output folder cannot be used.
        YnetError: a single input failed for another reason.
    """
    progress = progress or Progress(quiet=True)
    extra = ExtraOutputs(dicom=dicom, meshes=meshes, report=report, deidentify=deidentify)
    scans = [scan for item in inputs for scan in scans_in(Path(item))]
    if key is not None and not deidentify:
        raise InputError("--key says which de-identified result is which: it needs --deidentify.")
    if deidentify:
        targets = deidentified_targets(scans, Path(out), key)
    else:
        targets = targets_of(scans, Path(out))
    ensure_output_folder(out)
    extra.check(scans)
    # Here, so that a wrong path is refused before torch has been loaded.
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
    if deidentify and key is not None:
        write_key(key, scans, targets)
    done: list[FilePrediction] = []
    failed: list[FailedPrediction] = []
    for scan, (name, folder) in zip(scans, targets, strict=True):
        try:
            found = predict_file(
                predictor,
                scan,
                folder,
                name=name,
                series=series,
                hu_offset=hu_offset,
                extra=extra,
                notes=notes,
                paths_in_notes=paths_in_notes,
                progress=progress,
            )
            done.append(found)
        except YnetError as error:
            if len(scans) == 1:
                raise
            shown = name if deidentify else str(scan)
            failed.append(FailedPrediction(scan, shown, error))
            progress.say(f"{shown}: {error} Going on with the next.")
    return done, failed


def predict_file(
    predictor: Predictor | TwoStagePredictor,
    scan: Path,
    folder: Path,
    *,
    name: str,
    series: str | None = None,
    hu_offset: int = 0,
    extra: ExtraOutputs,
    notes: Sequence[str] = (),
    paths_in_notes: bool = True,
    opened: Callable[[Volume, list[str]], None] | None = None,
    progress: Progress,
) -> FilePrediction:
    """Predict one scan with a network that is loaded already; the rest as `predict_files`.

    Args:
        opened: called with the scan and what is odd about it, before it is predicted.

    Raises:
        InputError: the scan cannot be used.
        YnetError: it failed for another reason.
    """
    from ynet3d.devices import explained_memory_errors

    hidden = extra.deidentify or not paths_in_notes
    wording = Wording(name if hidden else str(scan), scan, extra.deidentify)
    with explained_memory_errors(_ADVICE), _errors_in(wording):
        volume, found = read_ct(scan, series=series, hu_offset=hu_offset)
        wording = wording.of(volume)
        noted = [*notes, *(wording(note) for note in found)]
        for note in noted:
            progress.say(f"Note: {note}")
        if opened is not None:
            opened(volume, noted)
        source = extra.source_of(scan, volume, series)
        return _predict_one(
            predictor,
            volume,
            source,
            noted,
            name,
            scan,
            folder,
            progress,
            extra=extra,
            wording=wording,
        )


@contextmanager
def _errors_in(wording: Wording) -> Iterator[None]:
    """Errors of the scan say no more than its outputs."""
    try:
        yield
    except YnetError as error:
        if wording.deidentify:
            error.args = (wording(str(error)), *error.args[1:])
        raise


def _predict_one(
    predictor: Predictor | TwoStagePredictor,
    volume: Volume,
    source: DicomSource | None,
    notes: list[str],
    name: str,
    scan: Path,
    folder: Path,
    progress: Progress,
    *,
    extra: ExtraOutputs,
    wording: Wording,
) -> FilePrediction:
    started = time.monotonic()
    label = predictor(volume, progress=progress, checked=True)
    found = statistics(label, volume, confidence=predictor.confidence)
    doubtful = doubts(label, found, volume)
    for doubt in doubtful:
        progress.say(f"Note: {doubt}")
    series = volume.metadata.get("SeriesInstanceUID")
    content = {
        "scan": name,
        **({DEIDENTIFIED: True} if extra.deidentify else {}),
        **found,
        "grid": {
            "shape": list(volume.shape),
            "spacing_mm": [round(size, 6) for size in volume.spacing],
            "orientation": volume.orientation,
        },
        "series": pseudonym_uid(series) if series and extra.deidentify else series,
        "notes": [*notes, *doubtful],
        "weights": {
            "file": predictor.weights.path.name,
            "sha256": predictor.weights.facts.get("sha256"),
            "recipe": predictor.weights.recipe.name,
            "inference": predictor.weights.recipe.inference.model_dump(mode="json"),
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
        with staged_files(folder, last=STATISTICS) as staging:
            write_label(label, staging / SEGMENTATION)
            save_overlay(volume, label, staging / "overlay.png", title=name, found=found)
            save_surface(label, staging / "surface.png", title=name, found=found)
            write_lesions_csv(found, staging / "lesions.csv")
            for note in extra.write_with_mask(label, source, staging, content):
                progress.say(f"Note: {wording(note)}")
                content["notes"].append(wording(note))
            content["seconds"] = round(time.monotonic() - started, 1)
            write_json(staging / STATISTICS, content)
            # Those of an older mask go first: who is killed from here on leaves no false pair.
            (folder / STATISTICS).unlink(missing_ok=True)
    except OSError as error:
        raise YnetError(
            f"The results of {name} could not be written to {folder}: {reason(error)}."
        ) from error
    finally:
        with suppress(OSError):  # leave no empty folder of a scan that failed
            folder.rmdir()
    extra.write_after_mask(volume, label, folder, content, progress)
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
