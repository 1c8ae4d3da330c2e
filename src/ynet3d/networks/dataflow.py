"""The computation between a network's stages, read from autograd's graph of one forward pass."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Size = tuple[int, int, int]
INPUT = -1
_JOINS = {"CatBackward0": "concatenation", "AddBackward0": "sum"}


@dataclass(frozen=True)
class Output:
    """A stage's output as recorded: the graph's node that made it, and its group.

    Of paths that are equally long, a stage follows the one from its own `group` (its encoder).
    The node is taken when the stage returns, since an operation in place may replace it later.
    """

    node: Any
    group: Hashable


@dataclass(frozen=True)
class Step:
    """One operation on the way to a stage's output; `channels` and `size` are its output's."""

    kind: str
    kernel: Size
    channels: int
    size: Size


@dataclass
class _Reached:
    """What is known of one node: the stages it depends on, and the longest way from them."""

    sources: frozenset[int] = frozenset()
    length: int = 0
    longest: Any = None  # the node before, on the longest way
    step: Step | None = None


@dataclass
class _Segment:
    """The part of the graph between one stage's output and the outputs it depends on."""

    reached: dict[Any, _Reached] = field(default_factory=dict)
    joins: dict[int, str | None] = field(default_factory=dict)


class Dataflow:
    """Which stages each stage depends on, and the operations in between.

    Args:
        image: the network's input, a leaf that requires its gradient.
        outputs: of the stages, in the order of computing.
    """

    def __init__(self, image: torch.Tensor, outputs: Sequence[Output]) -> None:
        self._image = image
        self._outputs = outputs
        self._stage_of = {output.node: index for index, output in enumerate(outputs)}
        self._segments = [self._segment(index) for index in range(len(outputs))]

    def sources(self, target: int) -> dict[int, str | None]:
        """Stages (-1: the input) whose outputs reach stage `target`, and how each is joined."""
        return dict(sorted(self._segments[target].joins.items()))

    def steps(self, target: int) -> list[Step]:
        """Operations up to the output of stage `target`, along the longest of parallel ways."""
        reached = self._segments[target].reached
        found: list[Step] = []
        node = self._outputs[target].node
        while node is not None:
            step = reached[node].step
            if step is not None:
                found.append(step)
            node = reached[node].longest
        return found[::-1]

    def _segment(self, target: int) -> _Segment:
        segment = _Segment()
        group = self._outputs[target].group
        for node in self._ordered(target):
            source = self._source(node, target)
            if source is not None:
                segment.reached[node] = _Reached(frozenset([source]))
                segment.joins.setdefault(source, None)
                continue
            before = [n for n, _ in node.next_functions if n in segment.reached]
            before = [n for n in before if segment.reached[n].sources]
            segment.reached[node] = self._reach(node, before, group, segment)
        return segment

    def _reach(self, node: Any, before: list[Any], group: Hashable, segment: _Segment) -> _Reached:
        if not before:  # weights
            return _Reached()
        sets = [segment.reached[n].sources for n in before]
        union = frozenset().union(*sets)
        joined = _JOINS.get(node.name()) if len(set(sets)) > 1 else None
        if joined:
            for source in union - frozenset.intersection(*sets):
                segment.joins[source] = segment.joins[source] or joined
        own = {source for source in union if source >= 0 and self._outputs[source].group == group}
        longest = max(
            before,
            key=lambda n: (segment.reached[n].length, bool(own & segment.reached[n].sources)),
        )
        step = _step(node, joined)
        length = segment.reached[longest].length + (step is not None and joined is None)
        return _Reached(union, length, longest, step)

    def _source(self, node: Any, target: int) -> int | None:
        if getattr(node, "variable", None) is self._image:
            return INPUT
        stage = self._stage_of.get(node)
        return None if stage == target else stage

    def _ordered(self, target: int) -> list[Any]:
        """Nodes of the segment, each after those it depends on. (No recursion: graphs are deep.)"""
        ordered: list[Any] = []
        opened: set[Any] = set()
        stack: list[tuple[Any, bool]] = [(self._outputs[target].node, False)]
        while stack:
            node, closing = stack.pop()
            if closing:
                ordered.append(node)
            elif node not in opened:
                opened.add(node)
                stack.append((node, True))
                if self._source(node, target) is None:
                    stack.extend((n, False) for n, _ in node.next_functions if n is not None)
        return ordered


def _step(node: Any, joined: str | None) -> Step | None:
    name = node.name()
    kernel = (1, 1, 1)
    if joined is not None:
        kind = joined
    elif name.startswith("ConvolutionBackward"):
        kernel = tuple(node._saved_weight.shape[2:])
        if node._saved_transposed:
            kind = "transposed convolution"
        elif max(node._saved_stride) > 1:
            kind = "strided convolution"
        else:
            kind = "convolution" if node._saved_groups == 1 else "depthwise convolution"
    elif name.startswith("MaxPool3D"):
        kernel, kind = tuple(node._saved_kernel_size), "max pooling"
    elif name.startswith("Upsample"):
        kind = "interpolation"
    else:
        return None
    _, channels, *size = map(int, node._input_metadata[0].shape)
    return Step(kind, _size(kernel), channels, _size(size))


def _size(lengths: Sequence[int]) -> Size:
    depth, height, width = lengths
    return depth, height, width
