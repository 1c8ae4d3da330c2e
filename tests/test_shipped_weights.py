"""Weights by name, packed in half precision, and what the command line says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from command_line import run
from small_runs import save_small_weights, small_scan, write_small_dataset

from ynet3d.errors import InputError
from ynet3d.volumes import read_label, write_volume
from ynet3d.weights import load_weights, shipped, store
from ynet3d.weights.packing import pack_weights


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small weights that pretend to be in the package, under the default's name."""
    original = save_small_weights(tmp_path / "small.safetensors")
    target = tmp_path / "shipped" / f"{shipped.DEFAULT}.safetensors"
    evaluation = {"liver_dice": 0.5, "cases": 3}
    pack_weights(load_weights(original), target, evaluation=evaluation, training={"epochs": 3})
    for module in (store, shipped):
        monkeypatch.setattr(module, "list_shipped", lambda: {shipped.DEFAULT: target})
    return target


def test_half_the_size_and_nearly_the_same(packed: Path, tmp_path: Path) -> None:
    original = load_weights(tmp_path / "small.safetensors")
    loaded = load_weights(packed)
    assert packed.stat().st_size < 0.7 * (tmp_path / "small.safetensors").stat().st_size
    assert loaded.recipe == original.recipe
    assert loaded.facts["metrics"] == {"liver_dice": 0.5, "cases": 3}
    assert loaded.facts["training"] == {"epochs": 3}
    assert loaded.facts["packed_from"] == original.facts["sha256"]
    for name, tensor in loaded.network.state_dict().items():
        assert tensor.dtype == torch.float32
        expected = original.network.state_dict()[name]
        assert torch.allclose(tensor, expected, rtol=1e-3, atol=1e-6)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    weights = load_weights(save_small_weights(tmp_path / "small.safetensors"))
    with torch.no_grad():
        next(weights.network.parameters()).fill_(1e6)
    with pytest.raises(InputError, match="beyond float16"):
        pack_weights(weights, tmp_path / "packed.safetensors")
    assert not (tmp_path / "packed.safetensors").exists()


def test_predict_without_naming_weights(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan, _ = small_scan()
    write_volume(scan, tmp_path / "scan.nii.gz")
    done = run(capsys, "predict", tmp_path / "scan.nii.gz", "-o", tmp_path / "out")
    assert done.code == 0, done
    assert read_label(tmp_path / "out" / "segmentation.nii.gz").same_grid(scan)
    statistics = json.loads((tmp_path / "out" / "statistics.json").read_text("utf-8"))
    assert statistics["weights"]["file"] == packed.name


def test_no_weights_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shipped, "list_shipped", dict)
    write_volume(small_scan()[0], tmp_path / "scan.nii.gz")
    done = run(capsys, "predict", tmp_path / "scan.nii.gz", "-o", tmp_path / "out")
    assert done.code == 2
    assert "this release holds none for real CT" in done.err


def test_a_name_that_is_not_there(packed: Path) -> None:
    assert load_weights(shipped.DEFAULT).path == packed
    with pytest.raises(InputError, match=r"one of this package's \(lite\)"):
        load_weights("heavy")


def test_list_and_info(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = run(capsys, "weights", "list").out
    assert "lite (default)" in listed
    said = run(capsys, "weights", "info", "lite").out
    assert "liver_dice: 0.5" in said
    assert "parameters:" in said


def test_pack_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original = save_small_weights(tmp_path / "small.safetensors")
    (tmp_path / "e.json").write_text('{"cases": 2}', encoding="utf-8")
    out = tmp_path / "packed.safetensors"
    done = run(capsys, "weights", "pack", original, "-o", out, "--evaluation", tmp_path / "e.json")
    assert done.code == 0, done
    assert load_weights(out).facts["metrics"] == {"cases": 2}
    (tmp_path / "e.json").write_text("[]", encoding="utf-8")
    done = run(capsys, "weights", "pack", original, "-o", out, "--evaluation", tmp_path / "e.json")
    assert done.code == 2
    assert "no JSON object" in done.err


def test_training_on_all_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write_small_dataset(tmp_path / "data", cases=3), tmp_path / "run"
    words = ["train", data, "-o", out, "--all", "--device", "cpu", "--set", "training.epochs=2"]
    words += ["--set", "network.options={width: 2, normalisation: instance}"]
    words += ["--set", "preprocessing.size=[16, 16, 32]"]
    done = run(capsys, *words)
    assert done.code == 0, done
    assert "without validation" in done.out
    best, last = (load_weights(out / f"{name}.safetensors") for name in ("best", "last"))
    assert best.facts["sha256"] == last.facts["sha256"]
    assert best.facts["metrics"]["epoch"] == 2
    assert len(best.facts["training_data"]["training_cases"]) == 3
    assert json.loads((out / "run.json").read_text("utf-8"))["best_validation_dice"] is None
    again = run(capsys, "train", data, "-o", out, "--resume", "--device", "cpu")
    assert again.code == 0, again
    refused = run(capsys, *words[:3], tmp_path / "other", "--all", "--fold", 1)
    assert refused.code == 2
    assert "--all leaves nothing out" in refused.err
