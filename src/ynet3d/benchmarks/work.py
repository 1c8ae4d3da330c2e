"""What a network has to do for one input, whatever computes it: operations, and bytes to move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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


def network_work(network: nn.Module, size: tuple[int, int, int], *, batch: int = 1) -> Work:
    """Count for `batch` inputs of `size` (D, H, W); `network` lies on the meta device."""
    values = 0

    def count(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        nonlocal values
        weights = sum(parameter.numel() for parameter in module.parameters())
        values += inputs[0].numel() + output.numel() + weights

    kinds = (nn.Conv3d, nn.ConvTranspose3d)
    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, kinds)
    ]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(batch, 1, *size, device="meta"))
    for hook in hooks:
        hook.remove()
    return Work(counter.get_total_flops(), values)
