"""Weights: the same network after a round trip, and every way in which files can be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_runs import save_small_weights, small_recipe

from ynet3d.errors import InputError
from ynet3d.weights import build_network, load_weights, save_weights

OPTIONS = {
    "3dynet": {"width": 2, "fusion": "sum"},
    "3dynet-ee": {"width": 2, "normalisation": "instance"},
    "unet3d": {"width": 2, "normalisation": "batch"},
    "vnet": {"width": 2},
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_small_weights(tmp_path / "best.safetensors")


def logits(network: torch.nn.Module) -> torch.Tensor:
    image = torch.rand(1, 1, 17, 18, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return network(image)


def used(network: torch.nn.Module) -> torch.nn.Module:
    """After some training, so that running statistics are not at their start values."""
    network.train()
    with torch.no_grad():
        network(torch.rand(2, 1, 16, 16, 32))
    return network.eval()


def refused(path: Path) -> str:
    """The one sentence with which `path` is refused."""
    with pytest.raises(InputError) as caught:
        load_weights(path)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert re.search(r"\.\s+[A-Z]", text) is None
    assert caught.value.exit_code == 2
    return text


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_round_trip_gives_the_same_logits(tmp_path: Path, name: str) -> None:
    recipe = small_recipe(network={"name": name, "options": OPTIONS[name]})
    network = used(build_network(recipe))
    path = tmp_path / "a.b.safetensors"
    save_weights(path, network.state_dict(), recipe, training_data={}, metrics={})
    loaded = load_weights(path)
    assert torch.equal(logits(loaded.network), logits(network))
    assert loaded.recipe == recipe
    assert loaded.path == path
    assert not loaded.network.training
    assert {file.name for file in tmp_path.iterdir()} == {"a.b.safetensors", "a.b.json"}


def test_any_order_in_memory_is_saved(tmp_path: Path) -> None:
    recipe = small_recipe()
    network = build_network(recipe).eval()
    before = logits(network)
    tensors = network.to(memory_format=torch.channels_last_3d).state_dict()
    save_weights(tmp_path / "w.safetensors", tensors, recipe, training_data={}, metrics={})
    torch.testing.assert_close(logits(load_weights(tmp_path / "w.safetensors").network), before)


def test_facts_are_kept(tmp_path: Path) -> None:
    recipe = small_recipe()
    data = {"name": "LiTS", "licence": "CC BY-NC-SA 4.0", "cases": ["volume-0", "volume-1"]}
    path = tmp_path / "best.safetensors"
    save_weights(
        path,
        build_network(recipe).state_dict(),
        recipe,
        training_data=data,
        metrics={"dice": 0.5},
    )
    facts = load_weights(path).facts
    assert facts["training_data"] == data
    assert facts["metrics"] == {"dice": 0.5}
    assert facts["labels"] == {"background": 0, "liver": 1, "tumour": 2}
    assert facts["versions"]["torch"] == torch.__version__
    assert facts == json.loads((tmp_path / "best.json").read_text("utf-8"))


def test_the_tensors_are_plain_safetensors(saved: Path) -> None:
    expected = load_weights(saved).network.state_dict()
    tensors = load_file(saved)
    assert set(tensors) == set(expected)
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


@pytest.mark.parametrize("name", ["best.safetensors", "best.json", ""])
def test_file_json_or_run_folder(saved: Path, name: str) -> None:
    loaded = load_weights(saved.parent / name)
    assert loaded.path == saved
    assert torch.equal(logits(loaded.network), logits(load_weights(str(saved)).network))


def test_nothing_there(tmp_path: Path) -> None:
    assert "There are no weights at" in refused(tmp_path / "best.safetensors")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    assert "holds no best.safetensors" in refused(tmp_path)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.ckpt", "model"])
def test_pickles_are_never_opened(tmp_path: Path, name: str) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / name)
    assert "never pickled ones" in refused(tmp_path / name)


def test_a_pickle_under_another_name(saved: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, saved)
    assert "damaged or not safetensors" in refused(saved)


def test_one_of_the_two_files_is_missing(saved: Path) -> None:
    facts = saved.with_suffix(".json")
    content = facts.read_text()
    facts.unlink()
    assert f"{facts} that belongs to the weights is missing" in refused(saved)
    facts.write_text(content)
    saved.unlink()
    assert f"no weights at {saved}" in refused(facts)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"weights"])
def test_json_that_is_not(saved: Path, content: bytes) -> None:
    saved.with_suffix(".json").write_bytes(content)
    assert "is not JSON" in refused(saved)


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"format": "onnx"}', '"text"'])
def test_json_of_something_else(saved: Path, content: str) -> None:
    saved.with_suffix(".json").write_text(content)
    assert "does not describe weights of this package" in refused(saved)


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_format_version(saved: Path, version: object) -> None:
    edit(saved.with_suffix(".json"), lambda facts: facts.update(format_version=version))
    text = refused(saved)
    assert f"have format version {version}, this release reads 1: update ynet3d" in text


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.9])
def test_truncated_tensors(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content))])
    assert "damaged or not safetensors" in refused(saved)


def test_one_bit_differs(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    assert "their checksum differs" in refused(saved)


def test_json_of_other_weights(saved: Path, tmp_path: Path) -> None:
    other = save_small_weights(tmp_path / "other.safetensors", seed=1)
    other.with_suffix(".json").replace(saved.with_suffix(".json"))
    assert "their checksum differs" in refused(saved)


def test_json_without_a_checksum(saved: Path) -> None:
    edit(saved.with_suffix(".json"), lambda facts: facts.pop("sha256"))
    assert "their checksum differs" in refused(saved)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"name": "unet3d", "options": {}}, "another network than the unet3d with default options"),
        (
            {"name": "3dynet", "options": {"width": 3, "normalisation": "instance"}},
            "another network than the 3dynet with {'width': 3",
        ),
        ({"name": "resnet", "options": {}}, "no network called 'resnet'"),
        ({"name": "3dynet", "options": {"depth": 4}}, "no option 'depth'"),
    ],
)
def test_another_network(saved: Path, network: dict[str, object], message: str) -> None:
    edit(saved.with_suffix(".json"), lambda facts: facts["recipe"].update(network=network))
    assert message in refused(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: facts.pop("recipe"), "the recipe is None"),
        (lambda facts: facts["recipe"].update(colour="red"), "colour is 'red'"),
        (lambda facts: facts["recipe"]["training"].update(epochs=0), "training.epochs is 0"),
    ],
)
def test_a_recipe_that_is_not_valid(
    saved: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(saved.with_suffix(".json"), change)
    text = refused(saved)
    assert message in text
    assert str(saved.with_suffix(".json")) in text
