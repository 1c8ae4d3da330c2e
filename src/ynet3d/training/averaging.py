"""Exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


def copy_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and buffers as they are now."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@torch.no_grad()
def follow(average: dict[str, torch.Tensor], network: nn.Module, decay: float) -> None:
    """Move `average` towards the weights, in place: `decay` times itself and the rest of them."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)
