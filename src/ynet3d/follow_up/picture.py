"""`follow-up.png`: both livers from the front, and each lesion's diameter before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.follow_up.alignment import Alignment
from ynet3d.labels import RESEARCH_USE
from ynet3d.reporting import drawing, style
from ynet3d.reporting.canvas import Canvas
from ynet3d.reporting.rendering import FRONT, Surfaces, render
from ynet3d.reporting.words import shortened
from ynet3d.volumes import Volume

_WIDTH, _EDGE, _GAP = 1600, 24, 6
_HEADER, _PANEL, _ROW, _FOOTER = 124, 560, 34, 70
_AROUND = 40  # pixels around the organs
_MOST_ROWS = 14
_BACKDROP = "#2a313b", "#14181d"
#: Told apart by people with any colour vision (Okabe and Ito 2008).
_SMALLER, _LARGER, _SIMILAR, _OTHER = "#56b4e9", "#e69f00", "#9aa4b2", "#cc79a7"
#: Changes of the diameter within these shares are drawn as similar: RECIST's thresholds.
_SIMILAR_WITHIN = -0.3, 0.2
_DIAMETER = "longest_axial_diameter_mm"


def save_follow_up(
    content: Mapping[str, Any],
    volumes: tuple[Volume, Volume],
    found: tuple[Mapping[str, Any], Mapping[str, Any]],
    alignment: Alignment,
    path: str | Path,
) -> None:
    """Draw the two scans and the table of diameters.

    Args:
        content: of `follow-up.json`.
        volumes: label maps of the earlier and the later scan.
        found: `statistics` of each.
        path: PNG to write, 1600 pixels wide.
    """
    rows = _rows(content)
    left_out = len(content["lesions"]) - len(rows)
    table = _ROW * max(1, len(rows)) + 60
    canvas = Canvas(_WIDTH, _HEADER + _PANEL + 16 + table + _FOOTER)
    _draw_header(canvas, content)
    _draw_livers(canvas, content, volumes, found, alignment)
    _draw_rows(canvas, rows, _HEADER + _PANEL + 16, left_out)
    targets = content["target_lesions"]
    total = targets["sum_of_longest_diameters_mm"]
    words = f"Target lesions: {targets['arithmetic']}."
    if total["before"] is not None:
        ids = " and ".join(str(number) for number in targets["ids_before"])
        words = (
            f"Target lesions ({ids} before): {_mm(total['before'])} to {_mm(total['after'])}, "
            f"{_percent(total['change_percent'])}: {targets['arithmetic']}."
        )
    foot = canvas.height - _FOOTER
    room = _WIDTH - 2 * _EDGE
    canvas.fitted(_EDGE, foot + 14, words, room, size=17)
    canvas.fitted(
        _EDGE, foot + 44, f"{targets['what_this_is']} {RESEARCH_USE}", room, size=13,
        color=style.MUTED,
    )  # fmt: skip
    canvas.save(path)


def _draw_header(canvas: Canvas, content: Mapping[str, Any]) -> None:
    room = _WIDTH - 2 * _EDGE
    names = f"{shortened(content['before'], 45)} \u2192 {shortened(content['after'], 45)}"
    canvas.fitted(_EDGE, 34, names, room, size=27, fontweight="bold")
    liver, tumour = content["liver"]["liver_ml"], content["liver"]["tumour_ml"]
    share = content["liver"]["tumour_share"]
    counts = content["counts"]
    left = canvas.legend(_EDGE, 78, style.LIVER, f"liver {_ml_change(liver)}")
    burden = f"{_share(share['before'])} \u2192 {_share(share['after'])} of the liver"
    left = canvas.legend(left, 78, style.TUMOUR, f"tumour {_ml_change(tumour)}, {burden}")
    words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    canvas.fitted(_EDGE, 108, words or "no lesion in either", room, size=16, color=style.MUTED)


def _draw_livers(
    canvas: Canvas,
    content: Mapping[str, Any],
    volumes: tuple[Volume, Volume],
    found: tuple[Mapping[str, Any], Mapping[str, Any]],
    alignment: Alignment,
) -> None:
    surfaces = [Surfaces.of(one) for one in volumes]
    extents = [one.extent(FRONT) for one in surfaces]
    sizes = [high - low for low, high in (e for e in extents if e is not None)]
    width = (_WIDTH - 2 * _EDGE - _GAP) // 2
    largest = np.max(sizes, axis=0)
    pixel_mm = max(
        float(largest[0]) / (width - 2 * _AROUND), float(largest[1]) / (_PANEL - 2 * _AROUND)
    )
    for number, (which, extent) in enumerate(zip(("before", "after"), extents, strict=True)):
        assert extent is not None  # scans without liver are refused before
        left = _EDGE + number * (width + _GAP)
        axes = canvas.axes(left, _HEADER, width, _PANEL)
        middle = extent.mean(axis=0)
        picture = render(
            surfaces[number],
            FRONT,
            (width, _PANEL),
            middle=(float(middle[0]), float(middle[1])),
            pixel_mm=pixel_mm,
            backdrop=_BACKDROP,
        )
        axes.imshow(picture, extent=(0.0, 1.0, 0.0, 1.0), aspect="auto", interpolation="nearest")
        title = f"{which.capitalize()}: {shortened(content[which], 40)}"
        drawing.draw_text(
            axes, (12 / width, 18 / _PANEL), title, size=15, ha="left", fontweight="bold"
        )
        drawing.draw_letters(axes, FRONT.letters, (width, _PANEL))
        drawing.draw_scale_bar(axes, pixel_mm * width, (width, _PANEL))
        for lesion in found[number]["lesions"][:_MOST_ROWS]:
            at = _on_panel(lesion["centroid_lps_mm"], middle, pixel_mm, width)
            drawing.draw_text(axes, at, str(lesion["id"]), size=17, fontweight="bold")
    aligned = (
        f"livers laid over each other overlap by {content['alignment']['liver_dice']:.0%} (Dice)"
    )
    if alignment.kind == "rigid":
        aligned += f", after a turn of {alignment.degrees:.0f}\u00b0"
    canvas.text(
        _WIDTH - _EDGE, 108, aligned, size=14, color=style.MUTED, ha="right"
    )  # fmt: skip


def _on_panel(
    lps: Sequence[float], middle: npt.NDArray[np.floating], pixel_mm: float, width: int
) -> tuple[float, float]:
    """Shares of the panel's width and height, from the top left."""
    across, up = (FRONT.rotation @ np.array([-lps[0], -lps[1], lps[2]]))[:2] - middle
    return 0.5 + float(across) / pixel_mm / width, 0.5 - float(up) / pixel_mm / _PANEL


