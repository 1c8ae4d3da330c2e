"""A network as built: its stages, their layers, and what is connected to what.

None of it is written down by hand: one pass on PyTorch's meta device records the computation, and
the stages (`parts`) are found in it again.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ynet3d.networks.dataflow import INPUT, Dataflow, Output, Size, Step
from ynet3d.networks.parts import Part, Role, guess_decoder, network_parts
from ynet3d.networks.registry import create_network

_CONVOLUTIONS = ("convolution", "depthwise convolution", "strided convolution")


@dataclass(frozen=True)
class Stage:
    """A stage of an encoder or decoder.

    Attributes:
        name: for people, "encoder 1, stage 2".
        role: "encoder", "skip" (it only works on a skip connection), "decoder" or "head".
        branch: which encoder, counted from 0.
        level: resolution, 0 for the finest of the network's stages.
        layers: from the outputs of the stages before to its own, of parallel ways the longest.
            Each `Step` has a `kind` ("convolution", "depthwise convolution", "strided convolution",
            "transposed convolution", "max pooling", "interpolation", "transformer block", "other",
            or a joint, "concatenation" or "sum"), a `kernel`, and the `channels` and `size` it
            gives.
        channels, size: of its output; size is (D, H, W).
        parameters: trainable ones of its module.
    """

    name: str
    role: Role
    branch: int
    level: int
    layers: tuple[Step, ...]
    channels: int
    size: Size
    parameters: int

    @property
    def convolutions(self) -> int:
        """Number of convolutions, transposed ones left out."""
        return sum(layer.kind in _CONVOLUTIONS for layer in self.layers)


@dataclass(frozen=True)
class Connection:
    """A way from one stage's output to another stage.

    Attributes:
        source, target: positions in `Architecture.stages`; source -1 is the network's input.
        kind: "path" (stage to stage), "skip" (to the decoder at one resolution) or "fusion"
            (from one encoder to another).
        joined: "concatenation" or "sum" with what comes from elsewhere; None: it comes alone.
    """

    source: int
    target: int
    kind: str
    joined: str | None


@dataclass(frozen=True)
class Architecture:
    """A network's stages and connections for an input of `size` (D, H, W)."""

    name: str
    in_channels: int
    num_classes: int
    size: Size
    parameters: int
    stages: tuple[Stage, ...]
    connections: tuple[Connection, ...]


def architecture(
    network: str | nn.Module,
    *,
    size: Size = (64, 256, 256),
    in_channels: int = 1,
    name: str | None = None,
    **options: Any,
) -> Architecture:
    """Describe a network, by name with its options or as built.

    Args:
        network: a registered name, or a network, which is left as it is.
        size: of the input, (D, H, W).
        in_channels: of the input.
        name: what to call it; by default its registered name or its class.

    Raises:
        InputError: an unknown name or option.
        ValueError: a network without parts that give maps.
    """
    if isinstance(network, str):
        with torch.device("meta"):
            built = create_network(network, in_channels=in_channels, **options)
    else:
        built = copy.deepcopy(network).to("meta")
    default_name = network if isinstance(network, str) else type(network).__name__
    recorded: dict[int, tuple[Any, torch.Size]] = {}

    def hook(index: int) -> Callable[[nn.Module, Any, torch.Tensor], None]:
        def record(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == 5:
                recorded[index] = (output.grad_fn, output.shape)

        return record

    listed = network_parts(built)
    for index, part in enumerate(listed):
        part.module.register_forward_hook(hook(index))
    image = torch.empty(1, in_channels, *size, device="meta", requires_grad=True)
    logits = built.eval()(image)

    if not recorded:
        raise ValueError(f"{default_name} has no part whose output is (N, C, D, H, W)")
    parts = [listed[index] for index in recorded]  # in the order of computing
    nodes, shapes = zip(*recorded.values(), strict=True)
    if not hasattr(built, "parts"):
        parts = guess_decoder(parts, [math.prod(shape[2:]) for shape in shapes])
    flow = Dataflow(
        image,
        [Output(node, (p.role, p.branch)) for node, p in zip(nodes, parts, strict=True)],
    )
    stages = _stages(parts, shapes, flow)
    return Architecture(
        name=name or default_name,
        in_channels=in_channels,
        num_classes=logits.shape[1],
        size=size,
        parameters=_parameters(built),
        stages=stages,
        connections=tuple(
            Connection(source, target, _kind(stages, source, target), joined)
            for target in range(len(stages))
            for source, joined in flow.sources(target).items()
        ),
    )


def _stages(
    parts: Sequence[Part], shapes: Sequence[torch.Size], flow: Dataflow
) -> tuple[Stage, ...]:
    sizes: list[Size] = [(shape[2], shape[3], shape[4]) for shape in shapes]
    resolutions = sorted(set(sizes), reverse=True)
    encoders = len({part.branch for part in parts if part.role == "encoder"})
    counted: Counter[tuple[Role, int]] = Counter()
    stages = []
    for index, part in enumerate(parts):
        counted[part.role, part.branch] += 1
        number = f" {part.branch + 1}" if part.role == "encoder" and encoders > 1 else ""
        position = "" if part.role == "head" else f", stage {counted[part.role, part.branch]}"
        channels = shapes[index][1]
        stages.append(
            Stage(
                name=f"{part.role}{number}{position}",
                role=part.role,
                branch=part.branch,
                level=resolutions.index(sizes[index]),
                layers=_layers(flow.steps(index), part.module, channels, sizes[index]),
                channels=channels,
                size=sizes[index],
                parameters=_parameters(part.module),
            )
        )
    return tuple(stages)


def _layers(steps: list[Step], module: nn.Module, channels: int, size: Size) -> tuple[Step, ...]:
    """The steps, and transformer blocks, which are made of matrix products; one at least."""
    blocks = sum(type(m).__name__.endswith("TransformerBlock") for m in module.modules())
    layers = (*steps, *[Step("transformer block", (1, 1, 1), channels, size)] * blocks)
    return layers or (Step("other", (1, 1, 1), channels, size),)


def _kind(stages: Sequence[Stage], source: int, target: int) -> str:
    if source == INPUT:
        return "path"
    start, end = stages[source], stages[target]
    if end.role == "decoder" and start.role != "decoder" and start.size == end.size:
        return "skip"
    if start.role == end.role == "encoder" and start.branch != end.branch:
        return "fusion"
    return "path"


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
