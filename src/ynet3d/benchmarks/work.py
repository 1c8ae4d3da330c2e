"""What a network has to do for one input: operations, bytes to move; and inputs of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ynet3d.networks import create_network, he_normal
from ynet3d.networks.complexity import count_flop, watched

NETWORK = "3dynet"
TRAINING_PASSES = 3  # forward, gradients of the maps, gradients of the weights


@dataclass(frozen=True)
class Work:
    """Of one forward pass.

    Attributes:
        flop: of convolutions and matrix products; a multiply-add counts as two.
        values: that its convolutions read (maps, weights) and write, each once.
    """

    flop: int
    values: int


def benchmark_network(options: Mapping[str, Any]) -> nn.Module:
    """The network that passes are timed with; the same initial weights each time."""
    torch.manual_seed(0)
    network = create_network(NETWORK, **options)
    he_normal(network)
    return network


def network_work(network: nn.Module, size: tuple[int, int, int], *, batch: int = 1) -> Work:
    """Count for `batch` inputs of `size` (D, H, W); `network` lies on the meta device."""
    values = 0

    def count(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        nonlocal values
        weights = sum(parameter.numel() for parameter in module.parameters())
        values += inputs[0].numel() + output.numel() + weights

    kinds = (nn.Conv3d, nn.ConvTranspose3d)
    with watched(network, kinds, count):
        flop = count_flop(network, size, batch=batch)
    return Work(flop, values)


def noise_batch(size: tuple[int, int, int], batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Image (float32) and label (uint8) of noise, (batch, 1, D, H, W), the same each time."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 1, *size, generator=generator)
    return image, torch.randint(0, 3, image.shape, generator=generator, dtype=torch.uint8)
