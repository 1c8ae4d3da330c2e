"""A picture laid out in pixels, drawn by matplotlib without a display and without global state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ynet3d.files import atomic_path
from ynet3d.reporting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Canvas:
    """A figure whose parts are placed in pixels from the top left corner."""

    def __init__(
        self,
        width: int,
        height: int,
        *,
        background: str = style.BACKGROUND,
        ink: str = style.TEXT,
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height, self.ink = width, height, ink
        self.figure = Figure(
            figsize=(width / style.DPI, height / style.DPI),
            dpi=style.DPI,
            facecolor=background,
        )
        self._agg = FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Bare axes over a rectangle."""
        axes = self.figure.add_axes(
            (
                left / self.width,
                1.0 - (top + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.set_axis_off()
        return axes

    def block(self, left: float, top: float, width: float, height: float, colour: str) -> None:
        """A rectangle of one colour."""
        from matplotlib.patches import Rectangle

        axes = self.axes(left, top, width, height)
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, color=colour, linewidth=0))

    def text(
        self, left: float, top: float, text: str, *, size: float = 13.0, **options: Any
    ) -> Any:
        """Text whose middle line is `top` pixels below the upper edge; `size` in pixels."""
        given = {"color": self.ink, "ha": "left", "va": "center", **options}
        return self.figure.text(
            left / self.width,
            1.0 - top / self.height,
            text,
            fontsize=size * 72.0 / style.DPI,
            fontfamily=style.FONT,
            parse_math=False,  # a "$" in a file name is a "$"
            **given,
        )

    def legend(
        self,
        left: float,
        top: float,
        colour: str,
        words: str,
        *,
        height: float = 20.0,
        size: float = 17.0,
    ) -> float:
        """A swatch with words, centred on `top`; returns where the next one starts."""
        self.block(left, top - height / 2, 1.3 * size, height, colour)
        drawn = self.text(left + 1.8 * size, top, words, size=size)
        return left + 1.8 * size + self.width_of(drawn) + 2 * size

    def width_of(self, drawn: Any) -> float:
        """Width in pixels of what `text` returned."""
        return float(drawn.get_window_extent(self._agg.get_renderer()).width)

    def fitted(
        self, left: float, top: float, text: str, width: float, *, size: float, **options: Any
    ) -> None:
        """Text made smaller, by a third at most, and then cut, until it is `width` pixels wide."""
        drawn = self.text(left, top, text, size=size, **options)
        share = width / max(1.0, self.width_of(drawn))
        if share >= 1.0:
            return
        drawn.set_fontsize(drawn.get_fontsize() * max(0.98 * share, 2 / 3))
        while len(text) > 1 and self.width_of(drawn) > width:
            text = text[:-1]
            drawn.set_text(f"{text}…")

    def pixels(self) -> npt.NDArray[np.uint8]:
        """The drawn picture, shape (height, width, 3)."""
        self._agg.draw()
        return np.asarray(self._agg.buffer_rgba())[:, :, :3].copy()

    def save(self, path: str | Path) -> None:
        """Write a PNG, atomically."""
        save_png(self.pixels(), path)


def save_png(pixels: npt.NDArray[np.uint8], path: str | Path) -> None:
    """Write an RGB picture (height, width, 3) as PNG, atomically."""
    from PIL import Image

    with atomic_path(path) as temporary:
        # Level 3 is four times faster than 7, and packs pictures of CT no worse.
        Image.fromarray(pixels).save(temporary, format="PNG", compress_level=3)
