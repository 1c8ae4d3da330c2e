"""Deep supervision: the decoder's coarser stages learn to say the label as well.

Lee et al. 2015, "Deeply-supervised nets"; which stages and weights: Isensee et al. 2021, nnU-Net.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ynet3d.errors import InputError
from ynet3d.labels import NUM_CLASSES
from ynet3d.networks.parts import network_parts
from ynet3d.recipes import Recipe
from ynet3d.weights import build_network

Size = tuple[int, int, int]
#: Divisible by whatever a network divides its input by.
_SIDE = 128


@dataclass(frozen=True)
class _CoarseStage:
    """A part of the network by position; its channels; its map is smaller by `factor` (D, H, W)."""

    part: int
    channels: int
    factor: Size


class DeepSupervision(nn.Module):
    """Heads (1x1x1 convolutions) on the decoder stages of a network, there for its training only.

    They listen to the network's parts, so that its forward pass, its weights and all that is made
    of them know nothing of it: heads lie in the checkpoint of a run and are dropped with it.
    All decoder stages below full resolution have one, but for the coarsest of several.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        """`network`: built from `recipe`.

        Raises:
            InputError: the network has no such decoder stages.
        """
        super().__init__()
        self._stages = _coarse_stages(recipe)
        self.heads = nn.ModuleList(nn.Conv3d(s.channels, NUM_CLASSES, 1) for s in self._stages)
        self._maps: dict[int, torch.Tensor] = {}
        parts = network_parts(network)
        for index, stage in enumerate(self._stages):
            parts[stage.part].module.register_forward_hook(self._listen(index))

    def _listen(self, index: int) -> Any:
        def keep(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            if module.training and torch.is_grad_enabled():
                self._maps[index] = output

        return keep

    def coarse_logits(self) -> list[torch.Tensor]:
        """What the heads make of the network's last pass, the finest first; takes the maps away."""
        maps, self._maps = self._maps, {}
        return [head(maps[index]) for index, head in enumerate(self.heads)]

    def loss(
        self,
        loss: nn.Module,
        logits: torch.Tensor,
        coarse: list[torch.Tensor],
        label: torch.Tensor,
    ) -> torch.Tensor:
        """Mean of `loss` at full and the coarser resolutions, with weights 1, 1/2, 1/4, ..."""
        return self.mean([loss(*pair) for pair in self.pairs(logits, coarse, label)])

    def pairs(
        self, logits: torch.Tensor, coarse: list[torch.Tensor], label: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Logits (float32) and label of full resolution and of each coarser one."""
        pairs = [(logits.float(), label)]
        for stage, smaller in zip(self._stages, coarse, strict=True):
            target = nearest_label(label, stage.factor)
            depth, height, width = target.shape[2:]  # without the network's padding
            pairs.append((smaller[:, :, :depth, :height, :width].float(), target))
        return pairs

    @staticmethod
    def mean(values: Sequence[torch.Tensor]) -> torch.Tensor:
        """Mean of losses from the finest resolution on, with weights 1, 1/2, 1/4, ..."""
        weights = [0.5**index for index in range(len(values))]
        total = sum(weights)
        return torch.stack([v * (w / total) for v, w in zip(values, weights, strict=True)]).sum()


def nearest_label(label: torch.Tensor, factor: Size) -> torch.Tensor:
    """Label (N, 1, D, H, W) on a grid coarser by `factor`: that of the voxel in the middle."""
    for axis, step in zip((2, 3, 4), factor, strict=True):
        size = label.shape[axis]
        middle = (torch.arange(-(-size // step)) * step + step // 2).clamp(max=size - 1)
        label = label.index_select(axis, middle.to(label.device))
    return label


def _coarse_stages(recipe: Recipe) -> list[_CoarseStage]:
    """Decoder stages below full resolution, the finest first, without the coarsest of several."""
    with torch.device("meta"):
        network = build_network(recipe)
    shapes: dict[int, torch.Size] = {}

    def hook(index: int) -> Any:
        def note(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            shapes[index] = output.shape

        return note

    for index, part in enumerate(network_parts(network)):
        if part.role == "decoder":
            part.module.register_forward_hook(hook(index))
    with torch.no_grad():
        network.eval()(torch.empty(1, 1, _SIDE, _SIDE, _SIDE, device="meta"))
    stages = [
        _CoarseStage(index, shape[1], (_SIDE // shape[2], _SIDE // shape[3], _SIDE // shape[4]))
        for index, shape in shapes.items()
        if min(shape[2:]) < _SIDE
    ]
    if not stages:
        raise InputError(
            f"The network {recipe.network.name} has no decoder stages of lower resolution that its "
            "method `parts` names: set training.deep_supervision=false."
        )
    stages.reverse()
    return stages[:-1] or stages
