"""nnU-Net v2 in its own environment: scans handed over, stages started, results taken back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.accuracy import nnunet_side
from benchmarks.accuracy.entries import Entry
from benchmarks.accuracy.terms import Terms
from ynet3d.datasets import DataSet, Split, merge_datasets
from ynet3d.errors import InputError, YnetError
from ynet3d.files import write_json
from ynet3d.progress import Progress
from ynet3d.stopping import stop_on_signals

_SCRIPT = Path(nnunet_side.__file__)
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_TO_STOP = 120.0


@dataclass(frozen=True)
class NnUnet:
    """An environment with nnU-Net, and the folder where it works.

    Attributes:
        python: the environment's interpreter.
        folder: `raw`, `preprocessed`, `results` as nnU-Net wants them, and `test` with the scans
            to predict, which it sees only then.
    """

    python: Path
    folder: Path

    @classmethod
    def find(cls, python: Path, folder: Path) -> NnUnet:
        """The environment of that interpreter.

        Raises:
            InputError: it is none, or has no nnU-Net v2.
        """
        try:
            done = subprocess.run(
                [str(python), str(_SCRIPT), "about"], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise InputError(
                f"--nnunet-python is {python}, which cannot be run ({error.strerror}): give the "
                "Python of an environment with nnunetv2."
            ) from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(
                f"--nnunet-python is {python}, which cannot import nnunetv2 ({last}): install it "
                "there as benchmarks/README.md says."
            )
        return cls(python, folder)

    @staticmethod
    def result(folder: Path, entry: Entry) -> dict[str, Any]:
        """What a finished training says of itself, with the seconds of its preparation."""
        content: dict[str, Any] = json.loads(_result_file(folder, entry).read_text("utf-8"))
        prepared = json.loads(_prepared_file(folder, entry.configuration).read_text("utf-8"))
        seconds = prepared["planning_seconds"] + prepared["preprocessing_seconds"]
        return {**content, "preparation_seconds": seconds}

    def is_trained(self, entry: Entry) -> bool:
        """Whether its training was brought to its end."""
        return _result_file(self.folder, entry).is_file()

    def export(self, dataset: DataSet, split: Split, progress: Progress) -> None:
        """Hand over the scans: those to train and choose on with labels, the others apart."""
        known = [dataset.case(name) for name in (*split.train, *split.validation)]
        raw = self.folder / "raw" / nnunet_side.DATASET
        merge_datasets([replace(dataset, cases=tuple(known))], raw, progress=progress)
        test = tuple(dataset.case(name) for name in split.test)
        merge_datasets([replace(dataset, cases=test)], self.folder / "test", progress=progress)
        write_json(
            self.folder / "preprocessed" / nnunet_side.DATASET / "splits_final.json",
            [{"train": list(split.train), "val": list(split.validation)}],
        )

    def prepare(self, configuration: str, terms: Terms, progress: Progress) -> None:
        """Plan and preprocess, unless that is done."""
        if not _prepared_file(self.folder, configuration).is_file():
            progress.say(f"nnU-Net: planning and preprocessing for {configuration}")
            self._run("prepare", terms, "--configuration", configuration)

    def train(self, entry: Entry, terms: Terms, progress: Progress) -> None:
        """Train for the entry's minutes; goes on where it was stopped."""
        progress.say(f"{entry.title}: {entry.minutes:g} min")
        self._run("train", terms, *_words(entry), "--minutes", entry.minutes)

    def predict(
        self, entry: Entry, masks: Path, cases: Sequence[str], terms: Terms, progress: Progress
    ) -> None:
        """Masks into `masks`/test and seconds into `masks`/times.json."""
        missing = self._missing(entry, masks, cases)
        if missing:
            progress.say(f"{entry.title}: predicting {len(missing)} scans")
            self._run("predict", terms, *_words(entry), "--masks", masks, "--cases", *missing)

    def _missing(self, entry: Entry, masks: Path, cases: Sequence[str]) -> list[str]:
        """The cases that these weights did not predict yet."""
        done: dict[str, float] = {}
        if (masks / "times.json").is_file():
            times = json.loads((masks / "times.json").read_text("utf-8"))
            result = json.loads(_result_file(self.folder, entry).read_text("utf-8"))
            done = times["seconds"]["test"] if times["weights"] == result["sha256"] else {}
        return [
            case
            for case in cases
            if case not in done or not (masks / "test" / f"{case}.nii.gz").is_file()
        ]

    def _run(self, stage: str, terms: Terms, *words: object) -> None:
        log = self.folder / "output.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [self.python, _SCRIPT, stage, "--folder", self.folder, *words]
        command += ["--threads", terms.threads, "--device", terms.device]
        start = log.stat().st_size if log.is_file() else 0
        with log.open("a", encoding="utf-8") as output, stop_on_signals() as stop:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(terms.threads)},
                start_new_session=True,
            )
            try:
                while process.poll() is None:
                    if stop.wait(_SECONDS_BETWEEN_LOOKS):
                        raise KeyboardInterrupt
            finally:
                _end(process)
        if process.returncode:
            raise YnetError(f"nnU-Net could not {stage}: {_reason(log, start)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for the end, wait, and leave nothing of the process's group behind."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _reason(log: Path, start: int) -> str:
    """The sentence of the last failure, or where to look."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return errors[-1] if errors else f"see the end of {log}."


def _words(entry: Entry) -> list[str]:
    assert entry.configuration is not None
    return ["--entry", entry.name, "--configuration", entry.configuration]


def _result_file(folder: Path, entry: Entry) -> Path:
    return folder / "results" / entry.name / nnunet_side.RESULT


def _prepared_file(folder: Path, configuration: str | None) -> Path:
    return folder / nnunet_side.PREPARED.format(configuration=configuration)
