"""`ynet3d calibrate`: networks that say the same everywhere, so their temperature is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from safetensors.torch import load_file
from scipy.optimize import minimize_scalar
from small_runs import save_constant_weights, small_recipe, small_scan, write_small_dataset

import ynet3d
from ynet3d.datasets import open_dataset
from ynet3d.inference.calibrating import SURROUNDINGS_MM
from ynet3d.preprocessing.cropping import liver_box
from ynet3d.recipes import Inference
from ynet3d.weights import load_weights, save_weights


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_small_dataset(tmp_path / "data")


def background(case: int) -> float:
    """Its share of the liver's surroundings."""
    label = small_scan(case, tumour=case < 3)[1]
    box = liver_box(label, SURROUNDINGS_MM)
    assert box is not None
    return float((label.array[box] == 0).mean())


def write_parts(path: Path, data: Path, parts: dict[str, list[int]]) -> None:
    names = [case.name for case in open_dataset(data).cases]
    named = {part: [names[i] for i in chosen] for part, chosen in parts.items()}
    ratio = [1] * len(parts)
    split = {"dataset": "data", "seed": 0, "ratio": ratio, "parts": named}
    path.write_text(json.dumps(split), "utf-8")


def test_the_temperature_lies_in_the_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logits (1, 0, 0): the best temperature makes background as likely as it is frequent."""
    folder = tmp_path / "run"
    weights = save_constant_weights(folder / "best.safetensors", 0)
    before = load_weights(folder)
    write_parts(folder / "split.json", data, {"train": [0], "validation": [1, 2, 3], "test": []})
    done = run(capsys, "calibrate", folder, data, "-q")
    assert done.code == 0, done
    share = np.mean([background(case) for case in (1, 2, 3)])
    expected = 1 / np.log(2 * share / (1 - share))
    after = load_weights(folder)
    assert after.recipe.inference.temperature == pytest.approx(expected, rel=1e-2)
    temperature = after.recipe.inference.temperature
    assert after.recipe == small_recipe(inference=Inference(temperature=temperature))
    assert after.facts["sha256"] == before.facts["sha256"]
    assert f"Kept: temperature {temperature:g} (best), from 3 scans of 3 patients" in done.out
    told = json.loads((folder / "calibration.json").read_text("utf-8"))
    assert after.facts["calibration"] == told
    assert len(told["cases"]) == 3
    error = told["before"]["surroundings"]["expected_calibration_error"]
    assert error == pytest.approx(share - np.e / (np.e + 2), abs=5e-3)
    assert told["held_out"]["surroundings"]["expected_calibration_error"] < 0.02
    assert told["before"]["lesions"]["answers"] == 0
    assert (folder / "reliability.png").is_file()
    scan = small_scan(9)[0]
    assert np.array_equal(
        ynet3d.predict(scan, weights=weights).array, ynet3d.predict(scan, weights=before).array
    )


def test_all_is_called_tumour(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nearly always wrong, and so best as unsure as can be: no temperature mends that."""
    folder = tmp_path / "run"
    save_constant_weights(folder / "best.safetensors", 2)
    write_parts(folder / "split.json", data, {"train": [0], "validation": [1, 2, 3], "test": []})
    done = run(capsys, "calibrate", folder, data, "-q", "--on", "tumour")
    assert done.code == 0, done
    assert "Kept: temperature 1 (as before: no temperature fits" in done.out
    told = load_weights(folder).facts["calibration"]
    assert (told["fitted_on"], told["best"], told["temperature"]) == ("tumour", 10.0, 1.0)
    assert told["before"]["lesions"]["answers"] == 3
    scan = np.size(small_scan()[0].array)
    assert told["before"]["tumour"]["answers"] == 3 * scan
    share = np.mean(
        [(small_scan(case, tumour=case < 3)[1].array == 2).mean() for case in (1, 2, 3)]
    )
    error = told["before"]["tumour"]["expected_calibration_error"]
    assert error == pytest.approx(np.e / (np.e + 2) - share, abs=1e-3)


def test_one_temperature_for_all_folds(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each scan by its own fold's network; folds that are not finished are left out."""
    folder = tmp_path / "cv"
    for fold, sure in ((1, 1.0), (2, 2.0)):
        path = save_constant_weights(folder / "runs" / f"fold-{fold}" / "last.safetensors", 0)
        tensors = load_file(path)
        tensors["head.bias"] *= sure
        save_weights(path, tensors, small_recipe(), training_data={"name": "none"}, metrics={})
    parts = {"fold-1": [0], "fold-2": [1, 2], "fold-3": [3]}
    write_parts(folder / "folds.json", data, parts)
    done = run(capsys, "calibrate", folder, data, "-q")
    assert done.code == 0, done

    def loss(temperature: float) -> float:
        total = 0.0
        for case, sure in ((0, 1.0), (1, 2.0), (2, 2.0)):
            said = torch.tensor([sure, 0, 0]) / temperature
            share = torch.tensor([background(case), 1 - background(case), 0])
            total -= float((said.log_softmax(0) * share).sum())
        return total

    expected = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    for fold in (1, 2):
        weights = load_weights(folder / "runs" / f"fold-{fold}" / "last.safetensors")
        assert weights.recipe.inference.temperature == pytest.approx(expected, rel=1e-2)
    told = json.loads((folder / "calibration.json").read_text("utf-8"))
    assert (len(told["cases"]), told["patients"]) == (3, 3)


def test_what_cannot_be_calibrated(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    save_constant_weights(folder / "best.safetensors", 0)
    run(capsys, "calibrate", folder, data).assert_refused(match=r"has no split.json")
    write_parts(folder / "split.json", data, {"train": [0], "validation": [1], "test": [2, 3]})
    run(capsys, "calibrate", folder, data).assert_refused(match="1 unseen case(s), of fewer")
    write_parts(folder / "split.json", data, {"train": [0], "validation": [1, 2], "test": [3]})
    refused = run(capsys, "calibrate", folder, data, "--on", "tumour")
    refused.assert_refused(match="use --on surroundings")
    write_parts(folder / "folds.json", data, {"fold-1": [0, 1], "fold-2": [2, 3]})
    run(capsys, "calibrate", folder, data).assert_refused(match="no finished fold")
