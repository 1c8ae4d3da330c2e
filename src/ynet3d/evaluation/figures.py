"""What the pictures of an evaluation share: size, axes, saving."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ynet3d.evaluation.summary import Evaluation

INK = "#404040"
GREY = "#8a8a8a"
GRID = "#e4e4e4"
DPI = 150


def new_figure(width: float, height: float, title: str) -> Figure:
    """A picture of `width` x `height` inches that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


def tidy(axes: Axes) -> None:
    """Grid behind the data, no frame above and to the right."""
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def say_instead(axes: Axes, text: str) -> None:
    """A sentence where there is nothing to draw."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text,
        ha="center", va="center", fontsize=9, color=GREY, wrap=True, transform=axes.transAxes,
    )  # fmt: skip


def cases_words(number: int) -> str:
    """ "1 case", "30 cases"."""
    return f"{number} case{'' if number == 1 else 's'}"


def scored_words(evaluation: Evaluation) -> str:
    """How many cases were scored, of how many where not all were."""
    scored, every = len(evaluation.cases), evaluation.number_of_references
    return cases_words(scored) if scored == every else f"{scored} of {cases_words(every)}"
