"""Cross-validation by patient: every scan predicted by a network that never saw that patient.

Folds train side by side in processes of their own, as the networks of an experiment do, and go on
where they were stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.datasets import DataSet, Split, make_split, open_dataset, read_split, write_split
from ynet3d.datasets.split_file import FOLDS_FILE
from ynet3d.errors import InputError, YnetError
from ynet3d.evaluation import Evaluation, summarise, write_evaluation
from ynet3d.experiments.execution import Source, check_recipes, read_result, slots, train_runs
from ynet3d.experiments.plan import PlannedRun, plan_run
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.pipelines.prediction import predict_files
from ynet3d.pipelines.report import (
    READING,
    Scored,
    dice_headlines,
    dice_summary,
    score_scan,
    versions,
)
from ynet3d.pipelines.segmentations import STATISTICS
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.reporting import Page, Picture, Table, write_page
from ynet3d.training.log import CURVES
from ynet3d.weights import Weights, load_weights

_SUMMARY = "summary.json"


@dataclass(frozen=True)
class Options:
    """What a cross-validation is told.

    Attributes:
        recipe: name or YAML file; `changes` as in `ynet3d train --set`.
        folds: parts of equal size, by patient; `split`: a split file with folds instead.
        masks: what wholly synthetic samples are made of; a fold leaves out those of its patients.
        start: weights that hold a network for each fold, to begin with instead of random ones.
        only: these folds alone, from 1; the page then holds their scans.
        jobs: folds that train at a time; by default one, or one for each GPU.
    """

    recipe: str
    changes: Sequence[str] = ()
    folds: int = 5
    split: Path | None = None
    only: Sequence[int] = ()
    kind: str = "auto"
    labels: Path | None = None
    licence: str | None = None
    masks: Path | None = None
    start: str | None = None
    device: str = "auto"
    jobs: int | None = None


@dataclass(frozen=True)
class CrossValidated:
    """Scores of every scan, each from a fold that did not see it; and what failed, by fold."""

    evaluation: Evaluation
    words: str
    failures: dict[str, str]


def cross_validate(
    data: Path, out: Path, options: Options, *, progress: Progress | None = None
) -> CrossValidated:
    """Train all folds, predict each fold's scans with its own weights, score them together.

    Leaves in `out`: `runs/fold-K`, `predictions/CASE`, `evaluation`, `summary.json`, `index.html`.

    Raises:
        InputError: data, recipe, split or `out` cannot be used.
        YnetError: every fold failed, or a scan cannot be predicted.
        KeyboardInterrupt: stopped; every fold keeps its checkpoint.
    """
    progress = progress or Progress()
    started = time.monotonic()
    dataset = open_dataset(data, kind=options.kind, labels=options.labels)
    recipe = load_recipe(options.recipe, changes=options.changes)
    split = _split(dataset, options, recipe, out)
    folds = _folds(options.only, split)
    places = slots(options.device, options.jobs)
    ensure_output_folder(out)
    write_split(split, out / FOLDS_FILE)
    runs = [plan_run(f"fold-{fold}", f"fold {fold} of {split.folds}", recipe) for fold in folds]
    check_recipes(runs, out / "runs")
    licence = options.licence or dataset.licence
    sources = {
        run.name: Source(
            data,
            out / FOLDS_FILE,
            out / "cache",
            options.kind,
            options.labels,
            licence,
            fold=fold,
            masks=options.masks,
            start=options.start,
            member=None if options.start is None else fold,
        )
        for run, fold in zip(runs, folds, strict=True)
    }
    failures = train_runs(runs, out / "runs", sources, places, progress)
    whole = [run for run in runs if run.name not in failures]
    if not whole:
        name, sentence = next(iter(failures.items()))
        raise YnetError(f"Every fold failed; the first, {name}: {sentence}")
    scored = [
        item for run in whole for item in _scored(dataset, split, run, out, options, progress)
    ]
    evaluation = summarise([item.evaluation for item in scored])
    write_evaluation(evaluation, out / "evaluation")
    summary = _summary(dataset, recipe, split, whole, evaluation, licence, out)
    write_json(out / _SUMMARY, summary)
    _write_page(dataset, recipe, whole, scored, evaluation, out, time.monotonic() - started)
    tumours = summary["cases_with_tumour"]
    words = (
        f"{len(scored)} scans of {dataset.name}, each by a network that did not see its patient: "
        f"liver Dice {summary['liver_dice']:.3f}, tumour Dice {summary['tumour_dice']:.3f} "
        f"({tumours} with a tumour).\nOpen {out / 'index.html'} in a browser."
    )
    return CrossValidated(evaluation, words, failures)


def _split(dataset: DataSet, options: Options, recipe: Recipe, out: Path) -> Split:
    path = out / FOLDS_FILE
    stored = read_split(path, dataset=dataset) if path.is_file() else None
    if options.split is not None:
        split = read_split(options.split, dataset=dataset)
    else:
        split = stored or make_split(dataset, folds=options.folds, seed=recipe.training.seed)
    if not split.folds:
        raise InputError(
            f"The split of {dataset.name} has no folds: make one with `ynet3d data split --folds`."
        )
    if stored is not None and stored.parts != split.parts:
        raise InputError(
            f"The cross-validation in {out} has other folds than those given: leave --split out to "
            "go on with it, or give another folder."
        )
    return split


def _folds(only: Sequence[int], split: Split) -> list[int]:
    for fold in only:
        split.with_fold(fold)  # says so if there is no such fold
    return sorted(set(only)) or list(range(1, split.folds + 1))


def _scored(
    dataset: DataSet,
    split: Split,
    run: PlannedRun,
    out: Path,
    options: Options,
    progress: Progress,
) -> list[Scored]:
    """The scans of one fold, predicted by its last weights; what is there from them is kept.

    The last, not the best: the fold's scans are those that would have chosen the best.
    """
    weights = load_weights(out / "runs" / run.name / "last.safetensors")
    found = []
    for name in split.parts[run.name]:
        case, folder = dataset.case(name), out / "predictions" / name
        statistics = _kept(folder, weights)
        if statistics is None:
            done, _ = predict_files(
                [case.image], folder, weights=weights, device=options.device, progress=progress
            )
            statistics = done[0].statistics
        image = case.read_image()
        found.append(
            score_scan(
                name,
                run.title,
                folder,
                statistics,
                image=image,
                reference=case.read_label(image=image),
                page_folder=out,
            )
        )
    return found


def _kept(folder: Path, weights: Weights) -> dict[str, Any] | None:
    """The statistics in `folder`, if they are from these weights with their post-processing."""
    path = folder / STATISTICS
    if not path.is_file():
        return None
    statistics: dict[str, Any] = json.loads(path.read_text("utf-8"))
    theirs = (statistics["weights"]["sha256"], statistics["weights"].get("inference"))
    ours = (weights.facts["sha256"], weights.recipe.inference.model_dump(mode="json"))
    return statistics if theirs == ours else None


def _summary(
    dataset: DataSet,
    recipe: Recipe,
    split: Split,
    runs: Sequence[PlannedRun],
    evaluation: Evaluation,
    licence: str | None,
    out: Path,
) -> dict[str, Any]:
    trained = [read_result(out / "runs" / run.name) for run in runs]
    intervals = {
        name: evaluation.summary[name]["dice"].interval_95_with_reference
        for name in ("liver", "tumour")
    }
    return {
        **dice_summary(evaluation),
        "interval_95": {
            name: None if one is None else [round(limit, 4) for limit in one]
            for name, one in intervals.items()
        },
        "data": {"name": dataset.name, "licence": licence or "unknown: see the data set"},
        "recipe": recipe.name,
        "folds": {name: list(split.parts[name]) for name in (run.name for run in runs)},
        "training_minutes": round(sum(result["seconds"] for result in trained) / 60, 1),
    }


def _write_page(
    dataset: DataSet,
    recipe: Recipe,
    runs: Sequence[PlannedRun],
    scored: Sequence[Scored],
    evaluation: Evaluation,
    out: Path,
    seconds: float,
) -> None:
    results = {run.title: read_result(out / "runs" / run.name) for run in runs}
    rows = [
        (
            title,
            str(result["epochs"]),
            f"{result['seconds'] / 60:.0f}",
            f"{result['peak_memory_bytes'] / 1e9:.2f}",
        )
        for title, result in results.items()
    ]
    columns = ("fold", "epochs", "minutes", "peak memory, GB")
    curves = [
        Picture(f"runs/{run.name}/{CURVES}", f"Loss and Dice of {run.title}", run.title)
        for run in runs
    ]
    pictures = [
        Picture(f"evaluation/{name}.png", about, about)
        for name, about in (
            ("dice", "Dice of each case"),
            ("lesions", "Tumours one by one"),
            ("volumes", "Volumes"),
        )
    ]
    write_page(
        out / "index.html",
        Page(
            title=f"Cross-validation of {recipe.network.name}",
            lead=(
                f"Recipe {recipe.name} on {len(scored)} scans of {dataset.name}, each predicted by "
                f"one of {len(runs)} networks that had seen no scan of that patient, with its last "
                "weights, so that these scans chose nothing."
            ),
            headlines=dice_headlines(evaluation, f"scans of {dataset.name}, cross-validated"),
            rows=[item.row for item in scored],
            rows_text=READING,
            cases=[item.pictures for item in scored],
            pictures=[*pictures, *curves],
            tables=[Table("Folds", columns, rows, "")],
            settings=recipe.model_dump(mode="json"),
            files={
                _SUMMARY: "the figures of this page",
                FOLDS_FILE: "which scan is in which fold",
                "evaluation/cases.csv": "metrics of each case and class",
                "evaluation/lesions.csv": "each tumour: found, missed or invented",
            },
            seconds=seconds,
            versions=versions(),
        ),
    )