def _rows(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The lesions to draw, the largest first."""

    def size(row: Mapping[str, Any]) -> float:
        values = row[_DIAMETER]["before"], row[_DIAMETER]["after"]
        return max(value or 0.0 for value in values)

    return sorted(content["lesions"], key=size, reverse=True)[:_MOST_ROWS]


def _draw_rows(
    canvas: Canvas, rows: Sequence[Mapping[str, Any]], top: float, left_out: int
) -> None:
    heading = "Lesions before \u2192 after: longest axial diameter before (ring) and after (dot)"
    if left_out:
        heading += f"; {left_out} smaller ones are in follow-up.csv"
    canvas.text(_EDGE, top + 14, heading, size=16, fontweight="bold")
    if not rows:
        canvas.text(_EDGE, top + 46, "No lesion in either scan.", size=16, color=style.MUTED)
        return
    begin, width = 330, 790
    height = _ROW * len(rows)
    axes = canvas.axes(begin, top + 36, width, height)
    values = [row[_DIAMETER][which] or 0.0 for row in rows for which in ("before", "after")]
    most = 1.08 * max(values)
    axes.set_xlim(0.0, most)
    axes.set_ylim(height, 0.0)
    step = style.fit_scale_bar(most, share=0.3)
    for at in np.arange(0.0, most, step):
        axes.axvline(at, color="#39424e", linewidth=drawing.points(1.0), zorder=0)
        canvas.text(begin + width * at / most, top + 46 + height, f"{at:g} mm", size=12,
                    color=style.MUTED, ha="center")  # fmt: skip
    for number, row in enumerate(rows):
        middle = (number + 0.5) * _ROW
        before, after = row[_DIAMETER]["before"], row[_DIAMETER]["after"]
        colour = _colour(row)
        if before is not None and after is not None:
            axes.plot([before, after], [middle] * 2, color=colour, linewidth=drawing.points(4))
        for value, filled in ((before, False), (after, True)):
            if value is not None:
                axes.plot(
                    value, middle, "o", color=colour, markersize=drawing.points(13),
                    markerfacecolor=colour if filled else style.BACKGROUND,
                    markeredgewidth=drawing.points(2.5), clip_on=False,
                )  # fmt: skip
        line = top + 36 + middle
        canvas.fitted(_EDGE, line, _name(row), begin - _EDGE - 30, size=16)
        canvas.fitted(begin + width + 40, line, _change(row), 400, size=16, color=colour)


def _name(row: Mapping[str, Any]) -> str:
    """The lesion's numbers before and after, and what became of it."""
    numbers = [str(row[which] or "\u2013") for which in ("before", "after")]
    words = {
        "matched": "",
        "merged": f" (merged into {row['other']})",
        "split": f" (split off {row['other']})",
    }.get(row["state"], f" ({row['state']})")
    cut = " (cut off)" if row["touches_border"] else ""
    return " \u2192 ".join(numbers) + words + cut


def _change(row: Mapping[str, Any]) -> str:
    size = row[_DIAMETER]
    if size["before"] is None or size["after"] is None:
        return _mm(size["before"] if size["after"] is None else size["after"])
    words = f"{_mm(size['before'])} \u2192 {_mm(size['after'])}"
    if row["state"] != "matched":
        return words
    volume = row["ml"]["change_percent"]
    return f"{words} ({_percent(size['change_percent'])}; volume {_percent(volume)})"


def _colour(row: Mapping[str, Any]) -> str:
    if row["state"] != "matched":
        return {"gone": _SMALLER, "new": _LARGER}.get(row["state"], _OTHER)
    change = row[_DIAMETER]["change_percent"] / 100
    low, high = _SIMILAR_WITHIN
    return _SMALLER if change <= low else _LARGER if change >= high else _SIMILAR


def _ml_change(values: Mapping[str, Any]) -> str:
    words = f"{style.millilitres(values['before'])} \u2192 {style.millilitres(values['after'])}"
    change = values["change_percent"]
    return words if change is None else f"{words} ({_percent(change)})"


def _share(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:.1f} %"


def _mm(value: float | None) -> str:
    return "?" if value is None else f"{style.number(value, 1)} mm"


def _percent(value: float | None) -> str:
    if value is None:
        return "?"
    sign = "+" if round(value) > 0 else ""
    return f"{sign}{style.number(value)} %"
