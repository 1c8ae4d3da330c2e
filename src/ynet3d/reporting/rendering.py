"""The liver, translucent, and the tumours in it, drawn from one side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.labels import Label
from ynet3d.reporting import style
from ynet3d.reporting.mesh import Mesh, surface_of
from ynet3d.reporting.rasterizer import Frame, Layer, View, draw_layer
from ynet3d.reporting.views import Box, crop, foreground_box
from ynet3d.volumes.volume import Volume

FRONT = View("From the front", (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), "RLHF")

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


@dataclass(frozen=True)
class Surfaces:
    """Smooth surfaces of a label map; None where it has no such label."""

    liver: Mesh | None
    tumour: Mesh | None

    @classmethod
    def of(cls, label: Volume, box: Box | None = None) -> Surfaces:
        """The surfaces of `label`, or of its part in `box` (along the axes of its array)."""
        box = foreground_box(label.array) if box is None else box
        if box is None:
            return cls(None, None)
        lesions = foreground_box(crop(label.array, box) >= Label.TUMOUR)
        return cls(
            surface_of(
                label.array,
                label.affine,
                box,
                at_least=Label.LIVER,
                grid_mm=_LIVER_GRID_MM,
                smooth_mm=_LIVER_SMOOTH_MM,
            ),
            None
            if lesions is None
            else surface_of(
                label.array,
                label.affine,
                _within(box, lesions),
                at_least=Label.TUMOUR,
                grid_mm=_TUMOUR_GRID_MM,
                smooth_mm=_TUMOUR_SMOOTH_MM,
            ),
        )

    def extent(self, view: View) -> npt.NDArray[np.float32] | None:
        """Lowest and highest mm along (right, up), shape (2, 2); None if there is no surface."""
        meshes = [mesh for mesh in (self.liver, self.tumour) if mesh is not None]
        if not meshes:
            return None
        turned = np.concatenate([mesh.vertices for mesh in meshes]) @ view.rotation[:2].T
        return np.stack([turned.min(axis=0), turned.max(axis=0)])


def _within(box: Box, part: Box) -> Box:
    """`part`, given from the corner of `box`, in the voxels of the whole."""
    first, second, third = (
        (start + low, start + high) for (start, _), (low, high) in zip(box, part, strict=True)
    )
    return first, second, third


def render(
    surfaces: Surfaces,
    view: View,
    size: tuple[int, int],
    *,
    middle: tuple[float, float],
    pixel_mm: float,
    backdrop: tuple[str, str],
    veil: float = 1.0,
) -> npt.NDArray[np.uint8]:
    """Draw the surfaces from one side.

    Args:
        surfaces: what to draw; nothing leaves the backdrop.
        view: where from.
        size: width and height in pixels.
        middle: mm along (right, up) of the middle of the picture.
        pixel_mm: size of a pixel.
        backdrop: colours at the top and at the bottom of the background.
        veil: opacity of the liver's near wall, as a share of the usual.

    Returns:
        Shape (height, width, 3).
    """
    width, height = size
    shape = height * _SAMPLES, width * _SAMPLES
    down = np.linspace(0.0, 1.0, shape[0], dtype=np.float32)[:, None, None]
    top, bottom = (_colour(one) for one in backdrop)
    picture = np.broadcast_to(top + (bottom - top) * down, (*shape, 3)).copy()
    origin = middle[0] - pixel_mm * width / 2, middle[1] + pixel_mm * height / 2
    frame = Frame(origin, pixel_mm / _SAMPLES, shape)
    if surfaces.liver is not None:
        front = draw_layer(surfaces.liver, view, frame)
        _blend(
            picture, *_liver_wall(draw_layer(surfaces.liver, view, frame, back=True), inside=True)
        )
        if surfaces.tumour is not None:
            _blend(picture, *_tumour_skin(draw_layer(surfaces.tumour, view, frame), front))
        colour, opacity = _liver_wall(front, inside=False)
        _blend(picture, colour, veil * opacity)
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
