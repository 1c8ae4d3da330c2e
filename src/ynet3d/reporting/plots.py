"""What plots (as against pictures of CT) share: a white figure, quiet axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ynet3d.reporting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, *, dpi: int) -> Figure:
    """A white figure of `width` x `height` inches, without a display and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def quiet(axes: Axes) -> None:
    """A pale grid behind the data, and no frame but the lower axis."""
    axes.grid(True, color=style.PLOT_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=style.PLOT_INK, length=0, which="both", labelsize=9.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style.PLOT_GREY)
