"""Parameters and floating-point operations of a network, counted without running it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ynet3d.networks.registry import create_network, network_entry


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
    **options: Any,
) -> Complexity:
    """Count for one input of `size` (D, H, W), on PyTorch's meta device: no memory, no time.

    FLOP are those of convolutions and matrix products (PyTorch's `FlopCounterMode`).
    """
    with torch.device("meta"):
        network = create_network(
            name, in_channels=in_channels, num_classes=num_classes, **options
        ).eval()
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return Complexity(parameters, count_flop(network, size, in_channels=in_channels))


def count_flop(
    network: nn.Module, size: tuple[int, int, int], *, batch: int = 1, in_channels: int = 1
) -> int:
    """FLOP of one forward pass of `batch` inputs of `size`; `network` lies on the meta device."""
    with (
        torch.device("meta"),
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
    ):
        network(torch.empty(batch, in_channels, *size))
    return counter.get_total_flops()


@contextmanager
def watched(
    network: nn.Module, kinds: tuple[type[nn.Module], ...], seen: Callable[..., None]
) -> Iterator[None]:
    """Call `seen(module, inputs, output)` after each pass of a module of these `kinds`."""
    hooks = [
        module.register_forward_hook(seen)
        for module in network.modules()
        if isinstance(module, kinds)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def width_for_flop(
    name: str,
    flop: float,
    *,
    size: tuple[int, int, int] = (64, 256, 256),
    multiple_of: int = 1,
    **options: Any,
) -> int:
    """The `width` whose FLOP for one input of `size` (D, H, W) come nearest to `flop`.

    So that networks can be compared at equal cost: one encoder against two, say. `options` are the
    network's other ones. `multiple_of` restricts the widths, beyond what the network itself asks.
    """
    step = math.lcm(multiple_of, network_entry(name).width_multiple)

    def count(steps: int) -> int:
        return complexity(name, size=size, width=steps * step, **options).flop

    low, high = 0, 1  # in steps; FLOP grow with the width, and a width of 0 has none
    counted = {0: 0, 1: count(1)}
    while counted[high] < flop:
        low, high = high, 2 * high
        counted[high] = count(high)
    while high - low > 1:
        middle = (low + high) // 2
        counted[middle] = count(middle)
        low, high = (middle, high) if counted[middle] < flop else (low, middle)
    nearest = min(max(low, 1), high, key=lambda steps: abs(counted[steps] - flop))
    return nearest * step
