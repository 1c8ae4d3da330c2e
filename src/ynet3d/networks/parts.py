"""Which modules of a network are its stages: what `architecture` describes and the figure draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import nn

Role = Literal["encoder", "skip", "decoder", "head"]


class Part(NamedTuple):
    """One stage of a network: its role, which encoder it belongs to, and its module."""

    role: Role
    module: nn.Module
    branch: int = 0


def network_parts(network: nn.Module) -> list[Part]:
    """The parts as the network's own method `parts` lists them.

    A network without that method is taken to be its children, one after the other; which of them
    are its decoder is left to `guess_decoder`.
    """
    listed = getattr(network, "parts", None)
    if listed is not None:
        return list(listed())
    children: list[nn.Module] = []
    for child in network.children():
        children.extend(child if isinstance(child, nn.ModuleList) else [child])
    return [Part("encoder", child) for child in children]


def guess_decoder(parts: Sequence[Part], voxels: Sequence[int]) -> list[Part]:
    """Call those parts decoder that come after the last of the smallest maps.

    Args:
        parts: in the order of computing.
        voxels: of each part's output.
    """
    smallest = min(voxels)
    bottom = max(index for index, count in enumerate(voxels) if count == smallest)
    return [
        part._replace(role="decoder") if index > bottom else part
        for index, part in enumerate(parts)
    ]
