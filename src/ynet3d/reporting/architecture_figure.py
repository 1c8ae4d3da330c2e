"""The figure of a network as built: the paper's Figure 1, for any network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ynet3d.errors import InputError
from ynet3d.files import atomic_path
from ynet3d.plots import GREY, INK
from ynet3d.reporting.architecture_layout import place
from ynet3d.reporting.architecture_legend import (
    ROW,
    SYMBOL,
    Entry,
    legend_entries,
    legend_rows,
)
from ynet3d.reporting.architecture_shapes import (
    JOINT_RADIUS,
    Label,
    Layout,
    Line,
    Point,
    Slab,
    size_text,
)
from ynet3d.reporting.style import FONT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Outline

    from ynet3d.networks.architecture import Architecture

FORMATS = (".png", ".pdf", ".svg")
_FONT_SIZE = 10.5  # points; printed two columns wide (18 cm) it is read as 6
_CORNER = 0.1  # radius of the lines' corners
#: Skip connections by resolution, the finest first (after Okabe and Ito: told apart by everyone).
_LEVELS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#69727f")
_KINDS = {
    "input": "#b9c0c9",
    "max pooling": "#e4756b",
    "strided convolution": "#f0b09f",
    "transposed convolution": "#f4c453",
    "interpolation": "#f8e2a0",
    "depthwise convolution": "#ffffff",
    "transformer block": "#b5dfd9",
}
_ROLES = {"skip": "#dfe5ec", "decoder": "#b5dcb0", "head": "#3b4452"}
_ENCODERS = ("#a9c9ec", "#c6b9ea")
_SIGNS = {"concatenation": "c", "sum": "+"}


def save_architecture(description: Architecture, path: str | Path) -> None:
    """Write the figure of a network, see `draw_architecture`.

    Args:
        description: from `ynet3d.networks.architecture`.
        path: .png, .pdf or .svg.

    Raises:
        InputError: `path` ends in something else.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"The figure {path} should end in one of {', '.join(FORMATS)}.")
    figure = draw_architecture(description)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower())


def draw_architecture(description: Architecture) -> Figure:
    """Draw a network: boxes as high as their maps and as wide as their channels, and every line.

    One box for each layer. Heights follow the number of rows (to the power 0.6, so that the
    coarsest can be seen), widths the square root of the channels, which are written beside. Skip
    connections have one colour for each resolution; on them stands the map's size (slices, rows,
    columns).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout = place(description)
    left, right, bottom, top = _extent(layout)
    title = 0.135 * len(description.name) + 0.09 * len(_subtitle(description)) + 0.8
    right = max(right, left + title)
    rows = legend_rows(
        legend_entries(layout, _face), width=right - left - 0.4, font_size=_FONT_SIZE
    )
    low, high = bottom - 0.3 - ROW * len(rows), top + 0.5
    figure = Figure(figsize=(right - left, high - low), dpi=200, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    for slab in layout.slabs:
        _draw_slab(axes, slab)
    for line in layout.lines:
        _draw_line(axes, line)
    for joint in layout.joints:
        _draw_joint(axes, joint.kind, joint.at)
    for label in layout.labels:
        _draw_label(axes, label)
    _draw_title(axes, description, (left + 0.3, top + 0.28))
    _draw_legend(axes, rows, ((left + right) / 2, bottom - 0.17 - ROW / 2))
    return figure


def _extent(layout: Layout) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of what is drawn, with some room at the sides."""
    xs = [slab.right + slab.oblique[0] for slab in layout.slabs]
    ys = [y for line in layout.lines for _, y in line.points]
    ys += [slab.y + sign * slab.height / 2 for slab in layout.slabs for sign in (-1, 1)]
    ys += [label.at[1] - 0.18 for label in layout.labels if label.vertical == "top"]
    ys += [label.at[1] + 0.18 for label in layout.labels if label.vertical == "bottom"]
    return -0.3, max(xs) + 0.3, min(ys), max(ys)


def _face(slab: Slab) -> str:
    """Colour of a box: resampling and special layers by kind, convolutions by where they stand."""
    from matplotlib.colors import to_hex

    if slab.kind in _KINDS and slab.role != "head":
        return _KINDS[slab.kind]
    encoder = _ENCODERS[slab.branch % len(_ENCODERS)]
    colour = encoder if slab.role == "encoder" else _ROLES[slab.role]
    pointwise = slab.kind == "convolution" and max(slab.kernel) == 1 and slab.role != "head"
    return str(to_hex(_shade(colour, 1.55))) if pointwise else colour


def _shade(colour: str, factor: float) -> tuple[float, float, float]:
    """Towards white for a factor above 1, towards black below it."""
    from matplotlib.colors import to_rgb

    target, share = (1.0, factor - 1) if factor > 1 else (0.0, 1 - factor)
    red, green, blue = (value + (target - value) * share for value in to_rgb(colour))
    return red, green, blue


