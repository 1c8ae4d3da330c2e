"""The whole system at work on phantoms: make, train, predict, evaluate, show."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ynet3d.datasets import open_dataset
from ynet3d.errors import InputError
from ynet3d.evaluation import Evaluation, summarise, write_evaluation
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.meshes.writing import SCENE
from ynet3d.phantoms import PhantomOptions, write_phantoms
from ynet3d.pipelines.extra_outputs import DICOM, MESHES, REPORT, ExtraOutputs
from ynet3d.pipelines.prediction import FilePrediction, predict_files
from ynet3d.pipelines.report import (
    READING,
    RUN_PICTURES,
    JobResult,
    Scored,
    dice_headlines,
    dice_summary,
    mean_dice,
    score_scan,
    versions,
)
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.reporting import Page, write_page
from ynet3d.training import TrainingData, train
from ynet3d.training.checkpoint import FILE as CHECKPOINT
from ynet3d.volumes import read_label, read_volume, strip_suffix, turned_like
from ynet3d.weights.shipped import default_weights

LIVER_BAR, TUMOUR_BAR = 0.93, 0.50
_TRAINING_SEED, _UNSEEN_SEED = 1000, 5000  # far apart: a phantom is its seed
_VALIDATION_CASES = 2
#: Of the unseen cases, one that goes in as DICOM: what can be written of a scan is written of it.
_SHOWN = 1
#: Hardly trained, a network sees a thousand tumours in noise, each with a surface and a segment.
_SHORT = ["training.epochs=1", "inference.minimum_tumour_ml=2"]
_SETTINGS = "settings.json"
_PREDICTIONS, _SHIPPED = "predictions", "shipped"
_FOLDERS = ("training", "run", "unseen", _PREDICTIONS, _SHIPPED, "evaluation")
_LICENCE = "Apache-2.0 (phantoms made by ynet3d)"


def run_demo(
    out: Path, *, short: bool = False, device: str = "auto", progress: Progress | None = None
) -> JobResult:
    """Run the demo into `out`; leaves `index.html` and `summary.json` there.

    One that was stopped goes on where it stood; one of other settings is begun again.

    Args:
        short: hardly any training, small scans: shows that every step works, promises no Dice.

    Raises:
        InputError: `out` cannot be written, or holds something else than a demo.
        YnetError: a step failed.
    """
    progress = progress or Progress()
    started = time.monotonic()
    ensure_output_folder(out)
    recipe = load_recipe("demo", changes=_SHORT if short else [])
    _claim(out, {"short": short, "recipe": recipe.model_dump(mode="json")})
    _train(out, recipe, short, device, progress)
    progress.say("Making unseen phantoms, as NIfTI and as DICOM")
    size = PhantomOptions(matrix=128, slices=32) if short else PhantomOptions()
    unseen = out / "unseen"
    cases = 2 if short else 4
    write_phantoms(
        unseen, cases=cases, seed=_UNSEEN_SEED, options=size, dicom=True, progress=progress
    )
    # Every other scan goes in as DICOM, the rest as NIfTI.
    inputs = [
        unseen / (f"dicom-{case}" if case % 2 else f"volume-{case}.nii.gz") for case in range(cases)
    ]
    shown = inputs.pop(_SHOWN)
    predicted = _predict(inputs, out, device, progress)
    predicted.insert(_SHOWN, _predict_fully(shown, out, device, progress))
    scored = [_score(item, unseen, out) for item in predicted]
    shipped = _predict_with_shipped(inputs[0], unseen, out, device, progress)
    evaluation = summarise([item.evaluation for item in scored])
    write_evaluation(evaluation, out / "evaluation")
    seconds = time.monotonic() - started
    extra = _extra_files(out, predicted[_SHOWN].folder)
    return _finish(out, recipe, scored, shipped, evaluation, extra, seconds, short=short)


def _claim(out: Path, settings: dict[str, Any]) -> None:
    """Remove an earlier demo of other settings; nothing else is ever removed."""
    file = out / _SETTINGS
    if file.is_file():
        if json.loads(file.read_text("utf-8")) != settings:
            for name in _FOLDERS:
                shutil.rmtree(out / name, ignore_errors=True)
    elif any(out.iterdir()):
        raise InputError(
            f"The folder {out} holds files that are not of a demo: choose another with --out."
        )
    write_json(file, settings)


def _train(out: Path, recipe: Recipe, short: bool, device: str, progress: Progress) -> None:
    folder = out / "training"
    # Training scans are small: a 128 x 128 slice is still finer than the network's grid. Each has
    # several tumours, so that few scans teach much.
    options = PhantomOptions(matrix=128, tumours=4)
    progress.say("Making phantoms to train on")
    write_phantoms(
        folder,
        cases=4 if short else 34,
        seed=_TRAINING_SEED,
        options=options,
        progress=progress,
    )
    cases = open_dataset(folder, kind="lits").cases
    data = TrainingData("phantoms", cases[_VALIDATION_CASES:], cases[:_VALIDATION_CASES], _LICENCE)
    progress.say(f"Training {recipe.network.name} on {len(data.training)} phantoms")
    run = out / "run"
    resume = (run / CHECKPOINT).is_file()
    result = train(data, run, recipe, device=device, resume=resume, progress=progress)
    if not result.finished:
        raise KeyboardInterrupt


def _predict(
    inputs: Sequence[Path], out: Path, device: str, progress: Progress
) -> list[FilePrediction]:
    folder = out / _PREDICTIONS
    predicted, failed = predict_files(
        inputs,
        folder if len(inputs) > 1 else folder / strip_suffix(inputs[0]),
        weights=out / "run",
        device=device,
        progress=progress,
    )
    if failed:
        raise failed[0].error
    return predicted


def _predict_fully(scan: Path, out: Path, device: str, progress: Progress) -> FilePrediction:
    """With DICOM objects, surfaces and a report, as far as their packages are installed."""
    possible, lacking = ExtraOutputs.possible()
    for sentence in lacking:
        progress.say(f"Note: {sentence}")
    predicted, _ = predict_files(
        [scan],
        out / _PREDICTIONS / scan.name,
        weights=out / "run",
        device=device,
        dicom=possible.dicom,
        meshes=possible.meshes,
        report=possible.report,
        progress=progress,
    )
    return predicted[0]


def _predict_with_shipped(
    scan: Path, unseen: Path, out: Path, device: str, progress: Progress
) -> Scored:
    """By the weights of this package, as a user does who has no others; they know no phantoms."""
    progress.say(f"Predicting {scan.name} with the weights of this package, made for real CT")
    folder = out / _SHIPPED
    predicted, _ = predict_files([scan], folder, device=device, progress=progress)
    scored = _score(predicted[0], unseen, out)
    name = f"{scored.row.case} by {default_weights()}"
    row = replace(scored.row, case=name, remark="not in the means")
    return replace(scored, row=row, pictures=replace(scored.pictures, name=name))


def _score(item: FilePrediction, unseen: Path, out: Path) -> Scored:
    image = read_volume(item.source)
    number = item.name.rpartition("-")[2].split(".")[0]
    # A DICOM series may hold the same grid with its slices the other way round.
    reference = turned_like(read_label(unseen / f"segmentation-{number}.nii.gz"), image)
    kind = "phantom, DICOM" if item.source.is_dir() else "phantom, NIfTI"
    return score_scan(
        item.name,
        kind,
        item.folder,
        item.statistics,
        image=image,
        reference=reference,
        page_folder=out,
    )


def _extra_files(out: Path, folder: Path) -> dict[str, str]:
    """Those of the case shown: path in `out`, and what it is."""
    files = {
        REPORT: "report of one scan, with a 3D view",
        "report.pdf": "the same to print",
        f"{MESHES}/{SCENE}.glb": "its surfaces, for Blender or a browser; STL, OBJ, PLY beside it",
        f"{DICOM}/segmentation.dcm": "its mask as DICOM SEG; structured report and RT structure "
        "set beside it",
    }
    return {
        (folder / name).relative_to(out).as_posix(): words
        for name, words in files.items()
        if (folder / name).exists()
    }


def _finish(
    out: Path,
    recipe: Recipe,
    scored: list[Scored],
    shipped: Scored,
    evaluation: Evaluation,
    extra: dict[str, str],
    seconds: float,
    *,
    short: bool,
) -> JobResult:
    liver = mean_dice(evaluation, "liver", with_reference=False)
    tumour = mean_dice(evaluation, "tumour", with_reference=True)
    summary = {
        **dice_summary(evaluation),
        "seconds": round(seconds, 1),
        "short": short,
        "shipped_weights": {
            "name": default_weights(),
            "cases": 1,
            "liver_dice": shipped.row.dice_liver,
            "tumour_dice": shipped.row.dice_tumour,
        },
        "worst_grid_difference_mm": max(item.grid_difference_mm for item in (*scored, shipped)),
    }
    write_json(out / "summary.json", summary)
    write_page(
        out / "index.html",
        Page(
            title="3DYNet demo",
            lead=(
                "Abdominal CT phantoms were made, a small 3dynet was trained on some of them, and "
                f"{len(scored)} it has never seen were predicted, from NIfTI and from DICOM. "
                "The weights that come with this package, made for real CT, predicted one, too."
                + (" This was the short demo: hardly any training." if short else "")
            ),
            headlines=dice_headlines(evaluation, "unseen phantoms"),
            rows=[item.row for item in (*scored, shipped)],
            rows_text=READING,
            cases=[item.pictures for item in (*scored, shipped)],
            pictures=RUN_PICTURES,
            settings=recipe.model_dump(mode="json"),
            files={
                "summary.json": "the figures of this page",
                "evaluation/cases.csv": "metrics of each case and class",
                "evaluation/lesions.csv": "each tumour: found, missed or invented",
                "evaluation/summary.json": "their means and standard deviations",
                "run/best.json": "how the weights were trained",
                "run/log.csv": "the training log",
                **extra,
            },
            seconds=seconds,
            versions=versions(),
        ),
    )
    shipped_words = ", ".join(
        f"{name} Dice {dice:.3f}"
        for name, dice in (("liver", shipped.row.dice_liver), ("tumour", shipped.row.dice_tumour))
        if dice is not None
    )
    passed = short or (liver >= LIVER_BAR and tumour >= TUMOUR_BAR)
    words = (
        f"{len(scored)} unseen phantoms: liver Dice {liver:.3f}, tumour Dice {tumour:.3f}, "
        f"{seconds / 60:.1f} min.\n"
        f"One of them by the weights of this package, which know no phantoms: {shipped_words}.\n"
        f"Open {out / 'index.html'} in a browser."
    )
    if extra:
        words += "\nOne of them in full:" + "".join(
            f"\n  {out / path}: {what}" for path, what in extra.items()
        )
    if not passed:
        words += f"\nBelow the bar of the demo (liver {LIVER_BAR}, tumour {TUMOUR_BAR})."
    return JobResult(summary, words, passed)
