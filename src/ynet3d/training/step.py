"""One step of training: what the loop does for each batch, and what benchmarks measure."""

from __future__ import annotations

import math

import torch
from torch import nn

from ynet3d.devices import channels_last, precision
from ynet3d.networks import kept_map_bytes
from ynet3d.recipes import Recipe
from ynet3d.training.deep_supervision import DeepSupervision
from ynet3d.weights import build_network


def gradient_step(
    network: nn.Module,
    loss: nn.Module,
    image: torch.Tensor,
    label: torch.Tensor,
    *,
    device: torch.device,
    mixed: bool,
    gradient_clip: float | None,
    supervision: DeepSupervision | None = None,
) -> tuple[float, float]:
    """Leave the gradients of one batch in `network`; its loss, and the gradients' norm as it was.

    Args:
        network: on `device`, from `channels_last`.
        image: (N, 1, D, H, W) float32.
        label: (N, 1, D, H, W) uint8.
        mixed: in bfloat16, where the device computes in it.
        gradient_clip: scale the gradients down to this norm, if they are longer.
        supervision: of `network`; its heads get gradients as well, which count in the norm.
    """
    label = label.to(device)
    with precision(device, mixed=mixed):
        logits = network(channels_last(image, device))
        coarse = supervision.coarse_logits() if supervision is not None else []
    if supervision is None:
        value = loss(logits.float(), label)
    else:
        value = supervision.loss(loss, logits, coarse, label)
    learning = [part for part in (network, supervision) if part is not None]
    for part in learning:
        part.zero_grad(set_to_none=True)
    value.backward()
    largest = math.inf if gradient_clip is None else gradient_clip
    parameters = [weight for part in learning for weight in part.parameters()]
    norm = nn.utils.clip_grad_norm_(parameters, largest)
    return float(value.detach()), float(norm)


def wants_checkpoints(recipe: Recipe, size: tuple[int, int, int], device: torch.device) -> bool:
    """What `training.checkpoint_activations` comes to; "auto": if maps would fill half the GPU.

    `size` (D, H, W) is that of the samples.
    """
    setting = recipe.training.checkpoint_activations
    if setting != "auto":
        return setting
    if device.type != "cuda":
        return False
    with torch.device("meta"):
        network = build_network(recipe)
    bytes_per_value = 2 if recipe.training.mixed_precision else 4
    kept = kept_map_bytes(
        network, size, batch=recipe.training.batch_size, bytes_per_value=bytes_per_value
    )
    return kept > torch.cuda.mem_get_info(device)[1] / 2
