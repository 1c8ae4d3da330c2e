"""The other commands through the real entry point: phantom, data, train, evaluate, networks."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import command, left_in, run
from small_runs import save_constant_weights, write_small_dataset

import ynet3d
from ynet3d.networks import list_networks

SMALL = (
    "--set",
    "network.options={width: 2, normalisation: instance}",
    "--set",
    "preprocessing.size=[16, 16, 32]",
    "--set",
    "preprocessing.window_hu=[-100, 200]",
    "--device",
    "cpu",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_dataset(tmp_path_factory.mktemp("jobs") / "data", cases=5)


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version").out == f"ynet3d {ynet3d.__version__}\n"
    text = run(capsys, "--help").out
    for name in (
        "predict",
        "report",
        "mesh",
        "dicom",
        "dicomweb",
        "follow-up",
        "calibrate",
        "evaluate",
        "compare",
        "train",
        "tune",
        "networks",
        "phantom",
        "data",
        "demo",
        "real",
    ):
        assert name in text
    assert "Research use only" in text


def test_networks(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "networks", "--size", 16, 32, 32).out
    for name in list_networks():
        assert name in out
    assert "209,369,155" in out
    assert "fusion=concat" in out


def test_networks_lists_what_cannot_be_built_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = run(capsys, "networks", "--size", 16, 32, 32)
    assert outcome.code == 0
    assert "monai:SwinUNETR" in outcome.out
    assert "ynet3d[swin]" in outcome.out


def test_figure_of_a_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "figures" / "none.png"
    words = ("networks", "--figure", "3dynet", "-o", path, "--set", "width=4")
    outcome = run(capsys, *words, "--set", "fusion=none", "--size", 16, 32, 32)
    assert outcome.code == 0
    assert str(path) in outcome.out
    assert path.stat().st_size > 10_000


def test_light_commands_do_not_wait_for_torch() -> None:
    """Checking data, scoring masks and asking for help need no network."""
    script = (
        "import sys, ynet3d, ynet3d.cli.main, ynet3d.datasets, ynet3d.evaluation\n"
        "import ynet3d.reporting, ynet3d.phantoms\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_phantoms_are_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "phantoms"
    words = ("phantom", folder, "--cases", 2, "--seed", 4, "--matrix", 64, "--slices", 24)
    assert run(capsys, *words, "--dicom", "--quiet").code == 0
    assert {"volume-0.nii.gz", "segmentation-1.nii.gz", "dicom-1"} <= set(left_in(folder))
    table = tmp_path / "checks.csv"
    checked = run(capsys, "data", "check", folder, "--csv", table, "--quiet")
    assert checked.code == 0, checked
    assert "2 cases, 0 with errors." in checked.out
    rows = list(csv.DictReader(table.open()))
    assert [row["case"] for row in rows] == ["volume-0", "volume-1"]
    assert all(600 < float(row["liver_ml"]) < 2500 for row in rows)


def test_split_train_predict_evaluate(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README's lines for a researcher, on five small cases."""
    split, runs, out = tmp_path / "split.yaml", tmp_path / "run", tmp_path / "out"
    done = run(capsys, "data", "split", data, "-o", split, "--ratio", "3/1/1")
    assert "train 3, validation 1, test 1" in done.out
    words = ("train", data, "-o", runs, "--recipe", "paper", "--split", split, *SMALL)
    trained = run(capsys, *words, "--set", "training.epochs=2", "--network", "3dynet-ee")
    assert trained.code == 0, trained
    assert "Trained 2 epochs" in trained.out
    facts = json.loads((runs / "best.json").read_text())
    assert facts["recipe"]["network"]["name"] == "3dynet-ee"
    assert facts["recipe"]["training"]["epochs"] == 2
    scans = [data / f"volume-{n}.nii.gz" for n in (0, 4)]
    assert run(capsys, "predict", *scans, "-o", out, "-w", runs).code == 0
    references = tmp_path / "references"
    references.mkdir()
    for n in (0, 4):
        (references / f"segmentation-{n}.nii.gz").symlink_to(data / f"segmentation-{n}.nii.gz")
    scores = tmp_path / "scores"
    scored = run(capsys, "evaluate", out, references, "-o", scores)
    assert scored.code == 0, scored
    assert "sensitivity" in scored.out
    rows = list(csv.DictReader((scores / "cases.csv").open()))
    assert list(rows[0])[:4] == ["case", "class", "sensitivity", "specificity"]
    assert {"dice", "hd95_mm", "nsd_2mm"} < set(rows[0])
    assert len(rows) == 2 * 3
    assert json.loads((scores / "summary.json").read_text())["number_of_cases"] == 2


def test_a_refused_run_changes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forgetting --resume or --split must not give a run another split."""
    split, other = tmp_path / "split.yaml", tmp_path / "other.yaml"
    for path, seed in ((split, 1), (other, 2)):
        run(capsys, "data", "split", data, "-o", path, "--ratio", "3/1/1", "--seed", seed)
    words = ("train", data, "-o", tmp_path / "run", *SMALL, "--set", "training.epochs=1")
    licence = ("--licence", "CC BY 4.0")
    assert run(capsys, *words, "--split", split, *licence).code == 0
    facts = json.loads((tmp_path / "run" / "best.json").read_text())
    assert facts["training_data"]["licence"] == "CC BY 4.0"
    before = (tmp_path / "run" / "split.json").read_bytes()
    run(capsys, *words).assert_refused(match="add --resume")
    assert (tmp_path / "run" / "split.json").read_bytes() == before
    resume = ("train", data, "-o", tmp_path / "run", "--resume")
    assert run(capsys, *resume).code == 0
    run(capsys, *resume, "--split", other).assert_refused(match="another split")
    assert (tmp_path / "run" / "split.json").read_bytes() == before


def test_evaluating_a_perfect_and_an_empty_mask(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = data / "segmentation-0.nii.gz"
    assert run(capsys, "evaluate", reference, reference, "-o", tmp_path / "same").code == 0
    weights = save_constant_weights(tmp_path / "w.safetensors", 0)
    run(capsys, "predict", data / "volume-0.nii.gz", "-o", tmp_path / "out", "-w", weights)
    empty = tmp_path / "out" / "segmentation.nii.gz"
    assert run(capsys, "evaluate", empty, reference, "-o", tmp_path / "none").code == 0
    for folder, dice in (("same", 1.0), ("none", 0.0)):
        rows = list(csv.DictReader((tmp_path / folder / "cases.csv").open()))
        assert [float(row["dice"]) for row in rows] == [dice] * 3


def test_ctrl_c_saves_and_resume_goes_on(data: Path, tmp_path: Path) -> None:
    """A real process, a real signal: exit code 130, a checkpoint, no traceback."""
    runs = tmp_path / "run"
    words = command("train", data, "-o", runs, *SMALL, "--set", "training.epochs=100000")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (runs / "log.csv").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "--resume" in out
    assert "Traceback" not in err
    assert (runs / "checkpoint.safetensors").is_file()
    epochs = len((runs / "log.csv").read_text().splitlines())
    resumed = subprocess.Popen(
        command("train", data, "-o", runs, "--resume", "--device", "cpu"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len((runs / "log.csv").read_text().splitlines()) <= epochs:
        assert resumed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    resumed.send_signal(signal.SIGTERM)
    out, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 130, err
    rows = list(csv.DictReader((runs / "log.csv").open()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
