"""One step of training: what the loop does for each batch, and what benchmarks measure."""

from __future__ import annotations

import math

import torch
from torch import nn

from ynet3d.devices import channels_last, precision


def gradient_step(
    network: nn.Module,
    loss: nn.Module,
    image: torch.Tensor,
    label: torch.Tensor,
    *,
    device: torch.device,
    mixed: bool,
    gradient_clip: float | None,
) -> tuple[float, float]:
    """Leave the gradients of one batch in `network`; its loss, and the gradients' norm as it was.

    Args:
        network: on `device`, from `channels_last`.
        image: (N, 1, D, H, W) float32.
        label: (N, 1, D, H, W) uint8.
        mixed: in bfloat16, where the device computes in it.
        gradient_clip: scale the gradients down to this norm, if they are longer.
    """
    with precision(device, mixed=mixed):
        logits = network(channels_last(image, device))
    value = loss(logits.float(), label.to(device))
    network.zero_grad(set_to_none=True)
    value.backward()
    largest = math.inf if gradient_clip is None else gradient_clip
    norm = nn.utils.clip_grad_norm_(network.parameters(), largest)
    return float(value.detach()), float(norm)
