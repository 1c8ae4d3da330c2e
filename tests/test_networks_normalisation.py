"""Instance normalisation: the same values and gradients as PyTorch's in float64, in any layout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ynet3d.networks.blocks import guard_layers
from ynet3d.networks.normalisation import InstanceNorm

LAYOUTS = [torch.contiguous_format, torch.channels_last_3d]


def result(
    layer: nn.InstanceNorm3d, features: torch.Tensor, gradient: torch.Tensor
) -> list[torch.Tensor]:
    features = features.clone().requires_grad_()
    layer.zero_grad()
    out = layer(features)
    out.backward(gradient)
    assert features.grad is not None
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    found = (out.detach(), features.grad, layer.weight.grad, layer.bias.grad)
    return [tensor.double() for tensor in found]


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gradient_layout", LAYOUTS)
@pytest.mark.parametrize(("kind", "error"), [(torch.float32, 2e-5), (torch.bfloat16, 2e-2)])
def test_as_in_float64(
    batch: int,
    layout: torch.memory_format,
    gradient_layout: torch.memory_format,
    kind: torch.dtype,
    error: float,
) -> None:
    generator = torch.Generator().manual_seed(0)
    features, gradient = (
        torch.randn(batch, 6, 8, 10, 12, generator=generator).to(kind) for _ in range(2)
    )
    features = 3 * features + 2
    layer = InstanceNorm(6, affine=True)
    nn.init.normal_(layer.weight, 1, 0.1, generator=generator)
    nn.init.normal_(layer.bias, generator=generator)
    peer = nn.InstanceNorm3d(6, affine=True).double()
    peer.load_state_dict(layer.state_dict())
    expected = result(peer, features.double(), gradient.double())
    found = result(
        layer,
        features.contiguous(memory_format=layout),
        gradient.contiguous(memory_format=gradient_layout),
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() < error * theirs.abs().max()


def test_reduced_precision_keeps_channels_last() -> None:
    features = torch.randn(2, 4, 6, 6, 6).bfloat16().to(memory_format=torch.channels_last_3d)
    out = InstanceNorm(4, affine=True)(features)
    assert out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last_3d)


def test_weights_fit_pytorchs_layer_and_back() -> None:
    network = nn.Sequential(nn.Conv3d(1, 4, 3), nn.InstanceNorm3d(4, affine=True))
    stored = network.state_dict()
    assert isinstance(guard_layers(network)[1], InstanceNorm)
    network.load_state_dict(stored)
