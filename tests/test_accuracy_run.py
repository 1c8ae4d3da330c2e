"""The comparison on equal terms as a user runs it: whole, again, without and with nnU-Net.

nnU-Net itself is not installed for tests. A program that answers as its environment does stands in
for it; the trainer's clock is tested on a stand-in for its trainer.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from command_line import Outcome
from small_runs import small_recipe, write_small_dataset

from benchmarks.accuracy import nnunet_side
from benchmarks.accuracy.__main__ import main
from ynet3d.volumes import read_label

ROOT = Path(__file__).resolve().parents[1]
SPLIT = {
    "parts": {
        "train": ["volume-0", "volume-1"],
        "validation": ["volume-2"],
        "test": ["volume-3", "volume-4"],
    }
}
#: Answers the stages as `nnunet_side.py` does; its masks are the references (known to the test).
STAND_IN = """#!{python}
import json, shutil, sys
from pathlib import Path
stage, words = sys.argv[2], sys.argv[3:]
if stage == "about":
    print("{{}}")
    sys.exit()
given = {{}}
for word in words:
    if word.startswith("--"):
        values = given.setdefault(word[2:], [])
    else:
        values.append(word)
folder = Path(given["folder"][0])
with (folder / "stages").open("a") as file:
    file.write(stage + " " + " ".join(given["threads"]) + "\\n")
if given["configuration"] == ["2d"]:
    sys.exit("Error: nnU-Net plans no 2d for these scans.")
if stage == "prepare":
    content = dict(planning_seconds=6.0, preprocessing_seconds=12.0)
    (folder / "prepared-3d_fullres.json").write_text(json.dumps(content))
    sys.exit()
result = folder / "results" / given["entry"][0] / "result.json"
if stage == "train":
    result.parent.mkdir(parents=True)
    result.write_text(json.dumps(dict(seconds=0.1, steps=11, parameters=5, sha256="s")))
    sys.exit()
masks = Path(given["masks"][0])
(masks / "test").mkdir(parents=True)
times = dict()
for case in given["cases"]:
    scan = folder / "test" / "imagesTr" / (case + "_0000.nii.gz")
    assert scan.is_file()
    name = case + ".nii.gz"
    shutil.copy(folder / "test" / "labelsTr" / name, masks / "test" / name)
    times[case] = 2.5
