"""Drawing one slice: the CT in its window, masks as fill and outline, letters, scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ynet3d.labels import Label
from ynet3d.reporting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HALO = 2.0  # pixels of dark edge around text and lines on the CT


def points(pixels: float) -> float:
    """Pixels as matplotlib's points."""
    return pixels * 72.0 / style.DPI


def draw_ct(
    axes: Axes,
    picture: npt.NDArray[Any],
    size_mm: tuple[float, float],
    *,
    window: tuple[float, float],
) -> None:
    """Fill `axes` with a CT slice (HU) of `size_mm` (width, height); data coordinates are mm."""
    width, height = size_mm
    draw_grey(axes, picture, (0.0, width, height, 0.0), window=window)
    axes.set_xlim(0.0, width)
    axes.set_ylim(height, 0.0)


def draw_grey(
    axes: Axes,
    picture: npt.NDArray[Any],
    edges: tuple[float, float, float, float],
    *,
    window: tuple[float, float],
) -> None:
    """A CT slice (HU) in grey; `edges` are the coordinates of its left, right, bottom and top."""
    axes.imshow(
        np.nan_to_num(picture.astype(np.float32), nan=window[0]),
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        extent=edges,
        interpolation="bilinear",
        aspect="auto",
    )


def draw_mask(
    axes: Axes,
    mask: npt.NDArray[np.bool_],
    size_mm: tuple[float, float],
    colour: str,
    *,
    fill: float = 0.0,
    line: float = 1.4,
) -> None:
    """A mask over a slice drawn by `draw_ct`.

    Args:
        mask: rows from the top down.
        size_mm: width and height of the slice.
        colour: "#rrggbb".
        fill: opacity of the inside, 0 for the outline alone.
        line: width of the outline in pixels, 0 for the fill alone.
    """
    if not mask.any():
        return
    # A rim of background closes the outline where a mask touches the edge of the picture.
    field = np.pad(mask, 1).astype(np.float32)
    rows, columns = mask.shape
    across = (np.arange(-1, columns + 1) + 0.5) * (size_mm[0] / columns)
    down = (np.arange(-1, rows + 1) + 0.5) * (size_mm[1] / rows)
    if fill > 0.0:
        axes.contourf(across, down, field, [0.5, 2.0], colors=[colour], alpha=fill)
    if line > 0.0:
        axes.contour(across, down, field, [0.5], colors=[colour], linewidths=points(line))


def draw_labels(
    axes: Axes,
    labels: npt.NDArray[Any],
    size_mm: tuple[float, float],
    *,
    line: float = 1.4,
    fill: tuple[float, float] = (0.26, 0.40),
) -> None:
    """Liver and tumours of a label slice as translucent fill with a crisp outline.

    `fill` is the opacity of the liver and of the tumours.
    """
    organ, tumour = labels != Label.BACKGROUND, labels == Label.TUMOUR
    draw_mask(axes, organ & ~tumour, size_mm, style.LIVER, fill=fill[0], line=0.0)
    draw_mask(axes, tumour, size_mm, style.TUMOUR, fill=fill[1], line=0.0)
    draw_mask(axes, organ, size_mm, style.LIVER, line=line)
    draw_mask(axes, tumour, size_mm, style.TUMOUR, line=line)


def draw_outlines(
    axes: Axes,
    labels: npt.NDArray[Any],
    reference: npt.NDArray[Any],
    size_mm: tuple[float, float],
    *,
    line: float = 1.4,
) -> None:
    """Outlines of the reference, and over them the outlines of our labels."""
    # The reference is drawn broader, so that it shows on both sides where the outlines agree.
    for mask, colour, width in (
        (reference != Label.BACKGROUND, style.REFERENCE_LIVER, line + 1.0),
        (reference == Label.TUMOUR, style.REFERENCE_TUMOUR, line + 1.0),
        (labels != Label.BACKGROUND, style.LIVER, line),
        (labels == Label.TUMOUR, style.TUMOUR, line),
    ):
        draw_mask(axes, mask, size_mm, colour, line=width)


def draw_text(
    axes: Axes, at: tuple[float, float], text: str, *, size: float = 12.0, **options: Any
) -> None:
    """Text with a dark halo; `at` is a share of the width and of the height from the top left."""
    from matplotlib.patheffects import withStroke

    given = {"color": style.TEXT, "ha": "center", "va": "center", **options}
    axes.text(
        at[0],
        1.0 - at[1],
        text,
        transform=axes.transAxes,
        fontsize=points(size),
        fontfamily=style.FONT,
        parse_math=False,
        path_effects=[withStroke(linewidth=points(2 * _HALO), foreground="#000000c0")],
        **given,
    )


def draw_letters(
    axes: Axes, letters: str, size: tuple[float, float], *, scale: float = 1.0
) -> None:
    """Patient directions at the left, right, top and bottom edge; `size` of the axes in pixels."""
    inset = 13.0 * scale / size[0], 13.0 * scale / size[1]
    places = (inset[0], 0.5), (1.0 - inset[0], 0.5), (0.5, inset[1]), (0.5, 1.0 - inset[1])
    for letter, place in zip(letters, places, strict=True):
        draw_text(axes, place, letter, size=15.0 * scale, fontweight="bold")


def draw_scale_bar(
    axes: Axes, width_mm: float, size: tuple[float, float], *, scale: float = 1.0
) -> None:
    """A scale bar in the lower right corner of axes that are `width_mm` and `size` pixels large."""
    from matplotlib.lines import Line2D

    bar = style.fit_scale_bar(width_mm, share=0.3)
    right, bottom = 1.0 - 16.0 * scale / size[0], 16.0 * scale / size[1]
    left = right - bar / width_mm
    for colour, width in (
        ("#000000c0", 3.0 * scale + 2 * _HALO),
        (style.TEXT, 3.0 * scale),
    ):
        axes.add_line(
            Line2D(
                [left, right],
                [bottom, bottom],
                transform=axes.transAxes,
                color=colour,
                linewidth=points(width),
                solid_capstyle="butt",
            )
        )
    middle = (left + right) / 2.0, 1.0 - bottom - 13.0 * scale / size[1]
    draw_text(axes, middle, f"{bar} mm", size=12.0 * scale)


def draw_ticks(axes: Axes, at_mm: tuple[float, float], size_mm: tuple[float, float]) -> None:
    """Short marks at the edges where the two other planes cut this one, anatomy left free."""
    (across, down), (width, height) = at_mm, size_mm
    length = 0.035 * min(width, height)
    for start, end in (
        ((across, 0.0), (across, length)),
        ((across, height - length), (across, height)),
        ((0.0, down), (length, down)),
        ((width - length, down), (width, down)),
    ):
        axes.plot(
            [start[0], end[0]], [start[1], end[1]], color="#6cc7ff", linewidth=points(1.6), zorder=5
        )
