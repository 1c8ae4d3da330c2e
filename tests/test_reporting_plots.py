"""Plots of whole experiments: Dice against cost, and the training of several runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ynet3d.plots import new_figure
from ynet3d.reporting import CostPoint, save_curves_of_runs, save_dice_against_cost, style
from ynet3d.reporting.label_placement import place_labels
from ynet3d.reporting.run_curves import _running_mean


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    saved: list[Figure] = []
    real: Callable[[Figure, Any], None] = Figure.savefig

    def savefig(self: Figure, path: Any, **options: Any) -> None:
        saved.append(self)
        real(self, path, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return saved


def words(figure: Figure) -> list[str]:
    inside = [text.get_text() for axes in figure.axes for text in axes.texts]
    return [text.get_text() for text in figure.texts] + inside


def points(axes: Axes, colour: str) -> list[tuple[float, float]]:
    """What lines of a colour join, error bars left out."""
    lines = [line for line in axes.lines if line.get_color() == colour and line.get_alpha() is None]
    return [tuple(one) for line in lines for one in np.asarray(line.get_xydata()).tolist()]


FAMILY = [
    CostPoint("vgg w16", 4e6, 1e12, 0.90, 0.50, (0.88, 0.92), (0.30, 0.65), "vgg"),
    CostPoint("vgg w8", 1e6, 2.5e11, 0.85, 0.40, (0.80, 0.88), (0.20, 0.55), "vgg"),
    CostPoint("unet3d", 2e7, 8e12, 0.91, None, None, None),
]


def test_dice_against_cost(tmp_path: Path, figures: list[Figure]) -> None:
    save_dice_against_cost(FAMILY, tmp_path / "cost.png", title="$T$", note="5 phantoms")
    (figure,) = figures
    liver_flop, liver_parameters, tumour_flop, tumour_parameters = figure.axes
    first, second = style.SERIES[:2]
    # A family is one line, by cost.
    assert points(liver_flop, first) == [(2.5e11, 0.85), (1e12, 0.90)]
    assert points(liver_parameters, first) == [(1e6, 0.85), (4e6, 0.90)]
    assert points(tumour_flop, first) == [(2.5e11, 0.40), (1e12, 0.50)]
    assert points(liver_flop, second) == [(8e12, 0.91)]
    assert points(tumour_parameters, second) == []
    bars = [line.get_ydata() for line in tumour_flop.lines if line.get_alpha() is not None]
    assert sorted(tuple(bar) for bar in bars) == [(0.20, 0.55), (0.30, 0.65)]
    assert [text.get_text() for text in tumour_flop.texts] == ["vgg w8", "vgg w16"]
    assert {"$T$", "5 phantoms; bars: 95% intervals"} <= set(words(figure))
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
    low, high = tumour_flop.get_ylim()
    assert low < 0.20
    assert 0.65 < high < 1.0


@pytest.mark.parametrize(
    ("flop", "named"), [([12e9], ["12G"]), ([15e9, 55e9], ["15G", "55G"]), ([15e9, 15.1e9], [])]
)
def test_few_costs_are_named_on_the_axis(
    flop: list[float], named: list[str], tmp_path: Path, figures: list[Figure]
) -> None:
    network = [CostPoint(f"n{cost}", 1e6, cost, 0.9, 0.5) for cost in flop]
    save_dice_against_cost(network, tmp_path / "cost.png")
    axis = figures[0].axes[2].xaxis
    ticks = [text.get_text().replace("\N{THIN SPACE}", "") for text in axis.get_majorticklabels()]
    if named:
        assert ticks == named
    else:  # too close to be told apart
        assert "15.1G" not in ticks


def test_nothing_measured(tmp_path: Path, figures: list[Figure]) -> None:
    save_dice_against_cost([], tmp_path / "none.png")
    save_dice_against_cost(
        [CostPoint("a", 1e6, 1e9, 0.9, float("nan"), (float("nan"),) * 2)], tmp_path / "one.png"
    )
    assert words(figures[0]).count("not measured") == 4
    assert words(figures[1]).count("not measured") == 2
    assert words(figures[1]).count("a") == 2


def test_cost_must_be_above_zero(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a: 0 flop and 5 parameters"):
        save_dice_against_cost([CostPoint("a", 5, 0, 0.9, 0.5)], tmp_path / "cost.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_names_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    figure = new_figure(5.0, 4.0, dpi=100)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    at = [tuple(one) for one in (0.5 + 0.12 * rng.standard_normal((12, 2))).tolist()]
    at[0] = (0.995, 0.5)  # at the edge
    figure.canvas.draw()
    names = [f"network {number}" for number in range(len(at))]
    line = [(0.1, 0.95), (0.9, 0.95)]
    written = place_labels(axes, names, at, colours=["#000000"] * len(at), lines=[line])
    figure.canvas.draw()
    places = axes.transData.transform(at) + [text.get_position() for text in written]
    for one, other in itertools.combinations(places, 2):
        apart = np.abs(one - other)
        assert apart[0] >= 55 or apart[1] >= 11  # a little less than the letters take
    frame = axes.get_window_extent()
    assert all(frame.contains(*place) for place in places)
    assert np.abs(places[0] - axes.transData.transform(at[0])).max() < 80


def history(epochs: int, *, every: int = 1, dice: float = 0.9) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "dice_liver": dice * epoch / epochs if epoch % every == 0 else None,
            "dice_tumour": 0.5 * dice * epoch / epochs if epoch % every == 0 else None,
        }
        for epoch in range(1, epochs + 1)
    ]


def test_curves_of_runs(tmp_path: Path, figures: list[Figure]) -> None:
    runs = {"vnet": history(10, every=2), "$3d$ynet": history(20), "new": []}
    save_curves_of_runs(runs, tmp_path / "curves.png", title="Suite", note="2 phantoms")
    (figure,) = figures
    loss, liver, tumour = figure.axes
    first, second, third = style.SERIES[:3]
    assert len(points(loss, first)) == 10
    # The best epoch stands there a second time, as a mark.
    assert points(liver, first)[-1] == (10, 0.9)
    assert len(points(liver, first)) == 5 + 1
    assert points(tumour, second)[-1] == (20, 0.45)
    assert not points(loss, third)
    said = words(figure)
    assert {"Suite", "vnet", "$3d$ynet", "new", "not yet measured"} <= set(said)
    assert "0.900 / 0.450, epoch 10 of 10" in said
    assert any(text.startswith("2 phantoms; ") for text in said)
    assert loss.get_yscale() == "log"
    assert all(axes.get_xlim()[1] > 20 for axes in figure.axes)


def test_long_runs_are_smoothed(tmp_path: Path, figures: list[Figure]) -> None:
    save_curves_of_runs({"a": history(200)}, tmp_path / "curves.png")
    _, liver, _ = figures[0].axes
    pale = [line for line in liver.lines if line.get_alpha() is not None]
    assert [len(line.get_xdata()) for line in pale] == [200]
    assert len(points(liver, style.SERIES[0])) == 200 + 1
    assert any("running mean" in text for text in words(figures[0]))


@pytest.mark.parametrize("count", [0, 1, 12, 21])
def test_any_number_of_runs(tmp_path: Path, figures: list[Figure], count: int) -> None:
    runs = {f"network {number}": history(3) for number in range(count)}
    save_curves_of_runs(runs, tmp_path / "curves.png")
    width, height = Image.open(tmp_path / "curves.png").size
    assert width == 1820
    assert 600 < height < 1400
    liver = figures[0].axes[1]
    lines = [line for line in liver.lines if len(line.get_xdata()) > 1]
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in lines}
    assert len(lines) == count
    assert len(looks) == count  # no two runs look the same


def test_running_mean() -> None:
    values = np.array([1.0, 2.0, 6.0, 0.0])
    assert _running_mean(values, 1) == pytest.approx(values)
    assert _running_mean(values, 3) == pytest.approx([1.5, 3.0, 8 / 3, 3.0])
