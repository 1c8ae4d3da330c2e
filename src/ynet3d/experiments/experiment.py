"""The experiment from data to report: train every network, predict, evaluate, compare, write."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ynet3d.datasets import (
    DataSet,
    Split,
    chosen_split,
    open_dataset,
    write_split,
)
from ynet3d.datasets.split_file import SPLIT_FILE
from ynet3d.errors import InputError, YnetError
from ynet3d.experiments.execution import Source, check_recipes, slots, train_runs
from ynet3d.experiments.plan import PlannedRun, plan_runs
from ynet3d.experiments.prediction import Predictions, TestSet
from ynet3d.experiments.provenance import provenance
from ynet3d.experiments.report import Findings, write_report
from ynet3d.experiments.scoring import score
from ynet3d.experiments.suite import load_suite
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, load_recipe

_PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Options:
    """What an experiment is told.

    Attributes:
        suites: names or YAML files.
        recipe: name or YAML file; `changes` as in `ynet3d train --set`.
        width: of the suites' reference network; narrower ones make every network narrower.
        minutes: time budget of each network's training.
        split: a split file with a test part; by default one is drawn (the paper's 100/15/15).
        external: further labelled data sets to test on.
        only: train and report these runs of the suites alone.
        jobs: networks that train at a time; by default one, or one for each GPU.
    """

    suites: Sequence[str] = ("paper",)
    recipe: str = "paper"
    changes: Sequence[str] = ()
    width: int | None = None
    minutes: float | None = None
    split: Path | None = None
    external: Sequence[Path] = ()
    only: Sequence[str] = ()
    kind: str = "auto"
    labels: Path | None = None
    licence: str | None = None
    device: str = "auto"
    jobs: int | None = None


@dataclass(frozen=True)
class ExperimentResult:
    """How an experiment ended: its report, and by run what failed."""

    report: Path
    words: str
    failures: dict[str, str]


def run_experiment(
    data: Path, out: Path, options: Options | None = None, *, progress: Progress | None = None
) -> ExperimentResult:
    """Run an experiment into `out`; leaves `index.html` there, and every figure in files.

    What is done already is skipped, so an experiment that was stopped goes on where it stood, and
    one with a further suite trains what that adds.

    Raises:
        InputError: data, suite, recipe, split or `out` cannot be used.
        YnetError: every network failed, or a test scan cannot be predicted.
        KeyboardInterrupt: stopped; every network keeps its checkpoint.
    """
    options, progress = options or Options(), progress or Progress()
    started = time.monotonic()
    suites = [load_suite(name) for name in options.suites]
    base = _base_recipe(options)
    dataset = open_dataset(data, kind=options.kind, labels=options.labels)
    split = chosen_split(dataset, options.split, out / SPLIT_FILE, seed=base.training.seed)
    runs = plan_runs(suites, base, width=options.width, only=options.only)
    tests = _test_sets(dataset, split, options.external)
    places = slots(options.device, options.jobs)
    ensure_output_folder(out)
    _claim(out, split)
    trained = out / "runs"
    check_recipes(runs, trained)
    _say_plan(runs, split, tests, progress)
    licence = options.licence or _stored_licence(out) or dataset.licence
    facts = provenance(dataset, licence, split, base, [suite.name for suite in suites])
    write_json(out / _PROVENANCE, facts)
    source = Source(data, out / SPLIT_FILE, out / "cache", options.kind, options.labels, licence)
    sources = dict.fromkeys([run.name for run in runs], source)
    failures = train_runs(runs, trained, sources, places, progress)
    whole = [run for run in runs if run.name not in failures]
    if not whole:
        name, sentence = next(iter(failures.items()))
        raise YnetError(f"Every network failed; the first, {name}: {sentence}")
    predictions = Predictions(out / "predictions")
    predictions.make(whole, trained, tests, device=options.device, progress=progress)
    scores = score([run.name for run in whole], tests, predictions, out / "evaluation", progress)
    findings = Findings(
        suites=suites,
        runs=whole,
        failures=failures,
        tests=tests,
        scores=scores,
        predictions=predictions,
        trained=trained,
        provenance=facts,
        seconds=time.monotonic() - started,
    )
    progress.say("Writing the report")
    words = write_report(findings, out, progress=progress)
    return ExperimentResult(out / "index.html", words, failures)


def _base_recipe(options: Options) -> Recipe:
    changes = [*options.changes]
    if options.minutes is not None:
        changes.append(f"training.minutes={options.minutes}")
    return load_recipe(options.recipe, changes=changes)


def _claim(out: Path, split: Split) -> None:
    """Take `out` for this experiment; the split of one that is there already must be the same."""
    stored = out / SPLIT_FILE
    if stored.is_file():
        parts = json.loads(stored.read_text("utf-8"))["parts"]
        if parts != {part: list(names) for part, names in split.parts.items()}:
            raise InputError(
                f"The experiment in {out} has another split than the one given: leave --split "
                "out to go on with it, or give another folder."
            )
        return
    if any(out.iterdir()):
        raise InputError(
            f"The folder {out} holds files that are not of an experiment: choose another with -o."
        )
    write_split(split, stored)


def _stored_licence(out: Path) -> str | None:
    """The licence that was stated when the experiment began."""
    stored = out / _PROVENANCE
    if not stored.is_file():
        return None
    licence: str | None = json.loads(stored.read_text("utf-8"))["data"]["licence"]
    return licence


def _test_sets(dataset: DataSet, split: Split, external: Sequence[Path]) -> list[TestSet]:
    own = tuple(dataset.case(name) for name in split.test)
    sets = [TestSet("test", f"the {len(own)} test scans of {dataset.name}", own)]
    for path in external:
        other = open_dataset(path)
        if not other.labelled:
            raise InputError(f"The data set {path} has no labelled case to test on.")
        name = other.name if other.name != "test" else "test-2"
        about = f"the {len(other.labelled)} scans of {other.name}"
        sets.append(TestSet(name, about, other.labelled))
    return sets


def _say_plan(
    runs: Sequence[PlannedRun], split: Split, tests: Sequence[TestSet], progress: Progress
) -> None:
    progress.say(
        f"{len(runs)} networks on {len(split.train)} training and {len(split.validation)} "
        f"validation scans; tested on {', and on '.join(test.about for test in tests)}."
    )
