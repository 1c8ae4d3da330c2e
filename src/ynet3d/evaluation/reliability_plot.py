"""How sure against how often right, before and after (`reliability.png`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ynet3d.evaluation.calibration import Calibration
from ynet3d.evaluation.figures import say_instead, titled_figure
from ynet3d.evaluation.reliability import Reliability
from ynet3d.files import save_figure
from ynet3d.labels import COLOURS, Label
from ynet3d.plots import GREY, INK, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = {
    "surroundings": "voxels around the liver:\nprobability of their label",
    "tumour": "voxels called tumour:\nprobability of tumour",
    "lesions": "tumours claimed:\nmean probability over their voxels",
}


def save_reliability_plot(found: Calibration, path: str | Path, *, title: str) -> None:
    """Write a reliability diagram (PNG), a panel each for voxels, tumour voxels and lesions.

    On the diagonal, what is said with 80 % holds in 80 %; below it, the network is too sure.
    Before: with the temperature of the recipe. After: each patient with that of the others.
    """
    figure = titled_figure(10.8, 4.3, title)
    for axes, (name, words) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
        before, after = (getattr(one, name) for one in (found.at_before, found.held_out))
        if not before.answers:
            say_instead(axes, "No tumour was claimed.")
            continue
        tidy(axes)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, zorder=1)
        colour = COLOURS[Label.LIVER if name == "surroundings" else Label.TUMOUR]
        _draw(axes, before, "before", "white")
        _draw(axes, after, "after", colour)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_box_aspect(1)
        axes.set_title(f"{words}\n{after.answers} answers", fontsize=9.5, color=INK)
        axes.set_xlabel("how sure", fontsize=9)
        axes.set_ylabel("how often right", fontsize=9)
        axes.legend(fontsize=8, edgecolor="white", loc="upper left", title="calibration error")
    save_figure(figure, path)


def _draw(axes: Axes, part: Reliability, words: str, face: str) -> None:
    said, held, _ = part.points()
    axes.plot(
        said,
        held,
        "o",
        color=INK,
        linewidth=1,
        linestyle="-" if words == "after" else ":",
        markersize=5.5,
        markerfacecolor=face,
        markeredgecolor=INK,
        markeredgewidth=0.6,
        clip_on=False,
        zorder=3,
        label=f"{words}: {part.error:.3f}",
    )
