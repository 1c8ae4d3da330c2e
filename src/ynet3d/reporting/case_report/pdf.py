"""`report.pdf`: the report on A4 pages."""

from __future__ import annotations

import io
from collections.abc import Mapping

from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.reporting import style
from ynet3d.reporting.case_report.content import Content
from ynet3d.reporting.case_report.key_slices import KeySlices
from ynet3d.reporting.case_report.pdf_lesions import lesion_table
from ynet3d.reporting.case_report.pdf_sheet import (
    ALERT,
    MARGIN,
    MUTED,
    RULE,
    SOFT,
    WIDTH,
    Sheet,
)
from ynet3d.reporting.case_report.slice_picture import SlicePicture
from ynet3d.reporting.case_report.surface_scene import SurfaceScene

_GAP = 3.0
_TALLEST = 62.0  # of the key images
_COLUMNS = 5
_EDGES = {Label.LIVER: style.LIVER, Label.TUMOUR: style.TUMOUR, None: RULE}


def render_pdf(content: Content, slices: KeySlices, scene: SurfaceScene) -> bytes:
    """The PDF of a case."""
    sheet = Sheet(content.title)
    _top(sheet, content)
    _planes(sheet, content, slices)
    lesion_table(sheet, content, slices)
    _stills(sheet, scene)
    _series(sheet, slices.slices())
    _values(sheet, "Measurements", content.volumes)
    _values(sheet, "How it was made", {**content.settings, "Report": content.made})
    _meanings(sheet, content.definitions)
    return bytes(sheet.output())


def _top(sheet: Sheet, content: Content) -> None:
    sheet.paragraph("Liver and tumours in CT", 8, MUTED)
    sheet.ln(1)
    sheet.rule(sheet.get_y())
    sheet.ln(4)
    sheet.paragraph(content.title, 17, bold=True)
    sheet.ln(1)
    sheet.paragraph(content.summary, 10)
    sheet.ln(1)
    sheet.paragraph(RESEARCH_USE, 8, MUTED)
    sheet.ln(3)
    top, width = sheet.get_y(), (WIDTH - 3 * _GAP) / 4
    for number, one in enumerate(content.headlines):
        left = MARGIN + number * (width + _GAP)
        sheet.block(left, top, width, 19, SOFT)
        sheet.block(left, top, width, 0.9, _EDGES[one.label])
        sheet.write_in(13, bold=True)
        sheet.at(left + 2, top + 3, width - 4, one.value, height=6)
        sheet.write_in(7.5, bold=True)
        sheet.at(left + 2, top + 9.6, width - 4, one.name)
        sheet.write_in(6.5, MUTED)
        sheet.at(left + 2, top + 13.4, width - 4, sheet.fitted(one.detail, width - 4))
    sheet.set_xy(MARGIN, top + 22)
    if content.warnings:
        sheet.ln(1)
        sheet.paragraph("To be checked", 8.5, ALERT, bold=True)
        for warning in content.warnings:
            sheet.paragraph(f"• {warning}", 8)


def _planes(sheet: Sheet, content: Content, slices: KeySlices) -> None:
    pictures = slices.planes()
    shapes = [one.size_mm[0] / one.size_mm[1] for one in pictures]
    height = min(_TALLEST, (WIDTH - 2 * _GAP) / sum(shapes))
    sheet.heading("Key images", room=height + 14)
    left, top = MARGIN, sheet.get_y()
    for picture, shape in zip(pictures, shapes, strict=True):
        sheet.slice(picture, left, top, height * shape)
        sheet.write_in(7, bold=True)
        sheet.at(left, top + height + 0.8, height * shape, picture.name)
        sheet.write_in(7, MUTED)
        sheet.at(left, top + height + 0.8, height * shape, picture.place, align="R")
        left += height * shape + _GAP
    sheet.set_xy(MARGIN, top + height + 5.5)
    through = "the largest lesion" if content.lesions else "the liver"
    if slices.liver is None:
        through = "the middle of the scan"
    low, high = (style.number(value) for value in slices.window)
    sheet.paragraph(
        f"Orange: liver; green: tumour. Through {through}; blue marks show where the planes meet. "
        f"Window {low} to {high} HU. Positions in patient axes: x to the left, y to the back, z to "
        "the head. R, L, A, P, H, F: right, left, front, back, head, feet.",
        7.5,
        MUTED,
    )


def _stills(sheet: Sheet, scene: SurfaceScene) -> None:
    stills = scene.stills()
    if not stills:
        return
    width = (WIDTH - 2 * _GAP) / 3
    sheet.heading("Surface", room=width + 8)
    top = sheet.get_y()
    for number, still in enumerate(stills):
        left = MARGIN + number * (width + _GAP)
        sheet.image(io.BytesIO(still.png), left, top, width, width, alt_text=still.name)
        words = f"{still.name}; {still.letters[0]} is left, {still.letters[2]} is up"
        sheet.write_in(7, MUTED)
        sheet.at(left, top + width + 0.8, width, words)
    sheet.set_xy(MARGIN, top + width + 6)
    sheet.paragraph("Smoothed: for looking, not for measuring.", 7.5, MUTED)


def _series(sheet: Sheet, pictures: list[SlicePicture]) -> None:
    if not pictures:
        return
    width = (WIDTH - (_COLUMNS - 1) * _GAP) / _COLUMNS
    height = width * pictures[0].size_mm[1] / pictures[0].size_mm[0]
    rows = -(-len(pictures) // _COLUMNS)
    sheet.heading("Through the liver", room=rows * (height + 6))
    top = sheet.get_y()
    for number, picture in enumerate(pictures):
        row, column = divmod(number, _COLUMNS)
        left, above = MARGIN + column * (width + _GAP), top + row * (height + 6)
        sheet.slice(picture, left, above, width)
        sheet.write_in(6.5, MUTED)
        sheet.at(left, above + height + 0.5, width, picture.place)
    sheet.set_xy(MARGIN, top + rows * (height + 6))
    sheet.paragraph(
        "Axial, from the feet to the head; the patient's right is on the left.", 7.5, MUTED
    )


def _values(sheet: Sheet, title: str, values: Mapping[str, str]) -> None:
    sheet.heading(title, room=20)
    for name, value in values.items():
        _pair(sheet, name, value)
    sheet.rule(sheet.get_y())


def _meanings(sheet: Sheet, definitions: Mapping[str, str]) -> None:
    if definitions:
        _values(sheet, "What the numbers mean", definitions)


def _pair(sheet: Sheet, name: str, value: str) -> None:
    """A name, and beside it what may take several lines."""
    left = 56.0
    sheet.write_in(8)
    height = sheet.height_of(value, WIDTH - left, 4.2)
    sheet.need(height + 1.6)
    top = sheet.get_y()
    sheet.rule(top)
    sheet.write_in(8, MUTED)
    sheet.at(MARGIN, top + 0.8, left, name, height=4.2)
    sheet.write_in(8)
    sheet.set_xy(MARGIN + left, top + 0.8)
    sheet.multi_cell(WIDTH - left, 4.2, value, align="L")
    sheet.set_xy(MARGIN, top + height + 1.6)
