"""Deep supervision: heads on the right stages, the plain network untouched, resumed as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_runs import small_recipe, write_small_dataset
from stopped_runs import stopped_after
from torch import nn

from ynet3d.datasets import open_dataset
from ynet3d.errors import InputError
from ynet3d.networks import checkpoint_activations
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe
from ynet3d.training import TrainingData, make_loss, train
from ynet3d.training import deep_supervision as module
from ynet3d.training.deep_supervision import DeepSupervision, nearest_label
from ynet3d.training.step import gradient_step
from ynet3d.weights import build_network

CPU = torch.device("cpu")
NETWORKS = {
    "3dynet": {"width": 2, "normalisation": "instance"},
    "3dynet-ee": {"width": 2, "normalisation": "instance"},
    "unet3d": {"width": 2},
    "vnet": {"width": 2},
    "monai:DynUNet": {"width": 2, "stages": 4, "flat_stages": 1},
    "monai:SegResNet": {"width": 8},
}
#: Of the heads' maps, by network: how much smaller than the image along D, H, W.
FACTORS = {name: [(2, 2, 2), (4, 4, 4)] for name in NETWORKS} | {
    "unet3d": [(2, 2, 2)],
    "vnet": [(2, 2, 2), (4, 4, 4)],
    "monai:DynUNet": [(1, 2, 2)],
    "monai:SegResNet": [(2, 2, 2)],
}


def recipe_for(name: str, **training: object) -> Recipe:
    return small_recipe(
        network={"name": name, "options": NETWORKS[name]},
        training={"epochs": 2, "deep_supervision": True, "mixed_precision": False, **training},
    )


def sample(size: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(0)
    image = torch.from_numpy(generator.random((2, 1, *size), dtype=np.float32))
    return image, torch.from_numpy(generator.integers(0, 3, (2, 1, *size)).astype(np.uint8))


def step(
    network: nn.Module, recipe: Recipe, supervision: DeepSupervision | None
) -> tuple[float, list[torch.Tensor]]:
    image, label = sample((18, 16, 32))
    value, _ = gradient_step(
        network,
        make_loss(recipe.training),
        image,
        label,
        device=CPU,
        mixed=False,
        gradient_clip=None,
        supervision=supervision,
    )
    return value, [p.grad.clone() for p in network.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_heads_sit_on_the_coarser_stages_and_the_loss_is_their_weighted_mean(name: str) -> None:
    """Also where the network pads its input (18 slices)."""
    recipe = recipe_for(name)
    torch.manual_seed(0)
    network = build_network(recipe)
    before = set(network.state_dict())
    supervision = DeepSupervision(network, recipe)
    assert set(network.state_dict()) == before
    assert [stage.factor for stage in supervision._stages] == FACTORS[name]

    image, label = sample((18, 16, 32))
    loss = make_loss(recipe.training)
    network.train()
    logits = network(image)
    coarse = supervision.coarse_logits()
    values = [loss(logits, label)]
    for smaller, (d, h, w) in zip(coarse, FACTORS[name], strict=True):
        assert smaller.shape[1] == 3
        size = (-(-18 // d), -(-16 // h), -(-32 // w))
        target = label
        for axis, (count, factor) in enumerate(zip(size, (d, h, w), strict=True)):
            places = [
                min(i * factor + factor // 2, label.shape[axis + 2] - 1) for i in range(count)
            ]
            target = target.index_select(axis + 2, torch.tensor(places))
        assert torch.equal(target, nearest_label(label, (d, h, w)))
        values.append(loss(smaller[:, :, : size[0], : size[1], : size[2]], target))
    weights = np.array([0.5**index for index in range(len(values))])
    expected = sum(w * v.item() for w, v in zip(weights / weights.sum(), values, strict=True))
    assert supervision.loss(loss, logits, coarse, label).item() == pytest.approx(expected, rel=1e-5)
    assert len(values) == 1 + len(FACTORS[name])


def test_the_coarser_stages_get_gradients_from_it() -> None:
    recipe = recipe_for("3dynet")
    gradients = []
    for with_heads in (False, True):
        torch.manual_seed(0)
        network = build_network(recipe).train()
        supervision = DeepSupervision(network, recipe) if with_heads else None
        gradients.append(step(network, recipe, supervision)[1])
        if supervision is not None:
            assert all((head.weight.grad != 0).any() for head in supervision.heads)
    plain, deep = gradients
    assert len(plain) == len(deep)
    assert not all(torch.allclose(a, b) for a, b in zip(plain, deep, strict=True))


def test_checkpointed_activations_give_the_same() -> None:
    recipe = recipe_for("3dynet")
    results = []
    for checkpointed in (False, True):
        torch.manual_seed(0)
        network = build_network(recipe).train()
        supervision = DeepSupervision(network, recipe)
        if checkpointed:
            checkpoint_activations(network)
        results.append(step(network, recipe, supervision))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    for one, other in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_prediction_keeps_no_maps() -> None:
    recipe = recipe_for("3dynet")
    network = build_network(recipe)
    supervision = DeepSupervision(network, recipe)
    network.eval()(sample((16, 16, 16))[0])
    with torch.no_grad():
        network.train()(sample((16, 16, 16))[0])
    assert supervision._maps == {}


def test_a_network_without_a_decoder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small_recipe()
    monkeypatch.setattr(module, "build_network", lambda _: nn.Sequential(nn.Conv3d(1, 3, 1)))
    with pytest.raises(InputError, match="3dynet has no decoder stages"):
        DeepSupervision(build_network(recipe), recipe)


def test_runs_resume_and_leave_a_plain_network(tmp_path: Path) -> None:
    folder = write_small_dataset(tmp_path / "data", cases=3)
    cases = tuple(open_dataset(folder, kind="lits").cases)
    data = TrainingData("small", cases[:2], cases[2:])
    recipe = recipe_for("3dynet", epochs=2, learning_rate=1e-3)

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(data, whole, recipe, device="cpu", progress=Progress(quiet=True))
    with stopped_after(3) as progress:
        assert not train(data, parts, recipe, device="cpu", progress=progress).finished
    train(data, parts, recipe, device="cpu", resume=True, progress=Progress(quiet=True))
    one, other = (load_file(run / "last.safetensors") for run in (whole, parts))
    assert set(one) == set(build_network(recipe).state_dict())
    assert all(torch.equal(one[key], other[key]) for key in one)
    plain = load_file(whole / "checkpoint.safetensors")
    assert any(key.startswith("supervision/heads.") for key in plain)
