"""What the pictures of an evaluation share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ynet3d.plots import GREY, INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ynet3d.evaluation.summary import Evaluation


def titled_figure(width: float, height: float, title: str) -> Figure:
    """A figure of `width` x `height` inches with a title, whose axes make room for each other."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = new_figure(width, height)
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


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
