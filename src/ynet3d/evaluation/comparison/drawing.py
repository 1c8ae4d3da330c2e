"""How the pictures of a comparison are laid out: in inches, on white, with room for names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.figures import cases_words
from ynet3d.plots import GREY, INK, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Longer names of cases and models are shortened.
NAME_LENGTH = 22
#: Differences in Dice below this are not worth a name.
WORTH_NAMING = 0.005
#: Inches at the top of a figure, for its heading.
HEAD = 0.85


def cases_title(comparison: Comparison) -> str:
    """How many cases a picture shows."""
    number, whole = len(comparison.cases), len(comparison.cases) + len(comparison.incomplete)
    if number < whole:
        return f"{number} of {whole} cases (those scored for every model)"
    return cases_words(number)


def class_title(class_name: str) -> str:
    """A class and the labels it is made of."""
    return f"{class_name} ({CLASSES[class_name].definition.split(',')[0]})"


def model_label(name: str) -> str:
    """A name of a model; long ones keep both ends."""
    half = NAME_LENGTH // 2
    return name if len(name) <= NAME_LENGTH else f"{name[:half]}…{name[1 - half :]}"


def title_width(comparison: Comparison) -> float:
    """Inches that the headings need at least."""
    return max(7.0, 0.3 + 0.075 * len(comparison.data))


def headed_figure(width: float, height: float, title: str, *notes: str) -> Figure:
    """A figure of a size in inches, with a heading and up to two lines below it."""
    figure = new_figure(width, height)
    lines = [(title, 12.5, INK), *((note, 9, GREY) for note in notes if note)]
    for (text, size, colour), y in zip(lines, (0.18, 0.46, 0.64), strict=False):
        figure.text(
            0.15 / width, 1 - y / height, text,
            ha="left", va="top", fontsize=size, color=colour, parse_math=False,
        )  # fmt: skip
    return figure


def add_axes(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the lower left corner."""
    whole = figure.get_size_inches()
    axes = figure.add_axes((x / whole[0], y / whole[1], width / whole[0], height / whole[1]))
    tidy(axes)
    return axes
