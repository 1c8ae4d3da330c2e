"""Gradients of a network in float32, and in bfloat16 as mixed precision computes them on a CPU."""

from __future__ import annotations

import torch
from torch import nn


def gradient_norms(
    network: nn.Module, image: torch.Tensor, pull: torch.Tensor, *, mixed: bool
) -> torch.Tensor:
    """Norm of the gradient of each weight (not bias), the logits weighted by `pull`."""
    network.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        logits = network(image)
    (logits.float() * pull).mean().backward()
    return torch.stack([p.grad.norm() for p in network.parameters() if p.ndim > 1])
