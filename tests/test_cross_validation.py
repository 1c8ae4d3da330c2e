"""Cross-validation as a user runs it: every scan once, by a fold that did not see its patient."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import Outcome, run
from small_runs import small_recipe, write_small_dataset


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


def test_every_scan_once_and_nothing_twice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out"
    done = validated(capsys, folder, out, "--folds", 2, "--licence", "ours", "--jobs", 2)
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