def _draw_slab(axes: Axes, slab: Slab) -> None:
    from matplotlib.patches import Polygon

    x, right, (dx, dy) = slab.x, slab.right, slab.oblique
    low, high = slab.y - slab.height / 2, slab.y + slab.height / 2
    colour = _face(slab)
    for points, factor in (
        ([(x, low), (right, low), (right, high), (x, high)], 1.0),
        ([(x, high), (right, high), (right + dx, high + dy), (x + dx, high + dy)], 1.45),
        ([(right, low), (right + dx, low + dy), (right + dx, high + dy), (right, high)], 0.8),
    ):
        axes.add_patch(
            Polygon(
                points, facecolor=_shade(colour, factor), edgecolor=_shade(colour, 0.5),
                linewidth=0.5, joinstyle="round", zorder=2,
            )
        )  # fmt: skip


def _draw_line(axes: Axes, line: Line) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.patheffects import Normal, Stroke

    skip = line.level is not None
    width = 1.5 if skip else 0.9
    colour = _level_colour(line.level)
    arrow = FancyArrowPatch(
        path=_rounded(line.points), arrowstyle="<|-|>" if line.both_ends else "-|>",
        mutation_scale=6.5, color=colour, linewidth=width, shrinkA=0, shrinkB=0,
        zorder=4 if skip else 3, joinstyle="miter", capstyle="butt",
    )  # fmt: skip
    if line.crosses:  # a white rim, so that nobody takes the crossing for a joint
        arrow.set_path_effects([Stroke(linewidth=width + 2.5, foreground="white"), Normal()])
    axes.add_patch(arrow)
    if skip and len(line.points) > 2:
        axes.plot(*line.points[0], "o", color=colour, markersize=2.6, zorder=5)


def _rounded(points: Sequence[Point]) -> Outline:
    """A path through `points` with round corners."""
    from matplotlib.path import Path as Outline

    vertices, codes = [points[0]], [Outline.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Outline.LINETO, Outline.CURVE3, Outline.CURVE3]
    return Outline([*vertices, points[-1]], [*codes, Outline.LINETO])


def _towards(corner: Point, end: Point) -> Point:
    """The point where the rounding of `corner` meets the straight line to `end`."""
    length = ((end[0] - corner[0]) ** 2 + (end[1] - corner[1]) ** 2) ** 0.5
    share = min(_CORNER, length / 2) / length if length else 0.0
    return corner[0] + (end[0] - corner[0]) * share, corner[1] + (end[1] - corner[1]) * share


def _level_colour(level: int | None) -> str:
    return INK if level is None else _LEVELS[min(level, len(_LEVELS) - 1)]


def _draw_joint(axes: Axes, kind: str, at: Point) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(
        Circle(at, JOINT_RADIUS, facecolor="white", edgecolor=INK, linewidth=0.9, zorder=6)
    )
    axes.text(
        at[0], at[1], _SIGNS[kind], fontsize=10, fontfamily=FONT, color=INK, ha="center",
        va="center_baseline", zorder=7,
    )  # fmt: skip


def _draw_label(axes: Axes, label: Label) -> None:
    on_line = label.vertical == "center"
    axes.text(
        *label.at, label.text, fontsize=_FONT_SIZE, fontfamily=FONT,
        fontweight="bold" if label.bold else "normal", color=_level_colour(label.level),
        ha=label.horizontal, va=label.vertical, zorder=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5} if on_line else None,
    )  # fmt: skip


def _subtitle(description: Architecture) -> str:
    size = size_text((description.in_channels, *description.size))
    count = description.parameters
    parameters = f"{count / 1e6:.1f} M" if count >= 1_000_000 else f"{count:,}"
    return f"{parameters} parameters, input {size}, {description.num_classes} classes"


def _draw_title(axes: Axes, description: Architecture, at: Point) -> None:
    name = axes.annotate(
        description.name, at, fontsize=13, fontweight="bold", fontfamily=FONT, color=INK,
        va="center",
    )  # fmt: skip
    axes.annotate(
        _subtitle(description), (1.0, 0.5), xycoords=name, xytext=(10, 0),
        textcoords="offset points", fontsize=_FONT_SIZE, fontfamily=FONT, color=GREY, va="center",
    )  # fmt: skip


def _draw_legend(axes: Axes, rows: Sequence[Sequence[tuple[float, Entry]]], at: Point) -> None:
    from matplotlib.patches import Rectangle

    for number, row in enumerate(rows):
        y = at[1] - ROW * number
        for left, entry in row:
            x = at[0] + left
            if entry.joint is not None:
                _draw_joint(axes, entry.joint, (x + 0.065, y))
            elif entry.colour is not None:
                axes.add_patch(
                    Rectangle(
                        (x, y - 0.065), 0.13, 0.13, facecolor=entry.colour,
                        edgecolor=_shade(entry.colour, 0.5), linewidth=0.5,
                    )
                )  # fmt: skip
            axes.text(
                x + SYMBOL, y, entry.text, fontsize=_FONT_SIZE, fontfamily=FONT, color=INK,
                va="center_baseline",
            )  # fmt: skip
