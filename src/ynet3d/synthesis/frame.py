"""Where things lie in a patient of whom only some masks are known; and what is made where none is.

All lengths in mm, network order: z up from the top of the liver, y to the back from the front of
the spine, x to the patient's left from the midline; anatomy is multiplied by the patient's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.synthesis.fields import FloatArray, Shape, Spacing, along, smooth_field
from ynet3d.synthesis.mask_reading import Structures

Mask = npt.NDArray[np.bool_]
Point = tuple[float, float, float]
_WIDTH_MM = 340.0  # of the body that sizes below are given for


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates of a grid in the patient, as open arrays (D, 1, 1), (1, H, 1), (1, 1, W)."""

    z: FloatArray
    y: FloatArray
    x: FloatArray
    size: float
    spacing: Spacing

    @property
    def shape(self) -> Shape:
        """Of the grid."""
        return self.z.shape[0], self.y.shape[1], self.x.shape[2]

    def ellipsoid(self, centre: Point, radii: Point, wave: FloatArray | float = 0.0) -> FloatArray:
        """Depth in parts of the radius: 1 in the centre, 0 on the surface; lengths times `size`."""
        level: FloatArray = np.zeros(1, np.float32)
        for axis, middle, radius in zip((self.z, self.y, self.x), centre, radii, strict=True):
            level = level + ((axis - middle * self.size) / np.float32(radius * self.size)) ** 2
        return 1 - np.sqrt(level) + wave

    def field(self, generator: np.random.Generator, scale_mm: float) -> npt.NDArray[np.float32]:
        """A smooth random field on the grid."""
        return smooth_field(generator, self.shape, [scale_mm / step for step in self.spacing])


def frame_of(found: Structures) -> Frame:
    """The frame of a patient with the masks `liver`, `body` and `bone`."""
    depth, height, width = found.masks["liver"].shape
    dz, dy, dx = found.spacing
    levels = np.flatnonzero(found.masks["liver"].any(axis=(1, 2)))
    body = found.masks["body"][levels]
    columns = np.flatnonzero(body.any(axis=(0, 1)))
    size = float(np.clip((columns[-1] - columns[0] + 1) * dx / _WIDTH_MM, 0.7, 1.35))
    middle = float(np.median(np.nonzero(body)[2]))
    bone = found.masks["bone"][levels]
    near = np.abs(np.arange(width) - middle) * dx < 40 * size
    spine = np.nonzero(bone[:, :, near])
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    front = float(rows[0] + 0.55 * (rows[-1] - rows[0]))
    if len(spine[1]) > 50:
        behind = spine[1] > rows[0] + 0.4 * (rows[-1] - rows[0])  # not the sternum
        if behind.any():
            front = float(np.quantile(spine[1][behind], 0.03))
            middle = float(np.flatnonzero(near)[0] + np.median(spine[2][behind]))

    return Frame(
        along(((np.arange(depth) - levels[-1]) * dz).astype(np.float32), 0),
        along(((np.arange(height) - front) * dy).astype(np.float32), 1),
        along(((np.arange(width) - middle) * dx).astype(np.float32), 2),
        size,
        found.spacing,
    )


def with_body(found: Structures, generator: np.random.Generator) -> Structures:
    """`found` with a body and bones; made up around the liver where there are no such masks."""
    if "body" in found.masks and "bone" in found.masks:
        return found
    masks = dict(found.masks)
    if "body" not in masks:
        found, masks = _body(found, generator)
    if "bone" not in masks:
        masks["bone"] = _skeleton(Structures(found.spacing, masks), generator)
    return Structures(found.spacing, masks)


def _body(found: Structures, generator: np.random.Generator) -> tuple[Structures, dict[str, Mask]]:
    """A trunk around the liver: its right side near the skin, the midline right of its end."""
    liver = found.masks["liver"]
    where = [np.flatnonzero(liver.any(axis=tuple({0, 1, 2} - {k}))) for k in range(3)]
    _, dy, dx = found.spacing
    wall = generator.uniform(16, 34)
    right = where[2][0] * dx - wall
    front = where[1][0] * dy - wall * 0.8
    half_width = max(120.0, float(np.clip((where[2][-1] - where[2][0]) * dx * 0.8, 130, 180)))
    half_depth = max(0.66 * half_width, (where[1][-1] - where[1][0]) * dy * 0.5 + wall)
    # Room for the whole body: the liver's own picture may end where the liver does.
    rows = (front, front + 2 * half_depth)
    columns = (right, right + 2 * half_width)
    pad = [(0, 0)]
    for (low, high), step, n in zip((rows, columns), (dy, dx), liver.shape[1:], strict=True):
        pad.append((max(0, int(12 - low / step)), max(0, int(high / step + 12) - n)))
    masks = {name: np.pad(mask, pad) for name, mask in found.masks.items()}
    y = (np.arange(masks["liver"].shape[1]) - pad[1][0]) * dy - front - half_depth
    x = (np.arange(masks["liver"].shape[2]) - pad[2][0]) * dx - right - half_width
    power = generator.uniform(2.2, 2.6)
    ring = (np.abs(y / half_depth) ** power)[:, None] + (np.abs(x / half_width) ** power)[None, :]
    shape = masks["liver"].shape
    outline = np.broadcast_to(ring < 1, shape) | ndimage.binary_dilation(
        masks["liver"], iterations=8
    )
    masks["body"] = outline
    return Structures(found.spacing, masks), masks


def _skeleton(found: Structures, generator: np.random.Generator) -> Mask:
    """A spine with discs and, around the cavity, ribs that slope to the front."""
    body = found.masks["body"]
    bone = np.zeros(body.shape, bool)
    frame = frame_of(Structures(found.spacing, found.masks | {"bone": bone}))
    y, x, z, s = frame.y, frame.x, frame.z, frame.size
    disc = np.mod(z + generator.uniform(0, 30), 30 * s) < 5
    column = ((x / (22 * s)) ** 2 + ((y - 15 * s) / (15 * s)) ** 2 < 1) & ~disc
    arch = (((np.abs(x) - 12 * s) / (5 * s)) ** 2 + ((y - 42 * s) / (14 * s)) ** 2 < 1) & ~disc
    process = (np.abs(x) < 3.5 * s) & (y > 48 * s) & (y < 72 * s) & ~disc
    bone |= column | arch | process
    depth = ndimage.distance_transform_edt(body[body.shape[0] // 2], found.spacing[1:])
    ring = np.abs(depth - np.quantile(depth[depth > 0], 0.28))[None] < 4
    slope = z + (y - 40 * s) * 0.45
    bone |= ring & (np.mod(slope, 31 * s) < 11) & (np.abs(x) > 38 * s)
    return bone & body
