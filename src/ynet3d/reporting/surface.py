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

from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.reporting import drawing, style
from ynet3d.reporting.canvas import Canvas
from ynet3d.reporting.mesh import Mesh, surface_of
from ynet3d.reporting.rasterizer import Frame, Layer, View, draw_layer
from ynet3d.reporting.statistics import statistics
from ynet3d.reporting.views import foreground_box
from ynet3d.reporting.words import liver_words, shortened, tumour_words
from ynet3d.volumes.volume import Volume

VIEWS = (
    View("From the front", (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), "RLHF"),
    View("From the right", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), "PAHF"),
    View("From the feet", (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), "RLAP"),
)

_WIDTH = 1600
_EDGE, _GAP, _HEADER, _FOOTER = 24, 6, 112, 34
_TALLEST = 760
_AROUND = 50  # pixels around the organ, for letters and scale bar
_SAMPLES = 2  # pixels drawn for each pixel shown, along each axis, for smooth edges

_LIVER_GRID_MM, _LIVER_SMOOTH_MM = 2.0, 2.0
_TUMOUR_GRID_MM, _TUMOUR_SMOOTH_MM = 1.2, 1.2

Shade = npt.NDArray[np.float32]


def _unit(*vector: float) -> Shade:
    return (np.array(vector) / np.linalg.norm(vector)).astype(np.float32)


def _colour(name: str) -> Shade:
    return np.array(style.rgb(name), np.float32)


#: Towards the lights, along (right, up, towards the viewer).
_KEY_LIGHT = _unit(-0.45, 0.60, 0.66)
_FILL_LIGHT = _unit(0.70, -0.10, 0.70)


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
    box = foreground_box(label.array)
    liver = tumour = None
    if box is not None:
        liver = surface_of(
            label.array,
            label.affine,
            box,
            at_least=Label.LIVER,
            grid_mm=_LIVER_GRID_MM,
            smooth_mm=_LIVER_SMOOTH_MM,
        )
        tumour = surface_of(
            label.array,
            label.affine,
            box,
            at_least=Label.TUMOUR,
            grid_mm=_TUMOUR_GRID_MM,
            smooth_mm=_TUMOUR_SMOOTH_MM,
        )
    meshes = [mesh for mesh in (liver, tumour) if mesh is not None]
    pixel_mm, panels = _layout(meshes)
    height = panels[0][1]
    canvas = Canvas(_WIDTH, _HEADER + height + _FOOTER + 8)
    _draw_header(canvas, title, found or statistics(label))
    left = _EDGE
    for view, size in zip(VIEWS, panels, strict=True):
        axes = canvas.axes(left, _HEADER, *size)
        left += size[0] + _GAP
        axes.imshow(
            _render(liver, tumour, view, pixel_mm, size),
            extent=(0.0, 1.0, 0.0, 1.0),
            aspect="auto",
            interpolation="nearest",
        )
        name_at = 12 / size[0], 18 / size[1]
        drawing.draw_text(axes, name_at, view.name, size=15, ha="left", fontweight="bold")
        if liver is None:
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


