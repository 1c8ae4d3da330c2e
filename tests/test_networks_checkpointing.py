"""Checkpointed activations: the same gradients and statistics, fewer maps kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ynet3d.networks import checkpoint_activations, create_network, kept_map_bytes
from ynet3d.recipes import load_recipe
from ynet3d.training.step import wants_checkpoints


def built(name: str, *, checkpointed: bool, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    network = create_network(name, **options)
    return checkpoint_activations(network) if checkpointed else network


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("3dynet", {"width": 2}),
        ("3dynet", {"width": 2, "normalisation": "instance"}),
        ("3dynet-ee", {"width": 2, "normalisation": "batch"}),
        ("unet3d", {"width": 2}),
        ("vnet", {"width": 2}),
        ("monai:DynUNet", {"width": 2}),
    ],
)
def test_gradients_and_statistics_are_the_same(
    name: str, options: dict[str, Any], mixed: bool
) -> None:
    image = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    found = []
    for checkpointed in (False, True):
        network = built(name, checkpointed=checkpointed, **options)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = network(image)
        torch.manual_seed(1)  # gradients must not depend on it
        logits.float().square().mean().backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        found.append((logits.detach(), gradients, dict(network.named_buffers())))
    (logits, gradients, buffers), (again, same, kept) = found
    torch.testing.assert_close(again, logits, rtol=0, atol=0)
    torch.testing.assert_close(same, gradients, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(kept, buffers)


def test_fewer_bytes_are_kept() -> None:
    image = torch.rand(1, 1, 32, 32, 32)

    def kept(*, checkpointed: bool) -> int:
        network = built("3dynet", checkpointed=checkpointed, width=4)
        storages: dict[int, int] = {}
        weights = {parameter.data_ptr() for parameter in network.parameters()}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            logits = network(image)
        assert logits.requires_grad
        return sum(storages.values())

    assert kept(checkpointed=True) < 0.5 * kept(checkpointed=False)


def test_prediction_and_weights_are_untouched() -> None:
    plain, checkpointed = (built("3dynet", checkpointed=one, width=2) for one in (False, True))
    assert list(plain.state_dict()) == list(checkpointed.state_dict())
    image = torch.rand(1, 1, 16, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(checkpointed.eval()(image), plain.eval()(image))


def test_bytes_of_kept_maps_by_hand() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.InstanceNorm3d(4))
    assert kept_map_bytes(network, (2, 3, 4), batch=2) == 2 * (1 + 4) * 24 * 2


@pytest.mark.parametrize(("setting", "expected"), [(True, True), (False, False), ("auto", False)])
def test_recipe_decides_and_a_cpu_keeps_its_maps(setting: bool | str, expected: bool) -> None:
    recipe = load_recipe("paper", changes=[f"training.checkpoint_activations={setting}".lower()])
    assert wants_checkpoints(recipe, (64, 256, 256), torch.device("cpu")) is expected
