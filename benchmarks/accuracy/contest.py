"""From data to table: train what is not trained, predict, score, write; one entry at a time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy.entries import Entry, plan_entries, select
from benchmarks.accuracy.nnunet import NnUnet
from benchmarks.accuracy.picture import draw
from benchmarks.accuracy.rows import Row, measured_row
from benchmarks.accuracy.table import write_tables
from benchmarks.accuracy.terms import Terms, agree, keep_to
from ynet3d.datasets import DataSet, Split, open_dataset
from ynet3d.datasets.split_file import SPLIT_FILE
from ynet3d.errors import YnetError
from ynet3d.evaluation import Evaluation
from ynet3d.experiments.execution import (
    Slot,
    Source,
    check_recipes,
    is_finished,
    read_result,
    train_runs,
)
from ynet3d.experiments.prediction import Predictions, TestSet
from ynet3d.experiments.scoring import score
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.progress import Progress


@dataclass(frozen=True)
class Options:
    """What the comparison is told; see `benchmarks/accuracy/__main__.py` for the words."""

    minutes: Sequence[float]
    split: Path | None = None
    paper_recipe: str = "experiment-patches"
    recipes: Sequence[str] = ("lite",)
    configurations: Sequence[str] = ("3d_fullres",)
    nnunet_python: Path | None = None
    threads: int | None = None
    device: str = "cpu"
    only: Sequence[str] = ()


def run_contest(
    data: Path, out: Path, options: Options, *, progress: Progress | None = None
) -> list[Row]:
    """Run the entries that are not done; leaves `accuracy.md`, `.csv`, `.json` and `.png` in `out`.

    The table is written anew after each entry, so that it can be read while the rest runs.

    Raises:
        InputError: data, split, recipe, environment of nnU-Net or `out` cannot be used.
        KeyboardInterrupt: stopped; every training keeps its checkpoint.
    """
    progress = progress or Progress()
    dataset = open_dataset(data)
    entries = plan_entries(
        options.minutes,
        paper_recipe=options.paper_recipe,
        recipes=options.recipes,
        configurations=options.configurations,
    )
    wanted = select(entries, options.only)
    nnunet = None
    if options.nnunet_python is not None and any(entry.configuration for entry in wanted):
        nnunet = NnUnet.find(options.nnunet_python, out / "nnunet")
    ensure_output_folder(out)
    terms, split = agree(
        dataset, out, split_file=options.split, threads=options.threads, device=options.device
    )
    keep_to(terms.threads)
    test = TestSet(
        "test",
        f"the {len(split.test)} test scans of {dataset.name}",
        tuple(dataset.case(name) for name in split.test),
    )
    contest = _Contest(data, dataset, out, terms, split, test, nnunet, progress)
    check_recipes([entry.run for entry in entries if entry.run], out / "runs")
    if nnunet is None and any(entry.configuration for entry in wanted):
        progress.say(
            "nnU-Net is left out: give the Python of its environment with --nnunet-python "
            "(benchmarks/README.md says how to make one)."
        )
    rows = contest.write(entries)
    for entry in wanted:
        if entry.run is not None or nnunet is not None:
            contest.go(entry)
            rows = contest.write(entries)
    return rows


class _Contest:
    """What is known of each entry so far."""

    def __init__(
        self,
        data: Path,
        dataset: DataSet,
        out: Path,
        terms: Terms,
        split: Split,
        test: TestSet,
        nnunet: NnUnet | None,
        progress: Progress,
    ) -> None:
        self.data, self.dataset, self.out = data, dataset, out
        self.terms, self.split = terms, split
        self.test, self.nnunet, self.progress = test, nnunet, progress
        self.predictions = Predictions(out / "predictions")
        self.scores: dict[str, Evaluation] = {}
        self.failures: dict[str, str] = {}

    def go(self, entry: Entry) -> None:
        """Train and predict what is missing; a failure is kept for the table."""
        try:
            if entry.run is not None:
                self._go_ours(entry)
            else:
                self._go_nnunet(entry)
        except YnetError as error:
            self.failures[entry.name] = str(error)
            self.progress.say(f"{entry.title} failed: {error}")

    def _go_ours(self, entry: Entry) -> None:
        assert entry.run is not None
        trained = self.out / "runs"
        source = Source(self.data, self.out / SPLIT_FILE, self.out / "cache")
        if not is_finished(trained / entry.name):
            place = Slot(self.terms.device, {"OMP_NUM_THREADS": str(self.terms.threads)})
            with self._timed(entry):
                failures = train_runs(
                    [entry.run], trained, {entry.name: source}, [place], self.progress
                )
            if failures:
                raise YnetError(failures[entry.name])
        self.predictions.make(
            [entry.run], trained, [self.test], device=self.terms.device, progress=self.progress
        )

    def _go_nnunet(self, entry: Entry) -> None:
        assert self.nnunet is not None
        assert entry.configuration is not None
        if not self.nnunet.is_trained(entry):
            self.nnunet.export(self.dataset, self.split, self.progress)
            self.nnunet.prepare(entry.configuration, self.terms, self.progress)
            with self._timed(entry):
                self.nnunet.train(entry, self.terms, self.progress)
        folder = self.predictions.folder / entry.name
        self.nnunet.predict(entry, folder, self.split.test, self.terms, self.progress)

    def _timed(self, entry: Entry) -> _Stopwatch:
        return _Stopwatch(self.out / "times" / f"{entry.name}.json")

    def write(self, entries: Sequence[Entry]) -> list[Row]:
        """Score what was predicted and is not scored, and write table and picture of all."""
        rows = []
        for entry in entries:
            if entry.name not in self.scores and self._is_predicted(entry):
                found = score(
                    [entry.name],
                    [self.test],
                    self.predictions,
                    self.out / "evaluation",
                    self.progress,
                )
                self.scores[entry.name] = found[self.test.name][entry.name]
            rows.append(self._row(entry))
        write_tables(rows, self.terms, self.out)
        draw(rows, self.out / "accuracy.png", about=self.test.about)
        return rows

    def _is_predicted(self, entry: Entry) -> bool:
        seconds = self.predictions.seconds(entry.name).get(self.test.name, {})
        return all(
            case.name in seconds
            and self.predictions.mask(entry.name, self.test.name, case.name).is_file()
            for case in self.test.cases
        )

    def _row(self, entry: Entry) -> Row:
        evaluation = self.scores.get(entry.name)
        if entry.name in self.failures or evaluation is None:
            return Row(entry, failure=self.failures.get(entry.name))
        seconds = self.predictions.seconds(entry.name)[self.test.name]
        times = _Stopwatch(self.out / "times" / f"{entry.name}.json").read()
        return measured_row(entry, evaluation, seconds, {**self._result(entry), **times})

    def _result(self, entry: Entry) -> Mapping[str, Any]:
        if entry.run is None:
            return NnUnet.result(self.out / "nnunet", entry)
        result = read_result(self.out / "runs" / entry.name)
        return {**result, "parameters": entry.run.cost.parameters}


class _Stopwatch:
    """Seconds of the clock that an entry's training processes took, over all calls; in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self) -> dict[str, Any]:
        """What was measured so far."""
        if not self.file.is_file():
            return {"wall_seconds": 0.0, "load_before": None}
        content: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return content

    def __enter__(self) -> None:
        self.started = time.monotonic()
        self.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None

    def __exit__(self, *_: object) -> None:
        before = self.read()
        wall = before["wall_seconds"] + time.monotonic() - self.started
        load = before["load_before"] if before["load_before"] is not None else self.load
        write_json(self.file, {"wall_seconds": round(wall, 1), "load_before": load})
