"""A PDF in the look of our pages: fonts, colours, headings, and slices as vectors over pixels."""

from __future__ import annotations

import io
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from ynet3d.labels import RESEARCH_USE
from ynet3d.reporting import style
from ynet3d.reporting.case_report.slice_picture import SlicePicture

INK, MUTED, RULE, SOFT, ALERT = "#18202b", "#5b6675", "#d5dbe2", "#f4f6f9", "#9a4a08"
MARGIN, WIDTH, BOTTOM = 15.0, 180.0, 18.0
_FONT = "DejaVu"
_LINES = {"liver": style.LIVER, "tumour": style.TUMOUR, "measure": "#ffffff"}


class Sheet(FPDF):
    """A4 pages; lengths in mm, sizes of letters in points.

    Args:
        title: of the document, also in the foot of every page.
    """

    def __init__(self, title: str) -> None:
        super().__init__(format="A4", unit="mm")
        self.title_words = title
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, BOTTOM)
        self.c_margin = 0.0  # letters begin where pictures do
        import matplotlib

        # DejaVu comes with matplotlib; only the letters that are used go into the file.
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.add_font(_FONT, "", fonts / "DejaVuSans.ttf")
        self.add_font(_FONT, "B", fonts / "DejaVuSans-Bold.ttf")
        self.set_title(f"{title}: liver and tumours")
        self.set_creator("ynet3d")
        self.set_lang("en")
        self.add_page()

    def footer(self) -> None:
        """The notice and the page number, on every page."""
        self.set_y(-12)
        self.write_in(7, MUTED)
        self.cell(WIDTH - 22, 4, self.fitted(f"{self.title_words} · {RESEARCH_USE}", WIDTH - 22))
        self.cell(22, 4, f"{self.page_no()} / {{nb}}", align="R")

    def write_in(self, size: float, colour: str = INK, *, bold: bool = False) -> None:
        """Choose size and colour of letters."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(colour)

    def fitted(self, text: str, width: float) -> str:
        """`text`, cut with an ellipsis to a width in the chosen letters."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(f"{text}…") > width:
            text = text[:-1]
        return f"{text}…"

    def height_of(self, text: str, width: float, line: float) -> float:
        """Height of text in the chosen letters, broken to a width in lines of a height."""
        found = self.multi_cell(width, line, text, dry_run=True, output=MethodReturnValue.HEIGHT)
        assert isinstance(found, float | int)
        return float(found)

    def paragraph(
        self, text: str, size: float = 8.5, colour: str = INK, *, bold: bool = False
    ) -> None:
        """Text over the whole width."""
        self.write_in(size, colour, bold=bold)
        self.set_x(MARGIN)
        self.multi_cell(
            WIDTH,
            size * 0.52,
            text,
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    def heading(self, text: str, *, room: float) -> None:
        """A heading, on a new page unless there is `room` below it for what belongs to it."""
        self.need(room + 10)
        if self.get_y() > MARGIN + 1:
            self.ln(5)
        self.paragraph(text, 11.5, bold=True)
        self.ln(1.5)

    def need(self, height: float) -> None:
        """Go to a new page unless `height` is left on this one."""
        if self.get_y() + height > self.h - BOTTOM:
            self.add_page()

    def rule(self, y: float, colour: str = RULE, width: float = 0.2) -> None:
        """A line from margin to margin."""
        self.set_draw_color(colour)
        self.set_line_width(width)
        self.line(MARGIN, y, MARGIN + WIDTH, y)

    def block(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A rectangle of one colour."""
        self.set_fill_color(colour)
        self.rect(x, y, width, height, style="F")

    def at(
        self, x: float, y: float, width: float, text: str, *, height: float = 4, align: str = "L"
    ) -> None:
        """One line of text in the chosen letters."""
        self.set_xy(x, y)
        self.cell(width, height, text, align=align)

    def slice(self, picture: SlicePicture, x: float, y: float, width: float) -> float:
        """Draw a slice; returns its height."""
        scale = width / picture.size_mm[0]
        height = scale * picture.size_mm[1]
        self.image(
            io.BytesIO(picture.jpeg),
            x,
            y,
            width,
            height,
            alt_text=f"{picture.name}, {picture.place}",
        )
        thick = 0.35 if width > 40 else 0.25
        with self.rect_clip(x, y, width, height):
            for line in picture.lines:
                self.set_draw_color(_LINES[line.kind])
                self.set_line_width(thick * (1.5 if line.strong else 1.0))
                points = [(x + scale * px, y + scale * py) for px, py in line.points.tolist()]
                self.polyline(points, polygon=line.closed)
        if picture.meets is not None:
            self._ticks(picture.meets, scale, (x, y, width, height))
        self._letters(picture, (x, y, width, height))
        self._scale_bar(picture, scale, (x, y, width, height))
        return height

    def _ticks(
        self, meets: tuple[float, float], scale: float, box: tuple[float, float, float, float]
    ) -> None:
        x, y, width, height = box
        across, down, tick = x + scale * meets[0], y + scale * meets[1], 0.035 * width
        self.set_draw_color("#6cc7ff")
        self.set_line_width(0.35)
        for first, last in ((y, y + tick), (y + height - tick, y + height)):
            self.line(across, first, across, last)
        for first, last in ((x, x + tick), (x + width - tick, x + width)):
            self.line(first, down, last, down)

    def _letters(self, picture: SlicePicture, box: tuple[float, float, float, float]) -> None:
        x, y, width, height = box
        places = (
            (x + 2, y + height / 2),
            (x + width - 2, y + height / 2),
            (x + width / 2, y + 2.2),
            (x + width / 2, y + height - 2.2),
        )
        for letter, (across, down) in zip(picture.letters, places, strict=False):
            self.over_picture(across, down, letter, 7)

    def _scale_bar(
        self, picture: SlicePicture, scale: float, box: tuple[float, float, float, float]
    ) -> None:
        x, y, width, height = box
        inset = max(1.0, 0.035 * width)
        right, bottom = x + width - inset, y + height - inset
        left = right - scale * picture.bar_mm
        for colour, thick in (("#000000", 0.9), ("#f2f4f7", 0.5)):
            self.set_draw_color(colour)
            self.set_line_width(thick)
            self.line(left, bottom, right, bottom)
        size, words = (5.5 if width > 40 else 4.6), f"{picture.bar_mm} mm"
        self.write_in(size, bold=True)
        # Over the middle of the bar, but within the picture.
        middle = min((left + right) / 2, x + width - 0.6 - self.get_string_width(words) / 2)
        self.over_picture(middle, bottom - 0.3 * size, words, size)

    def over_picture(self, x: float, y: float, text: str, size: float) -> None:
        """Light letters with a dark rim, centred on a point."""
        self.write_in(size, "#000000", bold=True)
        half = self.get_string_width(text) / 2
        base = y + 0.13 * size
        rim = 0.025 * size
        for across, down in ((-rim, 0), (rim, 0), (0, -rim), (0, rim)):
            self.text(x - half + across, base + down, text)
        self.set_text_color("#f2f4f7")
        self.text(x - half, base, text)
