"""Several networks that answer as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ynet3d.networks.blocks import size_multiple

#: Of a probability, so that its logarithm is finite.
LEAST_PROBABILITY = 1e-12


class JoinedNetworks(nn.Module):
    """The logarithm of the mean of the networks' probabilities, as one network.

    Input (N, C, D, H, W), output (N, classes, D, H, W), as those of its members.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        """`members`: networks of one architecture, in the order of their names."""
        super().__init__()
        self.members = nn.ModuleList(members)
        self.multiple = size_multiple(members[0])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes, D, H, W) of `image` (N, C, D, H, W)."""
        total = self.members[0](image).float().softmax(1)
        for member in self.members[1:]:
            total = total + member(image).float().softmax(1)
        return (total / len(self.members)).clamp(min=LEAST_PROBABILITY).log()