def _layout(meshes: list[Mesh]) -> tuple[float, list[tuple[int, int]]]:
    """Size of a pixel in mm, one for all views, and width and height of each panel in pixels."""
    free = _WIDTH - 2 * _EDGE - (len(VIEWS) - 1) * _GAP
    if not meshes:
        return 1.0, [(free // len(VIEWS), 360)] * len(VIEWS)
    extents = np.array([np.ptp(_turned(meshes, view), axis=0)[:2] for view in VIEWS])
    pixel_mm = max(
        float(extents[:, 0].sum()) / (free - 2 * _AROUND * len(VIEWS)),
        float(extents[:, 1].max()) / (_TALLEST - 2 * _AROUND),
    )
    spare = (free - extents[:, 0].sum() / pixel_mm) / len(VIEWS)
    height = round(extents[:, 1].max() / pixel_mm) + 2 * _AROUND
    return pixel_mm, [(int(width / pixel_mm + spare), height) for width in extents[:, 0]]


def _turned(meshes: list[Mesh], view: View) -> npt.NDArray[np.float32]:
    """All vertices along (right, up, towards the viewer)."""
    return np.concatenate([mesh.vertices for mesh in meshes]) @ view.rotation.T


def _render(
    liver: Mesh | None, tumour: Mesh | None, view: View, pixel_mm: float, panel: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """One view, shape (height, width, 3) for a panel of (width, height)."""
    width, height = panel
    size = height * _SAMPLES, width * _SAMPLES
    down = np.linspace(0.0, 1.0, size[0], dtype=np.float32)[:, None, None]
    top, bottom = _colour("#2a313b"), _colour("#14181d")
    picture = np.broadcast_to(top + (bottom - top) * down, (*size, 3)).copy()
    if liver is not None:
        turned = _turned([mesh for mesh in (liver, tumour) if mesh is not None], view)
        middle = (turned.min(axis=0) + turned.max(axis=0)) / 2
        left = float(middle[0]) - pixel_mm * width / 2
        upper = float(middle[1]) + pixel_mm * height / 2
        frame = Frame((left, upper), pixel_mm / _SAMPLES, size)
        front = draw_layer(liver, view, frame)
        _blend(picture, *_liver_wall(draw_layer(liver, view, frame, back=True), inside=True))
        if tumour is not None:
            _blend(picture, *_tumour_skin(draw_layer(tumour, view, frame), front))
        _blend(picture, *_liver_wall(front, inside=False))
    averaged = picture.reshape(height, _SAMPLES, width, _SAMPLES, 3).mean(axis=(1, 3))
    return (np.clip(averaged, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _liver_wall(layer: Layer, *, inside: bool) -> tuple[Shade, Shade]:
    """Colour and opacity of the liver's near wall, or of the far wall seen from inside."""
    normals = -layer.normals if inside else layer.normals
    light, shine = _light(normals)
    # A translucent skin is densest where one looks along it.
    rim = (1.0 - np.clip(normals[..., 2], 0.0, 1.0)) ** 2
    if inside:
        shaded = _colour(style.LIVER) * (0.45 + 0.55 * light)[..., None]
        opacity = 0.55 + 0.25 * rim
    else:
        shaded = _colour(style.LIVER) * (0.50 + 0.75 * light)[..., None] + 0.28 * shine[..., None]
        opacity = 0.34 + 0.50 * rim + 0.25 * shine
    return shaded, np.where(np.isfinite(layer.depth), opacity, np.float32(0.0))


def _tumour_skin(layer: Layer, liver: Layer) -> tuple[Shade, Shade]:
    """Colour and opacity of the tumours: solid, dimmer the deeper they lie in the liver."""
    light, shine = _light(layer.normals)
    seen = np.isfinite(layer.depth)
    deep = np.zeros_like(layer.depth)
    np.subtract(liver.depth, layer.depth, out=deep, where=seen & np.isfinite(liver.depth))
    dim = 1.0 - 0.25 * np.clip(deep / 100.0, 0.0, 1.0)
    shaded = _colour(style.TUMOUR) * ((0.35 + 0.90 * light) * dim)[..., None]
    return shaded + 0.30 * shine[..., None], seen.astype(np.float32)


def _light(normals: Shade) -> tuple[Shade, Shade]:
    """Diffuse light (about 0 to 1) and highlight of a surface."""
    key = np.clip(normals @ _KEY_LIGHT, 0.0, None)
    fill = np.clip(normals @ _FILL_LIGHT, 0.0, None)
    halfway = _unit(*(_KEY_LIGHT + np.array([0.0, 0.0, 1.0], np.float32)))
    shine = np.clip(normals @ halfway, 0.0, None) ** 32
    return 0.80 * key + 0.25 * fill, shine


def _blend(picture: Shade, colour: Shade, opacity: Shade) -> None:
    """Lay a colour over the picture, in place."""
    picture += (colour - picture) * opacity[..., None]


def _draw_header(canvas: Canvas, title: str, found: Mapping[str, Any]) -> None:
    canvas.text(_EDGE, 36, shortened(title or "Liver and tumours", 90), size=27, fontweight="bold")
    left = float(_EDGE)
    for colour, words in (
        (style.LIVER, liver_words(found)),
        (style.TUMOUR, tumour_words(found)),
    ):
        left = canvas.legend(left, 82, colour, words)
