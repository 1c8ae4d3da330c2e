"""What the figure of a network is made of. Units are inches; x goes with the computation, and
y = 0 is the decoder's row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]
JOINTS = ("concatenation", "sum")
JOINT_RADIUS = 0.095


@dataclass(frozen=True)
class Slab:
    """A box for one layer: its left edge, the middle of its height, and its extents.

    `oblique` is how far its far side lies to the right and up.
    """

    kind: str
    x: float
    y: float
    width: float
    height: float
    oblique: Point
    role: str
    branch: int = 0
    kernel: tuple[int, int, int] = (1, 1, 1)

    @property
    def right(self) -> float:
        """Right edge of the near side."""
        return self.x + self.width


@dataclass(frozen=True)
class Joint:
    """A circle where maps are concatenated or summed."""

    kind: str
    at: Point


@dataclass(frozen=True)
class Line:
    """A line with an arrow at its end; `level` colours a skip connection, None is plain.

    `crosses`: it goes over another line without touching it.
    """

    points: tuple[Point, ...]
    level: int | None = None
    both_ends: bool = False
    crosses: bool = False


@dataclass(frozen=True)
class Label:
    """A text; `level` colours it, `vertical` and `horizontal` say where `at` is in it."""

    text: str
    at: Point
    vertical: str
    horizontal: str = "center"
    level: int | None = None
    bold: bool = False


@dataclass
class PlacedStage:
    """Where a stage lies: the ends of its row, its joints from left to right, where a skip leaves.

    `middle` is that of its own boxes; `exit` is the right end of those that belong to it, `oblique`
    that of the last one.
    """

    entry: float
    y: float
    exit: float = 0.0
    middle: float = 0.0
    tap: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    oblique: Point = (0.0, 0.0)
    joints: list[Joint] = field(default_factory=list)

    @property
    def begin(self) -> Point:
        """Where a line to the next stage begins: on the far side of the last box."""
        return self.exit + self.oblique[0] / 2, self.y


@dataclass
class Layout:
    """All that is drawn; `stages` by their position in the description, -1 is the input."""

    slabs: list[Slab] = field(default_factory=list)
    joints: list[Joint] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    stages: dict[int, PlacedStage] = field(default_factory=dict)


def size_text(size: tuple[int, ...]) -> str:
    """Slices, rows and columns for people."""
    return " × ".join(map(str, size))
