"""One CT slice as a picture: grey pixels, and over them outlines that stay lines.

The outlines are kept in mm beside the pixels, so that a page can draw them as SVG, hide them at a
click, and a PDF can draw them as vectors, sharp in print.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ynet3d.labels import Label
from ynet3d.reporting import style
from ynet3d.reporting.views import Anatomy, Box, Plane

Kind = Literal["liver", "tumour", "measure"]
Points = npt.NDArray[np.float64]

_QUALITY = 88  # of the JPEG: no blocks to be seen at soft-tissue windows


@dataclass(frozen=True, eq=False)
class Line:
    """Points (n, 2) in mm to the right and down from the upper left corner."""

    points: Points
    kind: Kind
    closed: bool = True
    strong: bool = False

    @property
    def svg(self) -> str:
        """The path, for SVG's `d`."""
        words = "L".join(f"{x:.1f} {y:.1f}" for x, y in self.points.tolist())
        return f"M{words}{'Z' if self.closed else ''}"


@dataclass(frozen=True, eq=False)
class SlicePicture:
    """A slice, ready to be drawn.

    Attributes:
        pixels: shape (height, width), grey.
        size_mm: width and height.
        lines: outlines of the masks, and diameters.
        name: what is seen, for instance "Axial".
        place: where it lies, for instance "z 12.5 mm".
        letters: patient directions at the left, right, top and bottom.
        meets: mm (to the right, down) where two other planes cut this one.
    """

    pixels: npt.NDArray[np.uint8]
    size_mm: tuple[float, float]
    lines: tuple[Line, ...] = ()
    name: str = ""
    place: str = ""
    letters: str = ""
    meets: tuple[float, float] | None = None

    @property
    def bar_mm(self) -> int:
        """Length of the scale bar."""
        return style.fit_scale_bar(self.size_mm[0])

    @property
    def jpeg(self) -> bytes:
        """The grey pixels."""
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(self.pixels).save(stream, format="JPEG", quality=_QUALITY)
        return stream.getvalue()

    @property
    def uri(self) -> str:
        """The grey pixels as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode('ascii')}"


def grey_pixels(
    cut: npt.NDArray[Any],
    size_mm: tuple[float, float],
    *,
    window: tuple[float, float],
    width: int,
) -> npt.NDArray[np.uint8]:
    """A slice (HU) of `size_mm` in its window, `width` square pixels wide, interpolated."""
    from PIL import Image

    height = max(1, round(width * size_mm[1] / size_mm[0]))
    low, high = window
    hu = np.clip(np.nan_to_num(cut.astype(np.float32), nan=low), low, high)
    # Windowed before the interpolation, so that metal and air do not ring into the tissue.
    resized = Image.fromarray(hu).resize((width, height), Image.Resampling.BICUBIC)
    grey = (np.asarray(resized) - low) * (255.0 / (high - low))
    return (np.clip(grey, 0.0, 255.0) + 0.5).astype(np.uint8)


def outlines(
    mask: npt.NDArray[np.bool_],
    size_mm: tuple[float, float],
    kind: Kind,
    *,
    strong: bool = False,
) -> list[Line]:
    """The outlines of a mask over a slice of `size_mm`, between its voxels.

    They are open where the mask goes on beyond the picture.
    """
    if not mask.any():
        return []
    from skimage.measure import find_contours

    rows, columns = mask.shape
    step = np.array([size_mm[0] / columns, size_mm[1] / rows])
    # With the border voxels repeated, open outlines run out over the edge of the picture.
    lines = []
    for one in find_contours(np.pad(mask, 1, mode="edge").astype(np.float32), 0.5):
        closed = bool((one[0] == one[-1]).all())
        points = (one[:-1] if closed else one)[:, ::-1]
        lines.append(Line((points - 0.5) * step, kind, closed, strong))
    return lines


def draw_slice(
    scan: Anatomy,
    labels: Anatomy,
    plane: Plane,
    index: int,
    box: Box,
    *,
    window: tuple[float, float],
    width: int,
    chosen: npt.NDArray[np.bool_] | None = None,
    name: str = "",
    letters: str = "",
    lines: tuple[Line, ...] = (),
) -> SlicePicture:
    """Slice `index` of `plane` within `box`, with the outlines of liver and tumours.

    Args:
        scan, labels: CT in HU and label map, along the canonical axes.
        width: of the picture in pixels.
        chosen: the one lesion that the picture is about, in this slice and box.
        lines: more to draw.
    """
    size_mm = scan.size_mm(plane, box)
    found = labels.cut(plane, index, box)
    tumour = found == Label.TUMOUR
    drawn = outlines(found != Label.BACKGROUND, size_mm, "liver")
    if chosen is not None:
        drawn += outlines(tumour & ~chosen, size_mm, "tumour")
        tumour = chosen
    drawn += outlines(tumour, size_mm, "tumour", strong=True)
    direction = {Plane.AXIAL: "z", Plane.CORONAL: "y", Plane.SAGITTAL: "x"}[plane]
    position = style.number(scan.position_mm(plane, index) * (1 if direction == "z" else -1), 1)
    return SlicePicture(
        pixels=grey_pixels(scan.cut(plane, index, box), size_mm, window=window, width=width),
        size_mm=size_mm,
        lines=(*drawn, *lines),
        name=name,
        place=f"{direction} {position} mm",
        letters=letters,
    )
