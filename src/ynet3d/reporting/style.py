"""How our pictures look: one set of colours and sizes for all of them."""

from __future__ import annotations

from ynet3d.labels import COLOURS, Label

BACKGROUND = "#0f1216"
TEXT = "#f2f4f7"
MUTED = "#9aa4b2"
LIVER = COLOURS[Label.LIVER]
TUMOUR = COLOURS[Label.TUMOUR]

#: Reference outlines: white for the liver, and for tumours a pink far from our orange and green.
REFERENCE_LIVER = "#ffffff"
REFERENCE_TUMOUR = "#ff6fdc"

#: Plots are on white, because they go into papers.
#: The class colours, darkened to be read on white.
PLOT_LIVER, PLOT_TUMOUR = "#d97706", "#15803d"
#: Colours told apart by people with any colour vision (Okabe and Ito 2008; its yellow, too pale on
#: white, left out), and a marker with each.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: Soft-tissue window in HU.
WINDOW_HU = (-160.0, 240.0)

#: Picture pixels per inch; with it a font size in points is the same share of every picture.
DPI = 100
FONT = "DejaVu Sans"  # comes with matplotlib, so the pictures look the same on every machine


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue, 0 to 1, of "#rrggbb"."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255.0 for start in (1, 3, 5))
    return red, green, blue


def darker(colour: str, share: float = 0.72) -> str:
    """`colour` for letters, which need more contrast than areas."""
    return "#" + "".join(f"{round(255 * share * part):02x}" for part in rgb(colour))


def fit_scale_bar(width_mm: float, *, share: float = 0.3) -> int:
    """Length in mm of a scale bar: the largest round number within `share` of `width_mm`."""
    fitting = [size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500) if size <= share * width_mm]
    return fitting[-1] if fitting else 1


def number(value: float, digits: int = 0) -> str:
    """A number for people: thousands apart by a thin space, a true minus sign."""
    rounded = f"{value:,.{digits}f}"
    if float(rounded.replace(",", "")) == 0:
        rounded = rounded.lstrip("-")
    return rounded.replace(",", "\u2009").replace("-", "\u2212")


def millilitres(value: float) -> str:
    """A volume for people, in mL: three significant digits below 100 mL, whole mL above."""
    if value == 0:
        digits = 0
    elif value < 1:
        digits = 2
    else:
        digits = 1 if value < 100 else 0
    return f"{number(value, digits)} mL"
