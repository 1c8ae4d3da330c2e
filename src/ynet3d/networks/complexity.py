"""Parameters and floating-point operations of a network, counted without running it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from ynet3d.networks.registry import create_network


@dataclass(frozen=True)
class Complexity:
    """Trainable parameters, and FLOP of one forward pass (a multiply-add counts as two)."""

    parameters: int
    flop: int


def complexity(
    name: str,
    *,
    size: tuple[int, int, int] = (64, 256, 256),
    in_channels: int = 1,
    num_classes: int = 3,
    **options: object,
) -> Complexity:
    """Count for one input of `size` (D, H, W), on PyTorch's meta device: no memory, no time.

    FLOP are those of convolutions and matrix products (PyTorch's `FlopCounterMode`).
    """
    with torch.device("meta"):
        network = create_network(
            name, in_channels=in_channels, num_classes=num_classes, **options
        ).eval()
        image = torch.empty(1, in_channels, *size)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(image)
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return Complexity(parameters, counter.get_total_flops())
