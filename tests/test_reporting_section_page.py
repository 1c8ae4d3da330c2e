"""The page of sections, and tables whose heads have two levels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from html_pages import read_page

from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.reporting import (
    Cell,
    Column,
    Headline,
    Picture,
    Section,
    SectionPage,
    Table,
    write_section_page,
)
from ynet3d.reporting.table_layout import LaidCell, lay_out

TABLE = Table(
    "Table 1",
    [
        "Network",
        "Class",
        Column("ours", "Dice", numeric=True),
        Column("paper", "Dice", numeric=True),
        Column("MB", detail="peak"),
    ],
    [
        ["vnet", Cell("Liver", label=Label.LIVER), Cell("0.91", best=True), "0.88", "7"],
        [None, Cell("Tumour", label=Label.TUMOUR), Cell("0.20", detail="0.1–0.3"), "0.21", None],
        ["unet3d", "Liver", "0.90", "0.75", "8"],
    ],
    notes=["5 cases, `seed` 1."],
    heads=2,
)
FULL = SectionPage(
    "Suite <paper>",
    "Trained & compared.",
    headlines=[Headline("0.931", "Dice, liver", "5 phantoms", Label.LIVER)],
    sections=[
        Section("Table 1: results", ["First.", "Then `3dynet`."], [TABLE]),
        Section("Figures", pictures=[Picture("a b.png", "curves", "Loss")]),
        Section("Repeat it", code=["ynet3d experiment <DATA> -o out\nynet3d compare a b"]),
    ],
    settings={"seed": 7},
    files={"table1.csv": "Table 1"},
    seconds=61.0,
    versions={"torch": "2.13.0"},
)


def test_head_of_two_levels() -> None:
    (upper, lower), body = lay_out(TABLE)
    assert [(cell.text, cell.columns, cell.rows, cell.scope) for cell in upper] == [
        ("Network", 1, 2, "col"),
        ("Class", 1, 2, "col"),
        ("Dice", 2, 1, "colgroup"),
        ("MB", 1, 2, "col"),
    ]
    assert [(cell.text, cell.rows, cell.classes) for cell in lower] == [
        ("ours", 1, "number start"),
        ("paper", 1, "number"),
    ]
    # The lines between groups run through head and body alike.
    assert [cell.text for cell in upper if "start" in cell.classes] == ["Dice", "MB"]
    assert [cell.text for cell in body[0] if "start" in cell.classes] == ["0.91", "7"]


def test_cells() -> None:
    _, body = lay_out(TABLE)
    assert body[0][0] == LaidCell("vnet", "", "th", "rowgroup", 1, 2)
    assert body[0][1] == LaidCell("Liver", "", "th", "row", classes="dot liver")
    assert body[0][2] == LaidCell("0.91", classes="number start best")
    assert body[0][4].rows == 2
    assert [cell.text for cell in body[1]] == ["Tumour", "0.20", "0.21"]
    assert body[1][1].detail == "0.1–0.3"
    # Every row fills all columns once those that go on from above are counted.
    assert [len(row) for row in body] == [5, 3, 5]


def test_head_of_one_level() -> None:
    head, body = lay_out(Table("", ["a", Column("b", numeric=True)], [["1", "2"]]))
    assert head == [
        [LaidCell("a", "", "th", "col"), LaidCell("b", "", "th", "col", classes="number")]
    ]
    assert body == [[LaidCell("1"), LaidCell("2", classes="number")]]
    assert lay_out(Table("", ["a"], [])) == ([[LaidCell("a", "", "th", "col")]], [])


def test_table_refuses_odd_rows() -> None:
    with pytest.raises(ValueError, match=r"has 2 columns, found a row of 1: \['x'\]"):
        Table("t", ["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="goes on from above"):
        Table("t", ["a", "b"], [["x", None]])


def test_page_holds_everything(tmp_path: Path) -> None:
    write_section_page(tmp_path / "report.html", FULL)
    page = read_page(tmp_path / "report.html")
    for words in (
        *("Suite <paper>", "Trained & compared.", "0.931", "5 phantoms", "First.", "seed", "Loss"),
        *("ynet3d experiment <DATA> -o out\nynet3d compare a b", "1 min 01 s", "torch 2.13.0"),
        RESEARCH_USE,
    ):
        assert words in page.text
    titles = [(attributes.get("id"), text) for attributes, text in page.of("h2")]
    assert titles == [
        ("table-1-results", "Table 1: results"),
        ("figures", "Figures"),
        ("repeat-it", "Repeat it"),
        ("settings", "Settings"),
        ("files", "Files"),
    ]
    links = [(attributes["href"], text) for attributes, text in page.of("a")]
    assert links[:5] == [(f"#{anchor}", title) for anchor, title in titles]
    cells = {text: attributes for attributes, text in page.of("td", "th")}
    assert cells["vnet"] == {"scope": "rowgroup", "rowspan": "2"}
    assert cells["Dice"] == {"scope": "colgroup", "colspan": "2", "class": "group start"}
    assert cells["0.91"] == {"class": "number start best"}
    assert [text for _, text in page.of("code")][:2] == ["3dynet", "seed"]
    (picture,) = (attributes for attributes, _ in page.of("img") if "src" in attributes)
    assert (picture["src"], picture["alt"]) == ("a%20b.png", "curves")


def test_page_needs_no_network(tmp_path: Path) -> None:
    write_section_page(tmp_path / "report.html", FULL)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=\"//|@import|url\(", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_unused_parts_are_left_out(tmp_path: Path) -> None:
    write_section_page(tmp_path / "report.html", SectionPage("Title", "Lead"))
    page = read_page(tmp_path / "report.html")
    assert not page.of("table", "h2", "h3", "figure", "dl", "nav", "pre")
    assert "None" not in page.text


def test_text_is_escaped(tmp_path: Path) -> None:
    bad = '<script>alert(1)</script> `<b>` "'
    table = Table(bad, [Column(bad, bad, bad)], [[Cell(bad, detail=bad)]], bad, [bad])
    section = Section(bad, [bad], [table], [Picture(bad, bad, bad)], [bad])
    page = SectionPage(
        bad, bad, [Headline(bad, bad, bad)], [section], {bad: bad}, {bad: bad}, None, {bad: bad}
    )
    write_section_page(tmp_path / "report.html", page)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<b>" not in html
    assert "<code>&lt;b&gt;</code>" in html
    read_page(tmp_path / "report.html")


def test_anchors_are_never_shared(tmp_path: Path) -> None:
    titles = ["Results", "Results", "Files", "Café, %", "?"]
    sections = [Section(title) for title in titles]
    write_section_page(tmp_path / "report.html", SectionPage("T", "L", sections=sections))
    page = read_page(tmp_path / "report.html")
    anchors = [attributes["id"] for attributes, _ in page.of("h2")]
    assert anchors == ["results", "results-2", "files-2", "cafe", "section"]
