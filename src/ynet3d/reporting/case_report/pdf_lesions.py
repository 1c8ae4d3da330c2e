"""The table of lesions on paper."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ynet3d.reporting.case_report.content import Content
from ynet3d.reporting.case_report.key_slices import KeySlices
from ynet3d.reporting.case_report.lesion_table import Lesion, Measure
from ynet3d.reporting.case_report.pdf_sheet import (
    ALERT,
    BOTTOM,
    INK,
    MARGIN,
    MUTED,
    SOFT,
    WIDTH,
    Sheet,
)

_PICTURED = 24
_ROWS = 150
_NUMBER, _PICTURE = 9.0, 27.0  # widths of the first two columns
_HIGH, _LOW, _HEAD = 19.0, 5.0, 12.0  # heights of rows
_WIDEST = 26.0


def lesion_table(sheet: Sheet, content: Content, slices: KeySlices) -> None:
    """All lesions, the largest with a picture."""
    sheet.heading("Lesions", room=_HEAD + _HIGH)
    if not content.lesions:
        words = "No lesion was found"
        words += "." if slices.liver else ", and no liver: there is nothing to measure."
        sheet.paragraph(words)
        return
    columns = _columns(content.measures)
    _head(sheet, columns)
    for index, lesion in enumerate(content.lesions[:_ROWS]):
        height = _HIGH if index < _PICTURED else _LOW
        if sheet.get_y() + height > sheet.h - BOTTOM:
            sheet.add_page()
            _head(sheet, columns)
        _row(sheet, columns, lesion, height, slices if index < _PICTURED else None)
    sheet.rule(sheet.get_y())
    sheet.ln(1.5)
    rest = content.lesions[_ROWS:]
    if rest:
        volume = sum(lesion["ml"] for lesion in rest)
        sheet.paragraph(
            f"{len(rest)} smaller lesions, together {volume:.1f} mL, are not listed here; "
            "statistics.json has them all.",
            7.5,
            MUTED,
        )
    drawn = "White lines: longest axial diameter and its perpendicular. "
    has_lines = any(lesion.get("diameters") for lesion in content.lesions)
    sheet.paragraph(
        f"Axial slices; thick outline: the lesion of the row. {drawn if has_lines else ''}"
        "Centre: distance from the scanner's origin towards the patient's left, back and head.",
        7.5,
        MUTED,
    )


def _columns(measures: Sequence[Measure]) -> list[tuple[Measure, float, float]]:
    """Each measure with the left edge and the width of its column."""
    shares = [1.45 if one.spread else 0.8 if one.group else 1.0 for one in measures]
    unit = min(_WIDEST, (WIDTH - _NUMBER - _PICTURE) / sum(shares))
    left = MARGIN + _NUMBER + _PICTURE
    columns = []
    for one, share in zip(measures, shares, strict=True):
        columns.append((one, left, share * unit))
        left += share * unit
    return columns


def _head(sheet: Sheet, columns: list[tuple[Measure, float, float]]) -> None:
    top = sheet.get_y()
    sheet.block(MARGIN, top, WIDTH, _HEAD, SOFT)
    for name, members in groupby(columns, key=lambda one: one[0].group):
        if name:
            together = list(members)
            left, right = together[0][1], together[-1][1] + together[-1][2]
            sheet.write_in(6, MUTED)
            sheet.at(left, top + 0.8, right - left - 1.5, name, align="R", height=3)
    sheet.write_in(6.5, bold=True)
    sheet.at(MARGIN, top + 4.4, _NUMBER - 2, "No.", align="R", height=3)
    sheet.at(MARGIN + _NUMBER, top + 4.4, _PICTURE, "Slice", height=3)
    for one, left, width in columns:
        sheet.write_in(6.5, bold=True)
        sheet.at(left, top + 4.4, width - 1.5, one.short or one.name, align="R", height=3)
        sheet.write_in(6, MUTED)
        sheet.at(left, top + 7.8, width - 1.5, one.unit, align="R", height=3)
    sheet.set_xy(MARGIN, top + _HEAD)


def _row(
    sheet: Sheet,
    columns: list[tuple[Measure, float, float]],
    lesion: Lesion,
    height: float,
    slices: KeySlices | None,
) -> None:
    top = sheet.get_y()
    sheet.rule(top)
    line = top + height / 2 - 2
    sheet.write_in(7.5, bold=True)
    sheet.at(MARGIN, line, _NUMBER - 2, str(lesion["id"]), align="R")
    cut = bool(lesion.get("touches_border"))
    if slices is not None:
        picture = slices.thumbnail(int(lesion["id"]))
        high = height - 1.6
        width = min(high, high * picture.size_mm[0] / picture.size_mm[1])
        sheet.slice(picture, MARGIN + _NUMBER, top + 0.8, width)
        beside = MARGIN + _NUMBER + high + 1
        if cut:
            sheet.write_in(5.5, ALERT, bold=True)
            sheet.at(beside, line - 1, 9, "cut", height=3)
            sheet.at(beside, line + 1.6, 9, "off?", height=3)
    elif cut:
        sheet.write_in(6, ALERT, bold=True)
        sheet.at(MARGIN + _NUMBER, line, _PICTURE, "cut off?")
    sheet.write_in(7.5, INK)
    for one, left, width in columns:
        sheet.at(left, line, width - 1.5, one.text(lesion), align="R")
    sheet.set_xy(MARGIN, top + height)
