"""Where each stage of a network goes in its figure: encoders in rows, the decoder between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ynet3d.reporting.architecture_lines import connect
from ynet3d.reporting.architecture_shapes import (
    JOINTS,
    Joint,
    Label,
    Layout,
    PlacedStage,
    Point,
    Slab,
)

if TYPE_CHECKING:
    from ynet3d.networks.architecture import Architecture, Stage
    from ynet3d.networks.dataflow import Step

TALLEST = 1.9  # of a box at the finest resolution
HEIGHT_EXPONENT = 0.6  # below 1, so that the coarsest maps can still be seen
NARROWEST, WIDEST = 0.045, 0.2  # boxes of no channels, and of the most channels
WIDEST_TOTAL = 6.6  # of all boxes side by side; beyond it they are made narrower
POOLING_WIDTH = 0.05
OBLIQUE = (0.13, 0.10)  # of a box at the finest resolution
GAP = 0.3  # in front of a stage, and on either side of a joint
FAN_OUT = 0.25  # more room behind the input where its line divides
ASIDE = 0.18  # more room for a line that passes beside a joint
CHARACTER = 0.095  # width of a bold digit
_UPSAMPLING = ("transposed convolution", "interpolation")


def place(description: Architecture) -> Layout:
    """Lay out a network from left to right."""
    columns = _columns(description)
    placing = _Placing(description, columns)
    x = placing.place_input()
    overhang = 0.0  # of labels that are wider than what they stand under
    for number, column in enumerate(columns):
        own = max(placing.overhang(index) for index in column)
        x += max(GAP, overhang + own + 0.06)
        following = columns[number + 1] if number + 1 < len(columns) else []
        for index in column:
            placing.place_stage(index, x, following)
        placed = [placing.layout.stages[index] for index in column]
        x, overhang = max(stage.exit + stage.oblique[0] for stage in placed), own
    connect(description, placing.layout)
    return placing.layout


def _columns(description: Architecture) -> list[list[int]]:
    """Stages side by side: the encoders', with those on skips of one resolution, the decoder's."""
    encoders: dict[int, list[int]] = {}
    for index, stage in enumerate(description.stages):
        if stage.role == "encoder":
            encoders.setdefault(stage.branch, []).append(index)
    columns = [list(column) for column in zip(*encoders.values(), strict=True)]
    for index, stage in enumerate(description.stages):
        if stage.role == "skip":
            beside = [c for c in columns if description.stages[c[0]].level == stage.level]
            if beside:
                beside[0].append(index)
            else:
                columns.insert(0, [index])
    way_up = ("decoder", "head")
    return columns + [[i] for i, stage in enumerate(description.stages) if stage.role in way_up]


class _Placing:
    """Places one stage after the other; sizes of boxes follow from the whole network."""

    def __init__(self, description: Architecture, columns: Sequence[Sequence[int]]) -> None:
        self.description = description
        self.layout = Layout()
        self._most_channels = max(
            layer.channels for stage in description.stages for layer in stage.layers
        )
        self._squeeze = 1.0
        total = sum(
            max(sum(self._width(layer.channels) for layer in stage.layers) for stage in stages)
            for stages in ([description.stages[i] for i in column] for column in columns)
        )
        self._squeeze = min(1.0, WIDEST_TOTAL / total)
        self._two_rows = any(
            stage.role == "encoder" and stage.branch for stage in description.stages
        )
        tallest_encoder = max(
            self._box(s.size)[0] for s in description.stages if s.role == "encoder"
        )
        self._skip_row = (TALLEST + tallest_encoder) / 2 + 0.4

    def place_input(self) -> float:
        """Place the input; returns where the rest may begin."""
        height, oblique = self._box(self.description.size)
        width = self._width(self.description.in_channels)
        self.layout.slabs.append(Slab("input", 0.0, 0.0, width, height, oblique, "input"))
        self.layout.stages[-1] = PlacedStage(0.0, 0.0, exit=width, oblique=oblique)
        at = (width / 2, -height / 2 - 0.05)
        self.layout.labels.append(Label(str(self.description.in_channels), at, "top", bold=True))
        divides = any(self._row(stage) for stage in self.description.stages)
        return width + oblique[0] + (FAN_OUT if divides else 0.0)

    def overhang(self, index: int) -> float:
        """How far the stage's label reaches beyond its boxes, on either side."""
        stage = self.description.stages[index]
        if stage.role == "skip":  # there it stands beside them
            return CHARACTER * len(_channels(stage)) / 2 + 0.05
        boxes = sum(self._width(layer.channels) for layer in _named(stage))
        return max(0.0, (CHARACTER * len(_channels(stage)) - boxes) / 2)

    def place_stage(self, index: int, x: float, following: Sequence[int]) -> None:
        """Place the boxes and joints of a stage from `x` on, and the pooling in front of the next.

        `following` are the stages of the next column.
        """
        stage = self.description.stages[index]
        placed = PlacedStage(x, self._row(stage))
        skips = [c for c in self.description.connections if c.target == index and c.kind == "skip"]
        aside = ASIDE if sum(c.joined == "sum" for c in skips) > 1 else 0.0
        boxes: list[Slab] = []
        for layer in stage.layers:
            if layer is stage.layers[0] and _pools_first(stage):
                continue  # stands behind the stage before
            if layer.kind in JOINTS:
                if boxes:
                    x += GAP + boxes[-1].oblique[0] + aside
                placed.joints.append(Joint(layer.kind, (x, placed.y)))
                x += GAP
                continue
            height, oblique = self._box(layer.size)
            box = Slab(
                layer.kind, x, placed.y, self._width(layer.channels), height, oblique,
                stage.role, stage.branch, layer.kernel,
            )  # fmt: skip
            boxes.append(box)
            x = box.right
        last = boxes[-1]
        placed.exit, placed.oblique = x, last.oblique
        placed.middle = (boxes[0].x + x) / 2
        placed.tap = last.x + last.width / 2 + last.oblique[0] / 2
        placed.top, placed.bottom = placed.y + last.height / 2, placed.y - last.height / 2
        self.layout.slabs.extend(boxes)
        self.layout.joints.extend(placed.joints)
        self.layout.stages[index] = placed
        self._label(stage, boxes, placed)
        for other in following:
            after = self.description.stages[other]
            if (after.role, after.branch) == (stage.role, stage.branch):
                self._place_pooling(after, placed)

    def _place_pooling(self, after: Stage, placed: PlacedStage) -> None:
        if not _pools_first(after):
            return
        first = after.layers[0]
        height, oblique = self._box(first.size)
        box = Slab(
            first.kind, placed.exit + 0.02, placed.y, POOLING_WIDTH, height, oblique,
            after.role, after.branch, first.kernel,
        )  # fmt: skip
        self.layout.slabs.append(box)
        placed.exit, placed.oblique = box.right, oblique

    def _label(self, stage: Stage, boxes: Sequence[Slab], placed: PlacedStage) -> None:
        """The channels, on the side that no skip connection leaves from."""
        behind = placed.joints[-1].at[0] if placed.joints else placed.entry
        named = [b for b in boxes if b.x >= behind and b.kind not in _UPSAMPLING] or list(boxes)
        middle = (named[0].x + named[-1].right) / 2
        text = _channels(stage)
        if stage.role == "skip":
            at = (placed.exit + placed.oblique[0] + 0.05, placed.y)
            label = Label(text, at, "center_baseline", "left", bold=True)
        elif placed.y < 0:
            at = (middle + placed.oblique[0], placed.top + placed.oblique[1] + 0.05)
            label = Label(text, at, "bottom", bold=True)
        else:
            label = Label(text, (middle, placed.bottom - 0.05), "top", bold=True)
        self.layout.labels.append(label)

    def _width(self, channels: int) -> float:
        share = (channels / self._most_channels) ** 0.5
        return (NARROWEST + (WIDEST - NARROWEST) * share) * self._squeeze

    def _box(self, size: tuple[int, int, int]) -> tuple[float, Point]:
        """Height and oblique extent for maps of `size`."""
        share = (size[1] / self.description.size[1]) ** HEIGHT_EXPONENT
        return TALLEST * share, (OBLIQUE[0] * share, OBLIQUE[1] * share)

    def _row(self, stage: Stage) -> float:
        if stage.role == "skip":
            return self._skip_row
        if stage.role != "encoder" or not self._two_rows:
            return 0.0
        return (TALLEST / 2 + 0.32) * (1 if stage.branch == 0 else -1)


def _pools_first(stage: Stage) -> bool:
    return len(stage.layers) > 1 and stage.layers[0].kind == "max pooling"


def _named(stage: Stage) -> list[Step]:
    """The layers whose channels are written: not those that only resample or join."""
    kinds = (*JOINTS, *_UPSAMPLING, "max pooling")
    return [layer for layer in stage.layers if layer.kind not in kinds] or list(stage.layers)


def _channels(stage: Stage) -> str:
    """Channels of the stage's layers in order; many different ones: those of the output."""
    found: list[int] = []
    for layer in _named(stage):
        if not found or found[-1] != layer.channels:
            found.append(layer.channels)
    return ", ".join(map(str, found if len(found) <= 2 else found[-1:]))
