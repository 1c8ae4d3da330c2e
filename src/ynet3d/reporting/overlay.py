"""`overlay.png`: what was found, on the CT, in three planes and slice by slice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ynet3d.labels import RESEARCH_USE
from ynet3d.reporting import drawing, style
from ynet3d.reporting.canvas import Canvas
from ynet3d.reporting.statistics import statistics
from ynet3d.reporting.views import (
    Anatomy,
    Box,
    Plane,
    Point,
    evenly_spaced,
    focus,
    foreground_box,
    refuse_other_grids,
    union,
    window_of,
)
from ynet3d.reporting.words import liver_words, shortened, tumour_words
from ynet3d.volumes.volume import Volume

_WIDTH = 1600
_EDGE = 24
_GAP = 6
_HEADER = 112
_FOOTER = 34
_TALLEST_VIEW = 620
_COLUMNS, _SLICES = 5, 10


def save_overlay(
    image: Volume,
    label: Volume,
    path: str | Path,
    *,
    title: str = "",
    note: str = "",
    reference: Volume | None = None,
    found: Mapping[str, Any] | None = None,
) -> None:
    """Draw axial, coronal and sagittal views and a row of axial slices over the liver.

    The views meet in the slice with the most tumour, otherwise the most liver. Patient's right is
    on the left. With a reference, both are outlines, and the views meet where it has most.

    Args:
        image: CT in HU.
        label: label map on the image's grid.
        path: PNG to write, 1600 pixels wide.
        title: headline, for instance the name of the scan.
        note: more words for the line under the title, for instance the Dice.
        reference: label map drawn by people, on the same grid.
        found: `statistics` of the label map, if they are there already.

    Raises:
        InputError: a label map is on another grid than the image.
    """
    refuse_other_grids(image, {"label map": label, "reference": reference})
    scene = _Scene(image, label, reference)
    slices = scene.montage()
    size = scene.anatomy.size_mm(Plane.AXIAL, scene.montage_box)
    columns = min(_COLUMNS, len(slices))
    tile_width = (_WIDTH - 2 * _EDGE - (_COLUMNS - 1) * _GAP) / _COLUMNS
    tile_height = tile_width * size[1] / size[0]
    if tile_height > 420:  # a tall, narrow box must not make the picture endless
        tile_width, tile_height = tile_width * 420 / tile_height, 420.0
    rows = -(-len(slices) // columns)

    boxes = {plane: scene.view_box(plane) for plane in Plane}
    sizes = {plane: scene.anatomy.size_mm(plane, boxes[plane]) for plane in Plane}
    free = _WIDTH - 2 * _EDGE - 2 * _GAP
    view_height = min(_TALLEST_VIEW, free / sum(width / height for width, height in sizes.values()))
    montage_top = _HEADER + view_height + 46
    height = montage_top + rows * (tile_height + _GAP) + _FOOTER
    canvas = Canvas(_WIDTH, round(height))
    _draw_header(canvas, scene, title, note, found or statistics(label))

    widths = {plane: view_height * sizes[plane][0] / sizes[plane][1] for plane in Plane}
    left = (_WIDTH - sum(widths.values()) - 2 * _GAP) / 2
    for plane in Plane:
        _draw_view(canvas, scene, plane, boxes[plane], (left, _HEADER, widths[plane], view_height))
        left += widths[plane] + _GAP

    what = "the liver" if scene.box is not None else "the scan"
    plural = f"{len(slices)} axial slices" if len(slices) > 1 else "1 axial slice"
    canvas.text(_EDGE, montage_top - 21, f"{plural} over {what}, feet to head", size=15)
    for number, index in enumerate(slices):
        row, column = divmod(number, columns)
        place = (
            _EDGE + column * (tile_width + _GAP),
            montage_top + row * (tile_height + _GAP),
            tile_width,
            tile_height,
        )
        _draw_tile(canvas, scene, index, place, with_bar=number == len(slices) - 1)
    low, high = (style.number(value) for value in scene.window)
    canvas.text(
        _EDGE,
        canvas.height - _FOOTER / 2,
        f"Patient's right is on the left of axial and coronal views. Window {low} to {high} HU. "
        f"{RESEARCH_USE}",
        size=13,
        color=style.MUTED,
    )
    canvas.save(path)


class _Scene:
    """The volumes along the canonical axes, and where to look."""

    def __init__(self, image: Volume, label: Volume, reference: Volume | None) -> None:
        self.label, self.reference = label, reference
        self.anatomy = Anatomy.of(image)
        self.window = window_of(image.array)
        turn = self.anatomy.reorientation
        self.labels = Anatomy(label, turn.apply(label.array), self.anatomy.spacing, turn)
        self.references = (
            None
            if reference is None
            else Anatomy(reference, turn.apply(reference.array), self.anatomy.spacing, turn)
        )
        box = foreground_box(self.labels.array)
        self.box: Box | None = box
        self.point: Point
        slices, rows, columns = self.anatomy.array.shape
        self.point = (slices // 2, rows // 2, columns // 2)
        if box is not None:
            self.point = focus(self.labels.array, box)
        if self.references is not None:
            other = foreground_box(self.references.array)
            if other is not None:
                self.point = focus(self.references.array, other)
                self.box = other if box is None else union(box, other)
        self.body = self.anatomy.body_around(self.point, self.box)
        self.montage_box = self.body if self.box is None else self.anatomy.slices_box(self.box)

    def view_box(self, plane: Plane) -> Box:
        """What a view shows: the whole body slice, or the body from above to below the liver."""
        return self.anatomy.view_box(plane, self.body, self.box)

    def montage(self) -> list[int]:
        """Canonical slices to show, feet to head."""
        return evenly_spaced(*self.montage_box[0], _SLICES)

    def draw(self, axes: Any, plane: Plane, index: int, box: Box, line: float) -> None:
        """CT and masks of one slice."""
        size = self.anatomy.size_mm(plane, box)
        drawing.draw_ct(axes, self.anatomy.cut(plane, index, box), size, window=self.window)
        labels = self.labels.cut(plane, index, box)
        if self.references is None:
            drawing.draw_labels(axes, labels, size, line=line)
        else:
            drawing.draw_outlines(
                axes, labels, self.references.cut(plane, index, box), size, line=line
            )


def _draw_view(
    canvas: Canvas, scene: _Scene, plane: Plane, box: Box, place: tuple[float, float, float, float]
) -> None:
    axes, size = canvas.axes(*place), (place[2], place[3])
    size_mm = scene.anatomy.size_mm(plane, box)
    index = scene.point[plane.axis]
    scene.draw(axes, plane, index, box, line=1.6)
    rows, columns = (axis for axis in range(3) if axis != plane.axis)
    across = (scene.point[columns] - box[columns][0] + 0.5) * scene.anatomy.spacing[columns]
    down = (scene.point[rows] - box[rows][0] + 0.5) * scene.anatomy.spacing[rows]
    if plane is not Plane.AXIAL:
        down = size_mm[1] - down
    drawing.draw_ticks(axes, (across, down), size_mm)
    drawing.draw_letters(axes, plane.letters, size)
    drawing.draw_scale_bar(axes, size_mm[0], size)
    axis, voxel = scene.anatomy.source_index(plane, index)
    direction = {Plane.AXIAL: "z", Plane.CORONAL: "y", Plane.SAGITTAL: "x"}[plane]
    position = style.number(scene.anatomy.position_mm(plane, index), 1)
    drawing.draw_text(
        axes,
        (10 / size[0], 16 / size[1]),
        plane.name.capitalize(),
        size=15,
        ha="left",
        fontweight="bold",
    )
    drawing.draw_text(
        axes,
        (10 / size[0], 36 / size[1]),
        f"{direction} {position} mm\n{axis} = {voxel}",
        size=12,
        ha="left",
        va="top",
        linespacing=1.4,
    )


def _draw_tile(
    canvas: Canvas,
    scene: _Scene,
    index: int,
    place: tuple[float, float, float, float],
    *,
    with_bar: bool,
) -> None:
    axes, size = canvas.axes(*place), (place[2], place[3])
    scene.draw(axes, Plane.AXIAL, index, scene.montage_box, line=1.3)
    position = style.number(scene.anatomy.position_mm(Plane.AXIAL, index), 1)
    drawing.draw_text(axes, (8 / size[0], 14 / size[1]), f"z {position} mm", size=12, ha="left")
    if with_bar:
        width_mm, _ = scene.anatomy.size_mm(Plane.AXIAL, scene.montage_box)
        drawing.draw_scale_bar(axes, width_mm, size)


def _draw_header(
    canvas: Canvas, scene: _Scene, title: str, note: str, ours: Mapping[str, Any]
) -> None:
    heading = title or "Liver and tumours"
    canvas.text(_EDGE, 36, shortened(heading, 90), size=27, fontweight="bold")
    if note:
        canvas.text(_WIDTH - _EDGE, 36, shortened(note, 70), size=17, ha="right")
    left = float(_EDGE)
    entries = [
        (style.LIVER, liver_words(ours)),
        (style.TUMOUR, tumour_words(ours)),
    ]
    if scene.reference is not None:
        theirs = statistics(scene.reference)
        entries = [
            (style.LIVER, f"ours: {liver_words(ours)}"),
            (style.REFERENCE_LIVER, f"reference: {liver_words(theirs, verb='drawn')}"),
            (style.TUMOUR, f"ours: {tumour_words(ours)}"),
            (style.REFERENCE_TUMOUR, f"reference: {tumour_words(theirs, verb='drawn')}"),
        ]
    # A square stands for a filled area, a bar for an outline.
    height = 20 if scene.reference is None else 4
    for colour, words in entries:
        left = canvas.legend(left, 82, colour, words, height=height)
