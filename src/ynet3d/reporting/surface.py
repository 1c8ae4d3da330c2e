"""`surface.png`: the liver, translucent, and the tumours in it, in three dimensions.

Drawn by our own small rasterizer (see `rasterizer`), so that it looks the same on a machine without
display, GPU or OpenGL libraries as on any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.labels import RESEARCH_USE
from ynet3d.reporting import drawing, style
from ynet3d.reporting.canvas import Canvas
from ynet3d.reporting.rasterizer import View
from ynet3d.reporting.rendering import FRONT, Surfaces, render
from ynet3d.reporting.statistics import statistics
from ynet3d.reporting.words import liver_words, shortened, tumour_words
from ynet3d.volumes.volume import Volume

VIEWS = (
    FRONT,
    View("From the right", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), "PAHF"),
    View("From the feet", (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), "RLAP"),
)

_WIDTH = 1600
_EDGE, _GAP, _HEADER, _FOOTER = 24, 6, 112, 34
_TALLEST = 760
_AROUND = 50  # pixels around the organ, for letters and scale bar
_BACKDROP = "#2a313b", "#14181d"
_FINEST_MM = 0.4  # of a pixel: surfaces are smoothed by more, so finer ones cost time for nothing

Extent = npt.NDArray[np.float32]


def save_surface(
    label: Volume,
    path: str | Path,
    *,
    title: str = "",
    found: Mapping[str, Any] | None = None,
) -> None:
    """Draw liver and tumours from the front, from the right and from the feet.

    All three views have one scale. An empty label map gives a picture that says so.

    Args:
        label: label map; only its geometry and values are used.
        path: PNG to write, 1600 pixels wide.
        title: headline, for instance the name of the scan.
        found: `statistics` of the label map, if they are there already.
    """
    surfaces = Surfaces.of(label)
    extents = [extent for view in VIEWS if (extent := surfaces.extent(view)) is not None]
    pixel_mm, panels = _layout(extents)
    height = panels[0][1]
    canvas = Canvas(_WIDTH, _HEADER + height + _FOOTER + 8)
    _draw_header(canvas, title, found or statistics(label))
    left = _EDGE
    for number, (view, size) in enumerate(zip(VIEWS, panels, strict=True)):
        axes = canvas.axes(left, _HEADER, *size)
        left += size[0] + _GAP
        across, up = extents[number].mean(axis=0) if extents else (0.0, 0.0)
        axes.imshow(
            render(
                surfaces,
                view,
                size,
                middle=(float(across), float(up)),
                pixel_mm=pixel_mm,
                backdrop=_BACKDROP,
            ),
            extent=(0.0, 1.0, 0.0, 1.0),
            aspect="auto",
            interpolation="nearest",
        )
        name_at = 12 / size[0], 18 / size[1]
        drawing.draw_text(axes, name_at, view.name, size=15, ha="left", fontweight="bold")
        if not extents:
            drawing.draw_text(axes, (0.5, 0.5), "No liver found", size=22, color=style.MUTED)
            continue
        drawing.draw_letters(axes, view.letters, size)
        drawing.draw_scale_bar(axes, pixel_mm * size[0], size)
    canvas.text(
        _EDGE,
        canvas.height - _FOOTER / 2,
        "Surfaces are smoothed by about 2 mm (tumours 1 mm): for looking, not for measuring. "
        f"{RESEARCH_USE}",
        size=13,
        color=style.MUTED,
    )
    canvas.save(path)


def _layout(extents: list[Extent]) -> tuple[float, list[tuple[int, int]]]:
    """Size of a pixel in mm, one for all views, and width and height of each panel in pixels."""
    free = _WIDTH - 2 * _EDGE - (len(VIEWS) - 1) * _GAP
    if not extents:
        return 1.0, [(free // len(VIEWS), 360)] * len(VIEWS)
    sizes = np.array([high - low for low, high in extents])
    pixel_mm = max(
        _FINEST_MM,
        float(sizes[:, 0].sum()) / (free - 2 * _AROUND * len(VIEWS)),
        float(sizes[:, 1].max()) / (_TALLEST - 2 * _AROUND),
    )
    spare = (free - sizes[:, 0].sum() / pixel_mm) / len(VIEWS)
    height = round(sizes[:, 1].max() / pixel_mm) + 2 * _AROUND
    return pixel_mm, [(int(width / pixel_mm + spare), height) for width in sizes[:, 0]]


def _draw_header(canvas: Canvas, title: str, found: Mapping[str, Any]) -> None:
    canvas.text(_EDGE, 36, shortened(title or "Liver and tumours", 90), size=27, fontweight="bold")
    left = float(_EDGE)
    for colour, words in (
        (style.LIVER, liver_words(found)),
        (style.TUMOUR, tumour_words(found)),
    ):
        left = canvas.legend(left, 82, colour, words)