(masks / "times.json").write_text(json.dumps(dict(weights="s", seconds=dict(test=times))))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of five cases, a split, a recipe, and the stand-in for nnU-Net's Python."""
    path = tmp_path_factory.mktemp("accuracy")
    write_small_dataset(path / "data", cases=6)
    recipe = small_recipe().model_dump(mode="json")
    (path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    (path / "split.json").write_text(json.dumps(SPLIT), encoding="utf-8")
    stand_in = path / "python"
    stand_in.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
    stand_in.chmod(0o755)
    return path


def words(folder: Path, out: Path, *more: object) -> list[str]:
    given = [folder / "data", "-o", out, "--split", folder / "split.json", "--threads", 1]
    given += ["--minutes", 0.02, "--paper-recipe", folder / "recipe.yaml"]
    return [str(word) for word in [*given, "--recipe", folder / "recipe.yaml", *more]]


def apart(given: list[str]) -> Outcome:
    """In a process of its own, because it binds its process to cores."""
    command = [sys.executable, "-m", "benchmarks.accuracy", *given]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, cwd=ROOT
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "accuracy.csv").open(encoding="utf-8") as file:
        return {row["entry"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def done(folder: Path) -> Outcome:
    """Our recipe alone: the others stay unmeasured."""
    return apart(words(folder, folder / "out", "--only", "small"))


def test_what_is_measured_and_what_is_not(folder: Path, done: Outcome) -> None:
    assert done.code == 0, done.err
    rows = table(folder / "out")
    states = {name: row["state"] for name, row in rows.items()}
    assert states == {
        "3dynet-0.02min": "not measured",
        "unet3d-0.02min": "not measured",
        "vnet-0.02min": "not measured",
        "small-0.02min": "measured",
        "nnunet-3d_fullres-0.02min": "not measured",
    }
    mine = rows["small-0.02min"]
    assert 1 <= float(mine["training_minutes"]) / 0.02 < 60  # the budget, one step, a validation
    assert float(mine["further_minutes"]) > 0
    assert float(mine["seconds_per_case"]) > 0
    assert float(mine["parameters"]) > 1000
    assert "| ynet3d small | 0." in done.out
    run = json.loads((folder / "out" / "runs" / "small-0.02min" / "run.json").read_text("utf-8"))
    assert run["threads"] == 1


def test_figures_are_those_of_the_evaluation(folder: Path, done: Outcome) -> None:
    assert done.code == 0, done.err
    out = folder / "out"
    path = out / "evaluation" / "small-0.02min" / "test" / "summary.json"
    summary = json.loads(path.read_text("utf-8"))
    row = table(out)["small-0.02min"]
    for class_name in ("liver", "tumour"):
        for metric in ("dice", "nsd_2mm"):
            found = summary["classes"][class_name][metric]["mean_with_reference"]
            assert float(row[f"{class_name}_{metric}"]) == pytest.approx(found)
    assert summary["number_of_cases"] == 2


@pytest.mark.slow
def test_again_with_nnunet(folder: Path, done: Outcome) -> None:
    """What is done is kept; nnU-Net is prepared, trained, predicted and scored once."""
    assert done.code == 0, done.err
    out = folder / "out"
    kept = sorted(out.glob("runs/small-*/*")) + sorted(out.glob("predictions/small-*/test/*"))
    before = {path: path.stat().st_mtime_ns for path in kept}
    more = ["--only", "small", "--only", "nnunet-3d_fullres", "--nnunet-python", folder / "python"]
    again = apart(words(folder, out, *more))
    assert again.code == 0, again.err
    assert before == {path: path.stat().st_mtime_ns for path in before}
    row = table(out)["nnunet-3d_fullres-0.02min"]
    assert row["state"] == "measured"
    assert float(row["liver_dice"]) == float(row["tumour_nsd_2mm"]) == 1
    assert float(row["seconds_per_case"]) == 2.5
    assert row["trained"] == "11 steps"
    assert float(row["further_minutes"]) >= 0.3  # its preparation
    split = json.loads(
        (out / "nnunet" / "preprocessed" / nnunet_side.DATASET / "splits_final.json").read_text()
    )
    assert split == [{"train": ["volume-0", "volume-1"], "val": ["volume-2"]}]
    seen = {path.name for path in (out / "nnunet" / "raw").rglob("*.nii.gz")}
    assert "volume-0_0000.nii.gz" in seen
    assert not any("volume-3" in name or "volume-4" in name for name in seen)
    mask = read_label(out / "predictions" / row["entry"] / "test" / "volume-3.nii.gz")
    assert mask.same_grid(read_label(folder / "data" / "segmentation-3.nii.gz"))
    stages = out / "nnunet" / "stages"
    assert stages.read_text() == "prepare 1\ntrain 1\npredict 1\n"
    apart(words(folder, out, *more))
    assert stages.read_text() == "prepare 1\ntrain 1\npredict 1\n"


def test_nnunet_that_fails_stands_in_the_table(folder: Path, tmp_path: Path) -> None:
    more = ["--only", "nnunet-2d", "--nnunet", "2d", "--nnunet-python", folder / "python"]
    ended = apart(words(folder, tmp_path / "out", *more))
    assert ended.code == 1
    state = table(tmp_path / "out")["nnunet-2d-0.02min"]["state"]
    assert state == "failed: nnU-Net could not prepare: nnU-Net plans no 2d for these scans."
    assert "Traceback" not in ended.err


def refused(capsys: pytest.CaptureFixture[str], given: list[str]) -> str:
    assert main(given) == 2
    err = capsys.readouterr().err.strip()
    assert err.startswith("Error: ")
    assert "\n" not in err
    return err


def test_no_nnunet_there(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for python, match in (("nowhere", "cannot be run"), (sys.executable, "cannot import nnunetv2")):
        given = words(folder, tmp_path / "out", "--nnunet-python", python)
        assert match in refused(capsys, given)
    assert not (tmp_path / "out").exists()


def test_other_terms_are_refused(
    folder: Path, done: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done.code == 0, done.err
    assert "(device)" in refused(capsys, words(folder, folder / "out", "--device", "cuda"))
    other = tmp_path / "split.json"
    parts = SPLIT["parts"] | {"test": ["volume-3", "volume-5"]}
    other.write_text(json.dumps({"parts": parts}), encoding="utf-8")
    moved = words(folder, folder / "out", "--split", other)
    assert "(split)" in refused(capsys, moved)
    assert "not of this comparison" in refused(capsys, words(folder, folder / "data"))
    assert "--threads is 999" in refused(capsys, words(folder, tmp_path, "--threads", 999))
    parts["test"] = []
    other.write_text(json.dumps({"parts": parts}), encoding="utf-8")
    assert "no test cases" in refused(capsys, words(folder, tmp_path / "o", "--split", other))


class _Trainer:
    """What the budget's trainer needs of nnU-Net's: a step is a second on a clock of its own."""

    num_epochs = 1000
    initial_lr = 1e-2

    def __init__(self, output_folder: Path) -> None:
        self.output_folder = str(output_folder)
        self.network = torch.nn.Linear(1, 1)
        self.lr_scheduler = self
        self.rates: list[float] = []
        self.ended = False
        self.now = 0.0

    def on_train_start(self) -> None:
        Path(self.output_folder).mkdir(exist_ok=True)
        self.dataloader_train = iter(lambda: {}, None)

    def step(self, epoch: float) -> None:
        self.rates.append(self.initial_lr * (1 - epoch / self.num_epochs) ** 0.9)

    def train_step(self, batch: dict[str, Any]) -> dict[str, float]:
        self.now += 1
        return {"loss": 1.0}

    def save_checkpoint(self, path: str) -> None:
        Path(path).write_text("weights", encoding="utf-8")

    def load_checkpoint(self, path: str) -> None:
        self.loaded = Path(path).read_text("utf-8")

    def on_train_end(self) -> None:
        self.ended = True


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The budget's trainer on top of the stand-in."""
    name = "nnunetv2.training.nnUNetTrainer.nnUNetTrainer"
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(parts[end - 1]))
    sys.modules[name].nnUNetTrainer = _Trainer  # type: ignore[attr-defined]
    monkeypatch.setattr(nnunet_side.signal, "signal", lambda *_: None)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    made = nnunet_side.budget_trainer()(tmp_path)
    monkeypatch.setattr(nnunet_side, "time", SimpleNamespace(monotonic=lambda: made.now))
    made.minutes = 10.0
    return made


def test_budget_ends_the_training_and_anneals_by_time(trainer: Any, tmp_path: Path) -> None:
    trainer.run_training()
    assert (trainer.seconds, trainer.steps, trainer.ended) == (600, 600, True)
    shares = [step / 600 for step in range(600)]
    assert trainer.rates == pytest.approx([1e-2 * (1 - share) ** 0.9 for share in shares])
    progress = json.loads((tmp_path / "progress.json").read_text("utf-8"))
    assert progress == {"seconds": 301, "steps": 301}  # kept every five minutes


def test_budget_holds_over_a_stop(
    trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(batch: dict[str, Any]) -> dict[str, float]:
        trainer.now += 1
        trainer.stopped = trainer.now == 400  # as by a signal
        return {"loss": 1.0}

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(trainer, "train_step", step)
    monkeypatch.setattr(nnunet_side.os, "_exit", leave)
    with pytest.raises(SystemExit, match="130"):
        trainer.run_training()
    assert not trainer.ended
    again = type(trainer)(tmp_path)
    again.minutes, again.now = 10.0, trainer.now
    monkeypatch.setattr(nnunet_side.time, "monotonic", lambda: again.now)
    again.resume()
    assert (again.seconds, again.steps, again.loaded) == (400, 400, "weights")
    again.run_training()
    assert (again.seconds, again.steps, again.ended) == (600, 600, True)
    assert again.rates[0] == pytest.approx(1e-2 * (1 - 400 / 600) ** 0.9)
    assert len(again.rates) == 200
