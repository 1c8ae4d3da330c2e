"""The figure of a network: true to its description, and nothing written over anything else."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from ynet3d.errors import InputError
from ynet3d.networks import Architecture, architecture, list_networks
from ynet3d.reporting import save_architecture
from ynet3d.reporting.architecture_figure import draw_architecture
from ynet3d.reporting.architecture_layout import place
from ynet3d.reporting.architecture_shapes import size_text

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in list_networks()],
    ("3dynet", {"encoders": 1}),
    ("3dynet", {"fusion": "none", "encoder": "residual+convnext"}),
    ("3dynet-ee", {"fusion": "none"}),
    ("monai:DynUNet", {"flat_stages": 2, "stages": 5}),
]


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda v: "-".join([v[0], *map(str, v[1])]))
def description(request: pytest.FixtureRequest) -> Architecture:
    name, options = request.param
    return architecture(name, **options)


def test_texts_do_not_overlap(description: Architecture) -> None:
    figure = draw_architecture(description)
    figure.canvas.draw()
    page = figure.bbox
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    assert len(boxes) > 10
    for (first, box), (second, other) in combinations(boxes, 2):
        assert not box.overlaps(other), (first, second)
    for text, box in boxes:
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text


def test_boxes_follow_maps_and_channels(description: Architecture) -> None:
    layout = place(description)
    drawn = [slab for slab in layout.slabs if slab.role != "input"]
    layers = [layer for stage in description.stages for layer in stage.layers]
    joints = ("concatenation", "sum")
    assert len(drawn) == sum(layer.kind not in joints for layer in layers)
    for slab, other in combinations(layout.slabs, 2):
        if slab.y == other.y:
            assert slab.right <= other.x + 1e-9 or other.right <= slab.x + 1e-9
    heights: dict[int, set[float]] = {}
    for index, stage in enumerate(description.stages):
        placed = layout.stages[index]
        heights.setdefault(stage.size[1], set()).add(round(placed.top - placed.bottom, 6))
    assert all(len(found) == 1 for found in heights.values())
    ordered = [heights[rows].pop() for rows in sorted(heights)]
    assert ordered == sorted(set(ordered))


def test_every_connection_has_its_line(description: Architecture) -> None:
    layout = place(description)
    levels = {}
    for connection in description.connections:
        if connection.kind == "skip":
            levels.setdefault(description.stages[connection.target].level, []).append(connection)
    for level, connections in levels.items():
        lines = [x for x in layout.lines if x.level == level and len(x.points) > 2]
        assert len(lines) == len(connections)
        begins = {round(x.points[0][0], 2) for x in lines}
        taps = {round(layout.stages[c.source].tap, 2) for c in connections}
        assert all(min(abs(begin - tap) for tap in taps) < 0.1 for begin in begins)
    fusions = sum(c.kind == "fusion" for c in description.connections)
    assert sum(line.both_ends for line in layout.lines) == fusions / 2
    shown = {label.text for label in layout.labels if label.level is not None}
    assert shown == {size_text(s.size) for s in description.stages if s.role != "head"}


def test_channels_are_written() -> None:
    labels = [label.text for label in place(architecture("3dynet")).labels if label.bold]
    widths = ["64", "128", "256", "512", "512"]
    assert sorted(labels) == sorted(["1", *widths, *widths, "512", "256", "128", "64", "3"])
    assert "32, 64" in [label.text for label in place(architecture("unet3d")).labels]


def test_sums_go_over_the_path_without_touching_it() -> None:
    layout = place(architecture("3dynet-ee", width=4))
    assert sum(line.crosses for line in layout.lines) == 4
    assert [joint.kind for joint in layout.joints].count("concatenation") == 4


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".pdf", ".svg"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"network{suffix}"
    save_architecture(architecture("unet3d", width=4), path)
    start = path.read_bytes()[:200]
    marks = {".png": b"PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert marks[suffix.lower()] in start
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    if suffix == ".png":
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert pixels.shape[1] > 1500
        assert 0.02 < (pixels.min(axis=2) < 245).mean() < 0.6


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"network.gif should end in one of .png, .pdf, .svg"):
        save_architecture(architecture("unet3d", width=4), tmp_path / "network.gif")
    assert list(tmp_path.iterdir()) == []
