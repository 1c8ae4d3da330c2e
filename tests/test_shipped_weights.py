"""Weights by name, packed in half precision, and what the command line says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_runs import save_small_weights, small_recipe, small_scan, write_small_dataset

from ynet3d.errors import InputError, YnetError
from ynet3d.files import write_json
from ynet3d.pipelines import packing
from ynet3d.pipelines.packing import pack_files
from ynet3d.volumes import read_label, write_volume
from ynet3d.weights import Weights, build_network, load_weights, save_weights, shipped, store
from ynet3d.weights.packing import packed_tensors
from ynet3d.weights.storage import Storage, restored, stored


def sure_weights(path: Path, *, seed: int = 0) -> Path:
    """Random weights that call every voxel liver: rounding them moves no border."""
    recipe = small_recipe()
    torch.manual_seed(seed)
    tensors = build_network(recipe).state_dict()
    tensors["head.bias"][1] += 100
    save_weights(path, tensors, recipe, training_data={"name": "none"}, metrics={})
    return path


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small weights that pretend to be in the package, under the default's name."""
    original = sure_weights(tmp_path / "small.safetensors")
    target = tmp_path / "shipped" / f"{shipped.DEFAULT}.safetensors"
    write_json(tmp_path / "evaluation.json", {"liver_dice": 0.5, "cases": 3})
    write_json(tmp_path / "training.json", {"epochs": 3})
    pack_files(
        [original],
        target,
        evaluation=tmp_path / "evaluation.json",
        training=tmp_path / "training.json",
    )
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
    assert loaded.facts["packed_from"] == [original.facts["sha256"]]
    assert loaded.facts["packing_parity"]["passed"]
    for name, tensor in loaded.network.state_dict().items():
        assert tensor.dtype == torch.float32
        expected = original.network.state_dict()[name]
        assert torch.allclose(tensor, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("storage", "bytes_each"), [("float16", 2), ("int8", 1)])
def test_several_become_one_network_of_their_mean(
    storage: Storage, bytes_each: int, tmp_path: Path
) -> None:
    files = [sure_weights(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (1, 2, 3)]
    parity = pack_files(files, tmp_path / "joined.safetensors", storage=storage)
    assert parity.precision == {"float16": "fp16", "int8": "int8"}[storage]
    loaded = load_weights(tmp_path / "joined.safetensors")
    assert loaded.facts["members"] == 3
    image = torch.rand(2, 1, 16, 16, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for file, member in zip(files, loaded.network.members, strict=True):
            assert torch.allclose(member(image), load_weights(file).network(image), atol=0.1)
        for member in loaded.network.members:  # so that every class has its share
            member.head.bias[1] -= 100
        mean = torch.stack([member(image).softmax(1) for member in loaded.network.members]).mean(0)
        assert torch.allclose(loaded.network(image).exp(), mean, atol=1e-5)
    # Kernels are most of such a network; names and scales are the rest.
    stored = load_file(tmp_path / "joined.safetensors")
    kernels = sum(t.numel() for t in stored.values() if t.ndim == 5 and t[0, 0].numel() > 1)
    assert kernels * bytes_each == sum(
        t.nbytes for t in stored.values() if t.ndim == 5 and t[0, 0].numel() > 1
    )


@given(
    st.integers(0, 2**31), st.floats(1e-3, 1e3), st.sampled_from([(3, 4, 3, 3, 3), (2, 5, 1, 1, 1)])
)
def test_stored_kernels_come_back_within_half_a_step(
    seed: int, size: float, shape: tuple[int, ...]
) -> None:
    generator = torch.Generator().manual_seed(seed)
    kernel = size * torch.randn(*shape, generator=generator)
    back = restored(stored({"kernel": kernel, "steps": torch.tensor(7)}, "int8"))
    assert back["steps"] == 7
    assert set(back) == {"kernel", "steps"}
    largest = kernel.flatten(1).abs().amax(1)[:, None, None, None, None]
    assert bool(((back["kernel"] - kernel).abs() <= largest / 127 * 0.51).all())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    weights = load_weights(save_small_weights(tmp_path / "small.safetensors"))
    with torch.no_grad():
        next(weights.network.parameters()).fill_(1e6)
    with pytest.raises(InputError, match="beyond float16"):
        packed_tensors([weights], "float16")


def test_what_gives_other_masks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors that were rounded far too much."""
    file, target = save_small_weights(tmp_path / "small.safetensors"), tmp_path / "p.safetensors"

    def coarse(weights: list[Weights], storage: Storage) -> dict[str, torch.Tensor]:
        tensors = packed_tensors(weights, storage)
        return {name: (4 * t).round() / 4 for name, t in tensors.items()}

    monkeypatch.setattr(packing, "packed_tensors", coarse)
    with pytest.raises(YnetError, match=r"give other masks .* of voxels alike"):
        pack_files([file], target)
    assert not target.exists()


def test_compared_on_a_scan(tmp_path: Path) -> None:
    file = sure_weights(tmp_path / "small.safetensors")
    write_volume(small_scan()[0], tmp_path / "scan.nii.gz")
    parity = pack_files([file], tmp_path / "p.safetensors", check_on=tmp_path / "scan.nii.gz")
    assert parity.on == "the scan scan.nii.gz"


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
    original = sure_weights(tmp_path / "small.safetensors")
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
