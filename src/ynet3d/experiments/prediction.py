"""Predicting the test scans with every trained network of an experiment."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ynet3d.datasets import Case
from ynet3d.experiments.execution import is_finished
from ynet3d.experiments.plan import PlannedRun
from ynet3d.files import write_json
from ynet3d.progress import Progress
from ynet3d.volumes import read_label, write_label

_TIMES = "times.json"


@dataclass(frozen=True)
class TestSet:
    """Labelled scans that no network was trained or chosen on.

    Attributes:
        name: "test" for the split's own part, else the name of an external data set.
        about: for tables: the data set and the number of cases.
    """

    __test__ = False  # for pytest: this is no test

    name: str
    about: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Predictions:
    """The masks of the experiment: `folder`/RUN/SET/CASE.nii.gz, and how long each took."""

    folder: Path

    def mask(self, run: str, test_set: str, case: str) -> Path:
        """File of one mask."""
        return self.folder / run / test_set / f"{case}.nii.gz"

    def seconds(self, run: str) -> dict[str, dict[str, float]]:
        """By test set and case: seconds from the scan in memory to its mask in memory."""
        return self._times(run).get("seconds", {})

    def _times(self, run: str) -> dict[str, Any]:
        path = self.folder / run / _TIMES
        return json.loads(path.read_text("utf-8")) if path.is_file() else {}

    def make(
        self,
        runs: Sequence[PlannedRun],
        trained: Path,
        test_sets: Sequence[TestSet],
        *,
        device: str,
        progress: Progress,
    ) -> None:
        """Predict what is missing, or was predicted by other weights than `trained`/RUN has now.

        Raises:
            YnetError: a scan cannot be read, or memory ran out.
        """
        finished = [run for run in runs if is_finished(trained / run.name)]
        cases = sum(len(test_set.cases) for test_set in test_sets)
        with progress.task("Predicting", total=cases * len(finished)) as task:
            for run in finished:
                missing = self._missing(run.name, trained / run.name, test_sets)
                task.advance(cases - sum(map(len, missing.values())))
                if missing:
                    self._predict(run.name, trained / run.name, missing, device, task)

    def _missing(
        self, run: str, weights: Path, test_sets: Sequence[TestSet]
    ) -> dict[str, list[Case]]:
        times = self._times(run)
        same = times.get("weights") == _checksum(weights)
        missing = {
            test_set.name: [
                case
                for case in test_set.cases
                if not same
                or case.name not in times["seconds"].get(test_set.name, {})
                or not self.mask(run, test_set.name, case.name).is_file()
            ]
            for test_set in test_sets
        }
        return {name: cases for name, cases in missing.items() if cases}

    def _predict(
        self, run: str, weights: Path, missing: Mapping[str, list[Case]], device: str, task: Any
    ) -> None:
        from ynet3d.inference import Predictor

        # As validated: what is compared is the networks, not what this machine runs them with.
        predictor = Predictor(weights, device=device, precision="training", runtime="torch")
        checksum = predictor.weights.facts.get("sha256")
        times = self._times(run)
        if times.get("weights") != checksum:
            times = {"weights": checksum, "seconds": {}}
        for test_set, cases in missing.items():
            for case in cases:
                image = case.read_image()
                started = time.perf_counter()
                mask = predictor(image)
                seconds = time.perf_counter() - started
                write_label(mask, self.mask(run, test_set, case.name))
                times["seconds"].setdefault(test_set, {})[case.name] = round(seconds, 2)
                write_json(self.folder / run / _TIMES, times)
                task.advance(note=f"{run}, {case.name}")

    def read(self, run: str, test_set: str, case: str) -> Any:
        """One mask as a volume."""
        return read_label(self.mask(run, test_set, case))


def _checksum(weights: Path) -> str | None:
    facts = json.loads((weights / "best.json").read_text("utf-8"))
    return facts.get("sha256")
