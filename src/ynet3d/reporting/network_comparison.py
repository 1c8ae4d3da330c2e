"""The paper's Figure 2: CT, reference and what each network found, in slices and in 3D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.reporting import drawing, style
from ynet3d.reporting.canvas import Canvas, save_png
from ynet3d.reporting.comparison_scene import Scene
from ynet3d.reporting.rendering import FRONT, render
from ynet3d.reporting.statistics import statistics
from ynet3d.reporting.views import Plane, refuse_other_grids, window_of
from ynet3d.reporting.words import shortened, tumour_words
from ynet3d.volumes.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COLUMNS = 8
_WIDTH, _WIDEST = 2100, 420  # of the picture, and of a panel
_EDGE, _GAP = 24, 8
_TITLE, _HEAD, _STRIP, _BETWEEN, _FOOTER = 60, 84, 30, 44, 106  # heights
_NAME, _NOTE = 27, 22  # letters
_LETTERS = 1.4  # those on the pictures, against those of an overlay
_LINE = 2.0  # outlines, in pixels
_FILL = 0.45, 0.62  # opacity of liver and tumours
_VEIL = 0.75  # on white, the liver's near wall hides the tumours more than on black
_INK, _MUTED, _PAPER = "#18202b", "#5b6675", "#ffffff"


@dataclass(frozen=True)
class ComparedCase:
    """A case as several networks see it.

    Attributes:
        name: of the case.
        remark: why it is shown, for instance "median, liver 0.93, tumour 0.41".
        image: CT in HU.
        reference: label map drawn by people, on the image's grid.
        predictions: label map of each network, by its name, on the image's grid.
        notes: words under a network's name, for instance "Dice 0.93 / 0.41".
    """

    name: str
    remark: str
    image: Volume
    reference: Volume
    predictions: Mapping[str, Volume]
    notes: Mapping[str, str] = field(default_factory=dict)


def save_network_comparison(cases: Sequence[ComparedCase], path: str | Path) -> None:
    """Draw each case as two rows: the axial slice with most tumour, and the front in 3D.

    Columns are the CT, the reference and the networks; more than eight are wrapped. All panels of a
    row have one scale. The reference is outlined on the predictions.

    Args:
        cases: from the top down. The columns are the networks of all of them.
        path: PNG to write, white, at most 2100 pixels wide.

    Raises:
        InputError: a label map lies on another grid than its image.
        ValueError: there is no case.
    """
    if not cases:
        raise ValueError("a comparison of networks needs at least one case")
    for case in cases:
        labels = {f"prediction of {name}": label for name, label in case.predictions.items()}
        refuse_other_grids(case.image, {"reference": case.reference, **labels})
    networks = list(dict.fromkeys(name for case in cases for name in case.predictions))
    lines = -(-(2 + len(networks)) // _MOST_COLUMNS)
    columns = -(-(2 + len(networks)) // lines)
    free = _WIDTH - 2 * _EDGE - (columns - 1) * _GAP
    width = min(_WIDEST, free // columns)
    pictures, windows = [], set()
    for case in cases:
        sheet = _CaseSheet(case, networks, columns, width)
        pictures.append(sheet.draw())
        windows.add(sheet.window)
    save_png(np.concatenate([*pictures, _footer(pictures[0].shape[1], windows)]), path)


class _CaseSheet:
    """The part of the picture about one case."""

    def __init__(
        self, case: ComparedCase, networks: Sequence[str], columns: int, width: int
    ) -> None:
        self.case, self.columns, self.width = case, columns, width
        self.panels = ["CT", "Reference", *networks]
        #: Place of each label map in the scene, by the number of its panel.
        present = [name for name in networks if name in case.predictions]
        self.labels = {1: 0} | {
            2 + networks.index(name): 1 + number for number, name in enumerate(present)
        }
        labels = [case.reference, *(case.predictions[name] for name in present)]
        self.scene = Scene(case.image, labels)
        self.window = window_of(case.image.array)
        self.scale = width / 340  # of letters on the panels
        self.axial_height = round(width * self.scene.axial.height / self.scene.axial.width)
        self.front_height = round(width * self.scene.front.height / self.scene.front.width)
        self.strip = _STRIP if max(self.scene.beyond_ml) > 0 else 0
        self.line_height = (
            _HEAD + self.axial_height + _GAP + self.front_height + self.strip + 2 * _GAP
        )
        lines = -(-len(self.panels) // columns)
        self.canvas = Canvas(
            2 * _EDGE + columns * width + (columns - 1) * _GAP,
            _TITLE + lines * self.line_height + _BETWEEN,
            background=_PAPER,
            ink=_INK,
        )

    def draw(self) -> npt.NDArray[np.uint8]:
        """The drawn sheet, shape (height, width, 3)."""
        title = self.canvas.text(
            _EDGE, 40, shortened(self.case.name, 60), size=30, fontweight="bold"
        )
        left = _EDGE + self.canvas.width_of(title) + 20
        room = self.canvas.width - left - _EDGE
        self.canvas.fitted(left, 41, self.case.remark, room, size=25, color=_MUTED)
        for number, name in enumerate(self.panels):
            line, column = divmod(number, self.columns)
            left = _EDGE + column * (self.width + _GAP)
            top = _TITLE + line * self.line_height
            self._draw_head(left, top, name, self._note(number))
            axial_at = top + _HEAD
            self._draw_axial(left, axial_at, number)
            self._draw_front(left, axial_at + self.axial_height + _GAP, number)
        return self.canvas.pixels()

    def _note(self, number: int) -> str:
        name = self.panels[number]
        if name in self.case.notes:
            return self.case.notes[name]
        if number == 0:
            position = self.scene.anatomy.position_mm(Plane.AXIAL, self.scene.point[0])
            return f"z {style.number(position, 1)} mm"
        if number == 1:
            return tumour_words(statistics(self.case.reference), verb="drawn")
        return ""

    def _draw_head(self, left: float, top: float, name: str, note: str) -> None:
        middle, options = left + self.width / 2, {"ha": "center"}
        size = _NAME * min(1.0, self.scale)
        self.canvas.fitted(
            middle, top + 24, name, self.width, size=size, fontweight="bold", **options
        )
        self.canvas.fitted(middle, top + 58, note, self.width, size=_NOTE, color=_MUTED, **options)

    def _draw_axial(self, left: float, top: float, number: int) -> None:
        if number > 0 and number not in self.labels:
            self._say(left, top + self.axial_height / 2, "no prediction")
            return
        scene, frame = self.scene, self.scene.axial
        axes, size = self._dark_axes(left, top, self.axial_height)
        size_mm = scene.anatomy.size_mm(Plane.AXIAL, scene.anatomy.whole)
        picture = scene.anatomy.cut(Plane.AXIAL, scene.point[0])
        drawing.draw_grey(axes, picture, (0.0, size_mm[0], size_mm[1], 0.0), window=self.window)
        if number > 0:
            drawing.draw_labels(
                axes, scene.cut(self.labels[number]), size_mm, line=_LINE, fill=_FILL
            )
        if number > 1:
            reference = scene.cut(0)
            organ, tumour = reference != Label.BACKGROUND, reference == Label.TUMOUR
            drawing.draw_mask(axes, organ, size_mm, style.REFERENCE_LIVER, line=_LINE)
            drawing.draw_mask(axes, tumour, size_mm, style.REFERENCE_TUMOUR, line=_LINE)
        across, down = frame.middle
        axes.set_xlim(across - frame.width / 2, across + frame.width / 2)
        axes.set_ylim(down + frame.height / 2, down - frame.height / 2)
        if number == 0:
            drawing.draw_letters(axes, Plane.AXIAL.letters, size, scale=self.scale * _LETTERS)
            drawing.draw_scale_bar(axes, frame.width, size, scale=self.scale * _LETTERS)

    def _draw_front(self, left: float, top: float, number: int) -> None:
        scene, frame = self.scene, self.scene.front
        if number == 0:
            self._draw_coronal(left, top)
        elif number in self.labels:
            index = self.labels[number]
            axes, size = self._axes(left, top, self.front_height)
            picture = render(
                scene.surfaces[index],
                FRONT,
                size,
                middle=frame.middle,
                pixel_mm=frame.width / self.width,
                backdrop=(_PAPER, _PAPER),
                veil=_VEIL,
            )
            axes.imshow(picture, aspect="auto", interpolation="nearest")
            if scene.surfaces[index].liver is None:
                self._say(left, top + self.front_height / 2, "nothing found")
            if scene.beyond_ml[index] > 0:
                words = f"{style.millilitres(scene.beyond_ml[index])} more outside this view"
                self._say(left, top + self.front_height + _STRIP / 2, words)

    def _draw_coronal(self, left: float, top: float) -> None:
        """The coronal CT slice through the point, where the other columns have the front view."""
        scene, frame = self.scene, self.scene.front
        axes, size = self._dark_axes(left, top, self.front_height)
        picture = scene.anatomy.cut(Plane.CORONAL, scene.point[1])
        drawing.draw_grey(axes, picture, scene.coronal_place(), window=self.window)
        across, up = frame.middle
        axes.set_xlim(across - frame.width / 2, across + frame.width / 2)
        axes.set_ylim(up - frame.height / 2, up + frame.height / 2)
        drawing.draw_letters(axes, FRONT.letters, size, scale=self.scale * _LETTERS)
        drawing.draw_scale_bar(axes, frame.width, size, scale=self.scale * _LETTERS)

    def _axes(self, left: float, top: float, height: int) -> tuple[Axes, tuple[int, int]]:
        return self.canvas.axes(left, top, self.width, height), (self.width, height)

    def _dark_axes(self, left: float, top: float, height: int) -> tuple[Axes, tuple[int, int]]:
        """Axes for a CT slice, black where it does not reach."""
        self.canvas.block(left, top, self.width, height, "#000000")
        return self._axes(left, top, height)

    def _say(self, left: float, top: float, words: str) -> None:
        self.canvas.fitted(
            left + self.width / 2,
            top,
            words,
            self.width - 12,
            size=20 * min(1.0, self.scale),
            color=_MUTED,
            ha="center",
        )


def _footer(width: int, windows: set[tuple[float, float]]) -> npt.NDArray[np.uint8]:
    """The legend, and what one has to know to read the pictures."""
    canvas = Canvas(width, _FOOTER, background=_PAPER, ink=_INK)
    left = float(_EDGE)
    for colour, words in ((style.LIVER, "liver"), (style.TUMOUR, "tumour")):
        left = canvas.legend(left, 20, colour, words, size=_NOTE)
    for colour, words in (
        (style.REFERENCE_LIVER, "liver of the reference"),
        (style.REFERENCE_TUMOUR, "tumour of the reference"),
    ):
        canvas.block(left, 10, 1.3 * _NOTE, 20, "#3c4654")  # outlines lie on grey, not on paper
        left = canvas.legend(left, 20, colour, words, height=4, size=_NOTE)
    window = ", ".join(
        f"{style.number(low)} to {style.number(high)}" for low, high in sorted(windows)
    )
    reading = (
        f"Patient's right is on the left; window {window} HU. Under the CT: its coronal "
        "slice; beside it, surfaces from the front, smoothed."
    )
    for top, words in ((56, reading), (84, RESEARCH_USE)):
        canvas.fitted(_EDGE, top, words, width - 2 * _EDGE, size=18, color=_MUTED)
    return canvas.pixels()
