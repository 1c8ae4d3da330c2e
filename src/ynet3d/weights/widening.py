"""A wider network that begins as what a narrower one has learnt.

Chen, Goodfellow and Shlens 2016, "Net2Net: accelerating learning via knowledge transfer"
(Net2WiderNet): channels are repeated, and what reads them takes an equal share of each copy. Copies
are then told apart by noise that sums to zero over them, which changes the function little.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

State = dict[str, torch.Tensor]
#: Of the noise, as a share of the root mean square of a layer's weights.
NOISE = 0.2


def growth(state: Mapping[str, torch.Tensor], network: nn.Module) -> dict[str, tuple[int, ...]]:
    """By how much each tensor of `state` grows to that of `network`, along its channel axes.

    Raises:
        ValueError: networks of other layers, or channels that are no whole multiple.
    """
    wanted = network.state_dict()
    if set(wanted) != set(state):
        raise ValueError("the networks have other layers")
    return {name: _factors(name, state[name], target) for name, target in wanted.items()}


def widened(
    state: Mapping[str, torch.Tensor], network: nn.Module, *, seed: int = 0, noise: float = NOISE
) -> State:
    """The state of `network`, which is wider than the one of `state`, with its function.

    Layers may grow by different whole factors; maps that a layer reads together have to grow by
    the same one, as stages joined by `3dynet` do, since each is its channels repeated in place.
    SwinUNETR, whose heads of attention split otherwise, keeps its function nearly.

    Args:
        noise: 0 keeps the function exactly, but copies of a channel then learn the same.

    Raises:
        ValueError: as `growth`.
    """
    factors = growth(state, network)
    transposed = {
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, nn.ConvTranspose3d)
    }
    generator = torch.Generator().manual_seed(seed)
    return {
        name: _grown(state[name], grows, name in transposed, noise, generator)
        for name, grows in factors.items()
    }


def _grown(
    old: torch.Tensor,
    factors: tuple[int, ...],
    transposed: bool,
    noise: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """One tensor, repeated along its channels."""
    if old.ndim < 2:
        return old.repeat_interleave(factors[0]) if factors else old.clone()
    outputs, inputs = (1, 0) if transposed else (0, 1)
    shared = old.repeat_interleave(factors[inputs], inputs) / factors[inputs]
    grown = shared.repeat_interleave(factors[outputs], outputs)
    copies = factors[outputs]
    if copies > 1 and noise:
        scale = noise * shared.square().mean().sqrt()
        drawn = torch.randn(grown.shape, generator=generator) * scale
        by_copy = drawn.unflatten(outputs, (-1, copies))
        drawn = (by_copy - by_copy.mean(outputs + 1, keepdim=True)).flatten(outputs, outputs + 1)
        grown = grown + drawn
    return grown


def _factors(name: str, old: torch.Tensor, target: torch.Tensor) -> tuple[int, ...]:
    """By how much each channel axis has grown; nothing else may have."""
    channels = min(2, old.ndim)
    pairs = list(zip(old.shape, target.shape, strict=False))
    fits = old.ndim == target.ndim and old.shape[2:] == target.shape[2:]
    if not fits or any(new % few for few, new in pairs[:channels]):
        raise ValueError(
            f"{name} is {tuple(old.shape)}, which cannot grow to {tuple(target.shape)}"
        )
    return tuple(new // few for few, new in pairs[:channels])
