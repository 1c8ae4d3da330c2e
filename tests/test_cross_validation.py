"""Cross-validation as a user runs it: every scan once, by a fold that did not see its patient."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from command_line import Outcome, run, run_apart
from small_runs import save_small_weights, small_recipe, write_small_dataset

from ynet3d.weights import load_weights
from ynet3d.weights.members import never_saw
from ynet3d.weights.packing import packed_tensors, save_packed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folds")
    write_small_dataset(path / "data", cases=4)
    recipe = small_recipe(training={"epochs": 2, "learning_rate": 1e-3})
    content = recipe.model_dump(mode="json")
    (path / "recipe.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def validated(
    capsys: pytest.CaptureFixture[str], folder: Path, out: Path, *more: object
) -> Outcome:
    words = ["cross-validate", folder / "data", "-o", out, "--recipe", folder / "recipe.yaml"]
    return run(capsys, *words, "--device", "cpu", *more)


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def done(folder: Path) -> Outcome:
    """Two folds, trained in two processes side by side; in `folder / "out"`."""
    words = ["cross-validate", folder / "data", "-o", folder / "out", "--device", "cpu"]
    words += ["--recipe", folder / "recipe.yaml", "--folds", 2, "--licence", "ours", "--jobs", 2]
    return run_apart(*words, timeout=400)


def test_every_scan_once_and_nothing_twice(
    folder: Path, done: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out"
    assert done.code == 0, done
    with (out / "evaluation" / "cases.csv").open(encoding="utf-8") as file:
        scored = {row["case"] for row in csv.DictReader(file)}
    assert scored == {f"volume-{number}" for number in range(4)}
    folds = read(out / "folds.json")["parts"]
    for fold, names in folds.items():
        facts = read(out / "runs" / fold / "last.json")
        assert set(facts["training_data"]["training_cases"]) == scored - set(names)
        assert facts["training_data"]["licence"] == "ours"
        for name in names:
            statistics = read(out / "predictions" / name / "statistics.json")
            assert statistics["weights"]["sha256"] == facts["sha256"]
            assert (out / "predictions" / name / "comparison.png").is_file()
    summary = read(out / "summary.json")
    assert summary["cases"] == 4
    assert summary["cases_with_tumour"] == 3
    assert summary["folds"] == folds
    assert f"liver Dice {summary['liver_dice']:.3f}" in done.out
    page = (out / "index.html").read_text("utf-8")
    assert "fold 2 of 2" in page
    assert "predictions/volume-3/comparison.png" in page

    masks = {path: path.stat().st_mtime_ns for path in out.glob("predictions/*/*.nii.gz")}
    assert len(masks) == 4
    again = validated(capsys, folder, out)  # the folds are those of before
    assert again.code == 0, again
    assert "2 of 2 are trained already" in again.err
    assert masks == {path: path.stat().st_mtime_ns for path in masks}
    assert read(out / "summary.json")["cases"] == 4


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--only", 3, "--folds", 2), "Fold 3 was asked for"),
        (("--folds", 5), "5 folds were asked for"),
    ],
)
def test_what_is_refused(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[object, ...],
    sentence: str,
) -> None:
    done = validated(capsys, folder, tmp_path / "out", *more)
    assert done.code == 2
    assert sentence in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_other_folds_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "others"
    names = [f"volume-{number}" for number in range(4)]
    for name, parts in (("a", (names[:2], names[2:])), ("b", (names[:1], names[1:]))):
        content = {"parts": {"fold-1": parts[0], "fold-2": parts[1]}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert validated(capsys, folder, out, "--split", folder / "a.yaml", "--only", 1).code == 0
    assert read(out / "summary.json")["cases"] == 2
    assert not (out / "runs" / "fold-2").exists()
    done = validated(capsys, folder, out, "--split", folder / "b.yaml")
    assert done.code == 2
    assert "has other folds" in done.err


@pytest.mark.slow
def test_folds_go_on_from_packed_weights_but_never_from_what_saw_them(
    folder: Path, done: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done.code == 0, done
    first, packed = tmp_path / "first", tmp_path / "packed.safetensors"
    shutil.copytree(folder / "out", first)
    tuned = run(capsys, "tune", first, folder / "data", "--device", "cpu")
    assert tuned.code == 0, tuned
    lasts = [load_weights(first / "runs" / f"fold-{k}" / "last.safetensors") for k in (1, 2)]
    tuning = lasts[0].facts["tuning"]
    assert lasts[1].facts["tuning"] == tuning
    assert sorted(tuning["validation_cases"]) == [f"volume-{number}" for number in range(4)]
    save_packed(lasts, packed_tensors(lasts, "float16"), packed, storage="float16")
    split = ["--split", first / "folds.json"]

    shipped = load_weights(packed)
    inference = shipped.recipe.inference.model_dump()
    assert {name: inference[name] for name in tuning["adopted_values"]} == tuning["adopted_values"]
    sums = set()
    for number, fold in enumerate(("fold-1", "fold-2")):
        for case in read(first / "folds.json")["parts"][fold]:
            judge = never_saw(shipped, case)
            assert judge is not None
            assert judge.network is shipped.network.members[number]
            sums.add(judge.facts["sha256"])
    assert len(sums | {shipped.facts["sha256"]}) == 3
    assert never_saw(shipped, "a scan of somebody else") is shipped
    assert never_saw(lasts[1], read(first / "folds.json")["parts"]["fold-1"][0]) is None

    more = tmp_path / "more"
    again = validated(capsys, folder, more, *split, "--start", packed, "--only", 2)
    assert again.code == 0, again
    facts = read(more / "runs" / "fold-2" / "last.json")["training_data"]
    started = facts["started_from"]
    assert (started["member"], started["file"]) == (2, packed.name)
    assert set(started["training_cases"]) == set(facts["training_cases"])

    swapped = tmp_path / "swapped.safetensors"
    save_packed(lasts[::-1], packed_tensors(lasts[::-1], "float16"), swapped, storage="float16")
    wrong = validated(capsys, folder, tmp_path / "wrong", *split, "--start", swapped, "--only", 1)
    assert wrong.code == 1
    assert "which this run is judged on" in wrong.err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--member", 2), "hold one network"),
        (("--set", "network.options.width=3"), "weights and recipe of the same network"),
        (("--network", "unet3d"), "weights and recipe of the same network"),
    ],
)
def test_a_start_that_does_not_fit(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[object, ...],
    sentence: str,
) -> None:
    weights = save_small_weights(tmp_path / "small.safetensors")
    words = ["train", folder / "data", "-o", tmp_path / "run", "--recipe", folder / "recipe.yaml"]
    done = run(capsys, *words, "--all", "--device", "cpu", "--start", weights, *more)
    assert done.code == 2
    assert sentence in done.err


def test_training_begins_with_narrower_weights(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = save_small_weights(tmp_path / "small.safetensors", seed=5)
    words = ["train", folder / "data", "-o", tmp_path / "run", "--recipe", folder / "recipe.yaml"]
    words += ["--all", "--device", "cpu", "--start", weights, "--set", "training.epochs=1"]
    words += ["--set", "network.options.width=4"]
    done = run(capsys, *words, "--set", "training.learning_rate=1e-12")
    assert done.code == 0, done
    before, after = (load_weights(path).network for path in (weights, tmp_path / "run"))
    image = torch.rand(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        change = (after(image) - before(image)).abs().mean() / before(image).std()
    assert change < 0.5  # the noise that tells copies apart; other random weights: above 1


def test_training_begins_with_the_weights_given(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = save_small_weights(tmp_path / "small.safetensors", seed=5)
    words = ["train", folder / "data", "-o", tmp_path / "run", "--recipe", folder / "recipe.yaml"]
    words += ["--all", "--device", "cpu", "--start", weights, "--set", "training.epochs=1"]
    done = run(capsys, *words, "--set", "training.learning_rate=1e-12")
    assert done.code == 0, done
    before = load_weights(weights).network.state_dict()
    trained = load_weights(tmp_path / "run").network.state_dict()
    assert all(torch.allclose(trained[name], before[name], atol=1e-6) for name in before)
    again = run(capsys, "train", folder / "data", "-o", tmp_path / "run", "--resume")
    assert again.code == 0, again
    assert read(tmp_path / "run" / "best.json")["training_data"]["started_from"]["member"] is None
