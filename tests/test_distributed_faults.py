"""Processes of a training that are killed, stopped, fail or hang, by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import distributed_runs
import pytest
from command_line import command
from distributed_runs import assert_alike, number, torchrun, wait_until
from small_runs import small_recipe, write_small_dataset

from ynet3d.pipelines.training import train_on_dataset
from ynet3d.progress import Progress
from ynet3d.training.log import write_recipe

#: torchrun gives processes 30 s to end, and asks them at once.
LONGEST_END = 60


@pytest.fixture
def words(tmp_path: Path) -> tuple[object, ...]:
    """Of a command that trains 16 steps into `run`."""
    data = write_small_dataset(tmp_path / "data", cases=5)
    training = {"epochs": 16, "batch_size": 3, "learning_rate": 1e-3, "ema_decay": 0.9}
    training |= {"validate_every": 4, "mixed_precision": False}
    network = {"name": "3dynet", "options": {"width": 2}}
    write_recipe(tmp_path / "recipe.yaml", small_recipe(network=network, training=training))
    recipe = ("--recipe", tmp_path / "recipe.yaml", "--device", "cpu")
    return ("train", data, "-o", tmp_path / "run", *recipe)


def epochs(run: Path) -> int:
    log = run / "log.csv"
    return len(log.read_text("utf-8").splitlines()) - 1 if log.exists() else 0


def sentences(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    """What a run that must end by itself has said, and its errors."""
    out, err = process.communicate(timeout=LONGEST_END)
    assert "Unexpected failure" not in err
    return out, [line for line in err.splitlines() if line.startswith("Error: ")]


@pytest.mark.slow
def test_killed_stopped_and_resumed_by_other_numbers_of_processes(
    words: tuple[object, ...], tmp_path: Path
) -> None:
    """Two, one of them killed; three, asked to end; one to the end: as one alone from the start."""
    run = tmp_path / "run"
    pair = torchrun(2, "--no-python", *command(*words))
    wait_until(lambda: epochs(run) >= 2, pair)
    os.kill(number(pair, 1), signal.SIGKILL)
    _, errors = sentences(pair)
    assert pair.returncode != 0
    assert len(errors) == 1
    assert "Another process of this training has ended" in errors[0]
    assert "--resume" in errors[0]

    done = epochs(run)
    assert 2 <= done < 16
    three = torchrun(3, "--no-python", *command(*words, "--resume"))
    wait_until(lambda: epochs(run) > done, three)
    three.send_signal(signal.SIGTERM)
    out, errors = sentences(three)
    assert errors == []
    assert out.count("go on with the same command and --resume") == 1
    assert done < epochs(run) < 16

    settings = {"recipe": str(tmp_path / "recipe.yaml"), "device": "cpu"}
    settings |= {"progress": Progress(quiet=True)}
    assert train_on_dataset(tmp_path / "data", run, resume=True, **settings).finished
    whole = tmp_path / "whole"
    assert train_on_dataset(tmp_path / "data", whole, **settings).finished
    assert_alike(whole, run)
    assert json.loads((run / "run.json").read_text("utf-8"))["epochs"] == 16


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("failing", "The weather is bad."),
        pytest.param("hanging", "has ended or does not answer", marks=pytest.mark.slow),
        pytest.param("nan", "gave no finite loss or gradient", marks=pytest.mark.slow),
    ],
)
def test_a_process_that_fails_or_hangs_ends_all_with_one_sentence(
    words: tuple[object, ...], tmp_path: Path, how: str, sentence: str
) -> None:
    script = (distributed_runs.__file__, how, *words, "--set", "training.epochs=9")
    process = torchrun(2, "--shutdown-timeout", 3, *script)
    wait_until(lambda: epochs(tmp_path / "run") >= 2, process)
    start = time.monotonic()
    _, errors = sentences(process)
    assert time.monotonic() - start < LONGEST_END
    assert process.returncode != 0
    assert len(errors) == 1, errors
    assert sentence in errors[0]
    quiet = Progress(quiet=True)
    data, run = tmp_path / "data", tmp_path / "run"
    resumed = train_on_dataset(data, run, resume=True, device="cpu", progress=quiet)
    assert resumed.finished
    assert resumed.epochs == 9


@pytest.mark.parametrize("command", [("experiment", "SUITE"), ("cross-validate", "DATA")])
def test_other_commands_are_refused(command: tuple[str, str], tmp_path: Path) -> None:
    script = (distributed_runs.__file__, "failing", *command, "-o", tmp_path / "out")
    process = torchrun(2, *script)
    _, errors = sentences(process)
    assert process.returncode != 0
    assert len(errors) == 1, errors
    assert f"2 processes of ynet3d {command[0]}" in errors[0]
    assert list(tmp_path.iterdir()) == []
