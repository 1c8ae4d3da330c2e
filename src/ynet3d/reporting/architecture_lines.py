"""The lines of a network's figure: paths, fusion between encoders, skip connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ynet3d.reporting.architecture_shapes import (
    JOINT_RADIUS,
    Joint,
    Label,
    Layout,
    Line,
    PlacedStage,
    Point,
    size_text,
)

if TYPE_CHECKING:
    from ynet3d.networks.architecture import Architecture, Connection

LANE = 0.24  # between two skip connections
SUM_ABOVE = 0.42  # a sum of skips stands this far above the joint it goes to
ASIDE = 0.24  # a line that goes around a joint keeps this distance


def connect(description: Architecture, layout: Layout) -> None:
    """Add the lines to `layout`, whose stages are placed."""
    for stage in layout.stages.values():
        _through_joints(layout, stage)
    skips: dict[int, list[Connection]] = {}
    for connection in description.connections:
        if connection.kind == "path":
            target_role = description.stages[connection.target].role
            _path(layout, connection, upwards=target_role == "skip" and connection.source >= 0)
        elif connection.kind == "skip":
            skips.setdefault(connection.target, []).append(connection)
        elif layout.stages[connection.target].joints:
            _fusion(layout, connection)
        else:
            _path(layout, connection, upwards=False)
    levels = {target: description.stages[target].level for target in skips}
    highest = max(slab.y + slab.height / 2 + slab.oblique[1] for slab in layout.slabs)
    for target, connections in skips.items():
        lane = highest + 0.14 + LANE * (max(levels.values()) - levels[target])
        _skip(description, layout, connections, lane=lane)
    _sizes_without_skips(description, layout, shown=set(levels.values()))


def _through_joints(layout: Layout, stage: PlacedStage) -> None:
    """From the box before each joint to the joint, and on to the box behind it."""
    boxes = [s for s in layout.slabs if s.y == stage.y and stage.entry <= s.x < stage.exit]
    for joint in stage.joints:
        x, y = joint.at
        right = min(box.x for box in boxes if box.x > x)
        layout.lines.append(Line(((x + JOINT_RADIUS, y), (right, y))))
        before = [box for box in boxes if box.x < x]
        if before:
            begin = before[-1].right + before[-1].oblique[0] / 2
            layout.lines.append(Line(((begin, y), (x - JOINT_RADIUS, y))))


def _path(layout: Layout, connection: Connection, *, upwards: bool) -> None:
    start, end = layout.stages[connection.source], layout.stages[connection.target]
    first = end.joints[0] if end.joints and end.joints[0].at[0] <= end.entry else None
    goal = first.at if first else (end.entry, end.y)
    points: tuple[Point, ...]
    if upwards:  # to a stage on a skip connection, which stands above its source
        points = ((start.tap, start.top + start.oblique[1] / 2), (start.tap, end.bottom))
    elif start.y == end.y:
        points = (start.begin, (goal[0] - (JOINT_RADIUS if first else 0.0), goal[1]))
    elif first:  # from the rows of two encoders to the joint in front of the decoder
        side = JOINT_RADIUS if start.y > goal[1] else -JOINT_RADIUS
        points = (start.begin, (goal[0], start.y), (goal[0], goal[1] + side))
    else:
        middle = (start.begin[0] + goal[0]) / 2 + 0.05
        points = (start.begin, (middle, start.begin[1]), (middle, goal[1]), goal)
    layout.lines.append(Line(points))


def _fusion(layout: Layout, connection: Connection) -> None:
    """One line between the joints of two encoders, which exchange their maps there."""
    upper = layout.stages[connection.target]
    x, top = upper.joints[0].at
    for other in layout.stages.values():
        if other.joints and other.joints[0].at[0] == x and other.y < upper.y:
            points = ((x, top - JOINT_RADIUS), (x, other.y + JOINT_RADIUS))
            layout.lines.append(Line(points, both_ends=True))


def _skip(
    description: Architecture, layout: Layout, connections: Sequence[Connection], *, lane: float
) -> None:
    """The skip connections of one decoder stage; those of a lower encoder go around below."""
    target = description.stages[connections[0].target]
    placed = layout.stages[connections[0].target]
    # Joined in another way than by sum or concatenation, the line ends at the boxes.
    joint = placed.joints[-1] if placed.joints else Joint("other", (placed.middle, placed.y))
    x, y = node = joint.at
    summed = joint.kind == "concatenation" and sum(c.joined == "sum" for c in connections) > 1
    if summed:  # summed first, then concatenated
        node = (x, y + SUM_ABOVE)
        layout.joints.append(Joint("sum", node))
        points = ((x, node[1] - JOINT_RADIUS), (x, y + JOINT_RADIUS))
        layout.lines.append(Line(points, target.level))
    upper: list[float] = []
    for connection in connections:
        start = layout.stages[connection.source]
        if start.y >= 0:
            begin = (start.tap, start.top + start.oblique[1] / 2)
            way: list[Point] = [(begin[0], lane), (x, lane), (x, node[1] + JOINT_RADIUS)]
            upper.append(begin[0])
        else:
            begin = (start.tap - start.oblique[0] / 2, start.bottom)
            way = [(begin[0], -lane), (x, -lane), (x, y - JOINT_RADIUS)]
            if summed:
                aside = x - ASIDE
                way = [(begin[0], -lane), (aside, -lane), (aside, node[1])]
                way.append((x - JOINT_RADIUS, node[1]))
        layout.lines.append(Line((begin, *way), target.level, crosses=summed and start.y < 0))
    left = min(upper or [layout.stages[c.source].tap for c in connections])
    at = ((left + x) / 2, lane if upper else -lane)
    layout.labels.append(Label(size_text(target.size), at, "center", level=target.level))


def _sizes_without_skips(description: Architecture, layout: Layout, *, shown: set[int]) -> None:
    """The size of the coarsest maps, which no skip line has, above the first stage that has it."""
    for index, stage in enumerate(description.stages):
        if stage.level in shown or stage.role == "head":
            continue
        shown.add(stage.level)
        placed = layout.stages[index]
        at = (placed.middle, placed.top + placed.oblique[1] + 0.06)
        layout.labels.append(Label(size_text(stage.size), at, "bottom", level=stage.level))
