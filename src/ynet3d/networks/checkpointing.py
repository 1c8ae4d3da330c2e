"""Less memory for a longer step: maps within a network's parts are computed twice, not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from ynet3d.networks.complexity import watched
from ynet3d.networks.parts import network_parts


def checkpoint_activations(network: nn.Module) -> nn.Module:
    """Keep for the gradients only what goes between the parts of `network`; changes it in place.

    Each part (stage of an encoder or decoder) is computed again when its gradients are asked for
    (Chen et al. 2016, "Training deep nets with sublinear memory cost"). The gradients stay the
    same; a step takes up to a third longer.
    """
    for part in network_parts(network):
        module = part.module
        module.forward = partial(_forward, module, module.forward)
    return network


def kept_map_bytes(
    network: nn.Module, size: tuple[int, int, int], *, batch: int = 1, bytes_per_value: int = 2
) -> int:
    """Memory of the maps that a training step on inputs of `size` (D, H, W) keeps.

    Those that convolutions and normalisations take in; `network` lies on the meta device.
    """
    values = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal values
        values += inputs[0].numel()

    kinds = (nn.Conv3d, nn.ConvTranspose3d, nn.InstanceNorm3d, nn.BatchNorm3d)
    with watched(network, kinds, count), torch.no_grad():
        network(torch.empty(batch, 1, *size, device="meta"))
    return values * bytes_per_value


def _forward(module: nn.Module, forward: Any, *inputs: Any) -> Any:
    if not (module.training and torch.is_grad_enabled()):
        return forward(*inputs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _untracked_statistics(module)

    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


@contextmanager
def _untracked_statistics(module: nn.Module) -> Iterator[None]:
    """The second pass must not count again in the running statistics of batch normalisation."""
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    before = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    counted = [None if number is None else number.clone() for _, number in before]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, (momentum, number), earlier in zip(layers, before, counted, strict=True):
            layer.momentum = momentum
            if number is not None and earlier is not None:
                number.copy_(earlier)
