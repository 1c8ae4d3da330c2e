"""The experiment as a user runs it: whole, again, stopped, and with a network that fails."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from command_line import Outcome, command, left_in, run, run_apart
from small_runs import small_recipe, write_small_dataset

from ynet3d.errors import InputError
from ynet3d.experiments.execution import slots

SUITE = {
    "name": "two",
    "about": "Two small networks.",
    "reference": "first",
    "runs": [
        {
            "name": "first",
            "title": "First",
            "network": "3dynet",
            "options": {"normalisation": "instance"},
        },
        {"name": "second", "title": "Second", "network": "unet3d", "width": 1},
    ],
    "comparisons": [{"question": "Which is better?", "runs": ["first", "second"]}],
}
SPLIT = {
    "parts": {
        "train": ["volume-0", "volume-1", "volume-2"],
        "validation": ["volume-3"],
        "test": ["volume-4", "volume-5", "volume-6"],
    }
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of seven cases, a suite, a recipe and a split."""
    path = tmp_path_factory.mktemp("experiment")
    write_small_dataset(path / "data", cases=7)
    write_small_dataset(path / "elsewhere", cases=2)
    for name, content in (
        ("suite", SUITE),
        ("split", SPLIT),
        ("recipe", small_recipe().model_dump(mode="json")),
    ):
        (path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def words(folder: Path, out: Path, *more: object, suite: Path | None = None) -> list[object]:
    given = ["experiment", folder / "data", "-o", out, "--suite", suite or folder / "suite.yaml"]
    given += ["--recipe", folder / "recipe.yaml", "--split", folder / "split.yaml"]
    return [*given, "--device", "cpu", *more]


def apart(given: list[object]) -> Outcome:
    """In a process of its own, which starts a process for each network."""
    return run_apart(*given, timeout=400)


@pytest.fixture(scope="module")
def done(folder: Path) -> Outcome:
    more = ("--external", folder / "elsewhere", "--licence", "CC0, made by a test")
    return apart(words(folder, folder / "out", *more))


def test_everything_is_there(folder: Path, done: Outcome) -> None:
    assert done.code == 0, done.err
    out = folder / "out"
    assert "First: liver 0." in done.out
    for run_name in ("first", "second"):
        assert (out / "runs" / run_name / "best.safetensors").is_file()
        for test_set, cases in (("test", 3), ("elsewhere", 2)):
            table = out / "evaluation" / run_name / test_set / "cases.csv"
            names = {row["case"] for row in csv.DictReader(table.open(encoding="utf-8"))}
            assert len(names) == cases
    with (out / "tables" / "two-test.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["network"] for row in rows} == {"first", "second"}
    assert {row["cases"] for row in rows if row["metric"] == "dice"} == {"3", "2"}
    assert (out / "comparison" / "two-1" / "comparison.csv").is_file()
    page = (out / "index.html").read_text("utf-8")
    for part in ("First", "Which is better?", "volume-4", "Fingerprint of the data", "CC0, made"):
        assert part in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    for name in ("cases", "curves", "architecture-first"):
        assert (out / "figures" / f"{name}.png").is_file()


def test_figures_are_those_of_the_masks(folder: Path, done: Outcome) -> None:
    """Scored once more through `ynet3d evaluate`, the table's mean comes out."""
    assert done.code == 0, done.err
    out = folder / "out"
    references = folder / "references"
    references.mkdir()
    for case in SPLIT["parts"]["test"]:
        name = case.replace("volume", "segmentation") + ".nii.gz"
        (references / name).write_bytes((folder / "data" / name).read_bytes())
    masks = out / "predictions" / "first" / "test"
    again = run_apart("evaluate", masks, references, "-o", folder / "again")
    assert again.code == 0, again.err
    summary = json.loads((folder / "again" / "summary.json").read_text("utf-8"))
    with (out / "tables" / "two-test.csv").open(encoding="utf-8") as file:
        rows = {
            (row["class"], row["metric"]): float(row["mean"])
            for row in csv.DictReader(file)
            if row["network"] == "first" and row["mean"]
        }
    for class_name in ("liver", "tumour"):
        found = summary["classes"][class_name]["dice"]["mean_with_reference"]
        assert rows[class_name, "dice"] == pytest.approx(found)


def test_called_again_it_trains_nothing(folder: Path, done: Outcome) -> None:
    assert done.code == 0, done.err
    out = folder / "out"
    before = {path: (out / path).stat().st_mtime_ns for path in left_in(out) if "runs" in path}
    masks = {path: path.stat().st_mtime_ns for path in out.glob("predictions/*/*/*.nii.gz")}
    again = apart(words(folder, out, "--external", folder / "elsewhere"))
    assert again.code == 0, again.err
    assert "2 of 2 are trained already" in again.err
    assert again.out == done.out
    assert "CC0, made" in (out / "index.html").read_text("utf-8")  # stated once, kept
    after = {path: (out / path).stat().st_mtime_ns for path in left_in(out) if "runs" in path}
    assert after == before
    assert masks == {path: path.stat().st_mtime_ns for path in out.glob("predictions/*/*/*.nii.gz")}


def test_other_settings_are_refused(
    folder: Path, done: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done.code == 0, done.err
    out = folder / "out"
    changed = run(capsys, *words(folder, out, "--set", "training.epochs=4"))
    changed.assert_refused(match="trained with another recipe")
    other = folder / "other-split.yaml"
    parts = SPLIT["parts"] | {"test": ["volume-4"]}
    other.write_text(yaml.safe_dump({"parts": parts}), encoding="utf-8")
    moved = run(capsys, *words(folder, out, "--split", other))
    moved.assert_refused(match="another split")
    foreign = folder / "data"
    run(capsys, *words(folder, foreign)).assert_refused(match="not of an experiment")


def test_split_without_test_cases(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "split.yaml"
    parts = SPLIT["parts"] | {"test": []}
    other.write_text(yaml.safe_dump({"parts": parts}), encoding="utf-8")
    out = tmp_path / "out"
    run(capsys, *words(folder, out, "--split", other)).assert_refused(match="no test cases")
    assert not out.exists()


@pytest.mark.slow
def test_a_network_that_fails_leaves_the_others_alone(folder: Path, tmp_path: Path) -> None:
    suite = json.loads(json.dumps(SUITE))
    suite["runs"][1]["recipe"] = {"training": {"learning_rate": 1e30}}
    file = tmp_path / "suite.yaml"
    file.write_text(yaml.safe_dump(suite), encoding="utf-8")
    out = tmp_path / "out"
    split = tmp_path / "split.yaml"
    parts = SPLIT["parts"] | {"test": ["volume-4"]}
    split.write_text(yaml.safe_dump({"parts": parts}), encoding="utf-8")
    ended = apart(words(folder, out, "--split", split, suite=file))
    assert ended.code == 1
    assert "second failed: The last 5 steps" in ended.out
    assert "Traceback" not in ended.err
    page = (out / "index.html").read_text("utf-8")
    assert "Networks that failed" in page


@pytest.mark.slow
def test_stopped_and_taken_up_again(folder: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the training process too, and the next call resumes from its checkpoint."""
    out = tmp_path / "out"
    endless = words(folder, out, "--only", "first", "--set", "training.epochs=100000")
    process = subprocess.Popen(
        command(*endless), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log = out / "runs" / "first" / "log.csv"
    deadline = time.monotonic() + 300
    while not log.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert (out / "runs" / "first" / "checkpoint.safetensors").is_file()
    assert not (out / "runs" / "first" / "run.json").exists()
    trained = (out / "runs" / "first" / "output.txt").read_text("utf-8")
    assert "Stopped after" in trained
    epochs = len(log.read_text("utf-8").splitlines())

    resumed = subprocess.Popen(command(*endless), stderr=subprocess.PIPE, text=True)
    while len(log.read_text("utf-8").splitlines()) <= epochs:
        assert resumed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    resumed.send_signal(signal.SIGTERM)
    resumed.communicate(timeout=300)
    assert resumed.returncode == 130
    with log.open(encoding="utf-8") as file:
        rows = [int(row["epoch"]) for row in csv.DictReader(file)]
    assert rows == list(range(1, len(rows) + 1))


def test_slots() -> None:
    assert [slot.device for slot in slots("cpu", None)] == ["cpu"]
    two = slots("cpu", 2)
    assert len(two) == 2
    assert int(two[0].environment["OMP_NUM_THREADS"]) >= 1
    with pytest.raises(InputError, match="no device 'gpu'"):
        slots("gpu", None)
