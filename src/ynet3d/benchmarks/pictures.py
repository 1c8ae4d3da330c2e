"""`roofline.png`: rates against ceilings; `loss_curves.png`: both precisions of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ynet3d.benchmarks.rows import rate_unit
from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK, new_figure, tidy
from ynet3d.reporting import style
from ynet3d.reporting.label_placement import place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ynet3d.benchmarks.suite import Benchmark
    from ynet3d.benchmarks.training_step import LossCurves

_PRECISIONS = ("fp32", "bf16", "fp16", "int8")
_COLOURS = dict(zip(_PRECISIONS, style.SERIES, strict=False))
_ROOM = 1.3  # times a ceiling, for words between it and the next
_MARKERS = dict(zip(_PRECISIONS, style.MARKERS, strict=False))


def save_roofline(result: Benchmark, path: Path) -> None:
    """Draw each pass under the ceiling of its precision (Williams, Waterman and Patterson 2009).

    x: FLOP for each byte that the network's convolutions have to move; y: FLOP/s. A ceiling is the
    lower of the matrix product's rate and of what copying memory allows.
    """
    ceilings = result.ceilings
    figure = new_figure(9.0, 5.6)
    axes = figure.subplots()
    figure.subplots_adjust(left=0.08, right=0.97, bottom=0.11, top=0.85)
    figure.text(0.02, 0.955, "Roofline of this machine", color=INK, fontsize=13, fontweight="bold")
    gpus = ", ".join(result.machine["gpus"])
    note = (
        f"{result.machine['processor']}, {result.machine['threads']} threads"
        f"{f', {gpus}' if gpus else ''}, torch {result.machine['torch']}, {result.date}"
    )
    figure.text(0.02, 0.91, note, color=GREY, fontsize=9.5, parse_math=False)
    bandwidth = ceilings.copy_bytes
    corners = [rate / bandwidth for rate in ceilings.operations.values()]
    intensities = [point.intensity for point in result.points]
    low = min([*corners, *intensities]) / 4
    high = max([*corners, *intensities]) * 4
    rates = [*ceilings.operations.values(), *(point.rate for point in result.points)]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(min(*rates, bandwidth * low * 2) / 1.6, max(rates) * 2)
    x = np.geomspace(low, high, 400)
    lines = []
    for precision, rate in ceilings.operations.items():
        y = np.minimum(rate, bandwidth * x)
        axes.plot(x, y, color=_COLOURS[precision], linewidth=1.8, zorder=2)
        # Below the line where the next ceiling leaves no room above it.
        below = any(rate < other < _ROOM * rate for other in ceilings.operations.values())
        axes.annotate(
            f"{precision}  {_si(rate, rate_unit(precision))}", (high, rate),
            xytext=(-4, -4 if below else 4), textcoords="offset points",
            ha="right", va="top" if below else "bottom", fontsize=9,
            color=style.darker(_COLOURS[precision]),
        )  # fmt: skip
        lines.append(list(zip(x[::10].tolist(), y[::10].tolist(), strict=True)))
        words = rate / 1.12 if below else rate * 1.12
        lines.append([(high / 4, words), (high, words)])
    axes.text(
        0.015, 0.97, f"slope: copy of memory, {bandwidth / 1e9:.0f} GB/s",
        transform=axes.transAxes, va="top", fontsize=9, color=GREY,
    )  # fmt: skip
    _finish(axes)
    for point in result.points:
        axes.plot(
            [point.intensity], [point.rate], _MARKERS[point.precision], markersize=8.5,
            color=_COLOURS[point.precision], markeredgecolor="white", markeredgewidth=0.9, zorder=4,
        )  # fmt: skip
    figure.canvas.draw()  # names are placed in pixels, once all limits are final
    names = []
    for point in result.points:
        ceiling = ceilings.operations.get(point.precision)
        share = f" ({point.rate / ceiling:.0%})" if ceiling else ""
        names.append(f"{point.name}: {_si(point.rate, rate_unit(point.precision))}{share}")
    place_labels(
        axes,
        names,
        [(point.intensity, point.rate) for point in result.points],
        colours=[style.darker(_COLOURS[point.precision]) for point in result.points],
        lines=lines,
        size=8.5,
    )
    save_figure(figure, path)


def _finish(axes: Axes) -> None:
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(EngFormatter(sep="\N{THIN SPACE}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    tidy(axes)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel(
        "FLOP for each byte that the convolutions read and write at least", color=INK, fontsize=10
    )
    axes.set_ylabel("FLOP/s (int8: operations/s)", color=INK, fontsize=10)


def _si(rate: float, unit: str) -> str:
    prefixes = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
    size, prefix = next((one for one in prefixes if rate >= one[0]), prefixes[-1])
    return f"{rate / size:.{0 if rate >= 100 * size else 1}f} {prefix}{unit}/s"


def save_loss_curves(curves: Sequence[LossCurves], path: Path) -> None:
    """Draw the loss of each step in both precisions, side by side for each normalisation."""
    figure = new_figure(5.5 * len(curves), 4.2)
    figure.subplots_adjust(left=0.06, right=0.985, bottom=0.13, top=0.86, wspace=0.14)
    grid = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, curve in zip(grid, curves, strict=True):
        axes.set_title(
            f"normalisation {curve.normalisation}: {curve.difference(curve.ours):.1%} apart at the "
            "end",
            loc="left", fontsize=11, fontweight="bold", color=INK,
        )  # fmt: skip
        named = {
            "plain fp32": (curve.plain, style.SERIES[0], "-"),
            "plain fp32, summed in another order": (curve.reordered, GREY, (0, (2, 2))),
            "ours, bf16": (curve.ours, style.SERIES[1], "-"),
        }
        for name, (losses, colour, dashes) in named.items():
            steps = np.arange(1, len(losses) + 1)
            axes.plot(
                steps, losses, color=colour, linewidth=1.6, linestyle=dashes, alpha=0.9, label=name
            )
        axes.set_xlabel("step", color=INK, fontsize=10)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=9.5, labelcolor=INK)
        tidy(axes)
    grid[0].set_ylabel("loss", color=INK, fontsize=10)
    save_figure(figure, path)
