"""The page and the training curves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from html_pages import read_page
from PIL import Image

from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.reporting import (
    Case,
    CaseRow,
    Headline,
    Page,
    Picture,
    Table,
    save_curves,
    write_page,
)
from ynet3d.reporting.curves import best_epoch
from ynet3d.reporting.style import fit_scale_bar, millilitres
from ynet3d.reporting.templating import duration

FULL = Page(
    title="Demo <1>",
    lead="Trained & predicted.",
    headlines=[Headline("0.952", "Dice, liver", "4 unseen phantoms", Label.LIVER)],
    rows=[
        CaseRow("case 1", dice_liver=0.95123, dice_tumour=0.5, liver_ml=1499.6, tumour_ml=12.34),
        CaseRow("case 2", dice_liver=0.9, liver_ml=1200.0, tumour_ml=0.0),
    ],
    cases=[Case("case 1", "fine", [Picture("a b/over#1.png", "CT & outlines", "ours")])],
    pictures=[Picture("curves.png", "curves")],
    tables=[Table("Checked", ["set", "cases"], [["phantoms", "16"]])],
    settings={"grid": (64, 128, 128), "amp": False, "limit": None},
    files={"summary.json": "figures"},
    seconds=425.3,
    versions={"torch": "2.13.0"},
)


def test_page_holds_everything(tmp_path: Path) -> None:
    write_page(tmp_path / "index.html", FULL)
    page = read_page(tmp_path / "index.html")
    for words in (
        *(
            "Demo <1>",
            "Trained & predicted.",
            "0.952",
            "4 unseen phantoms",
            "case 2",
            "0.951",
            "12.3",
        ),
        *("Checked", "phantoms", "64, 128, 128", "summary.json", "7 min 05 s", "torch 2.13.0"),
        RESEARCH_USE,
    ):
        assert words in page.text
    pictures = [attributes for tag, attributes in page.tags if tag == "img" and "src" in attributes]
    assert [one["src"] for one in pictures] == ["a%20b/over%231.png", "curves.png"]
    assert [one["alt"] for one in pictures] == ["CT & outlines", "curves"]
    assert all(one["loading"] == "lazy" for one in pictures)


def test_page_needs_no_network(tmp_path: Path) -> None:
    write_page(tmp_path / "index.html", FULL)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=\"//|@import|url\(", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_unused_parts_are_left_out(tmp_path: Path) -> None:
    write_page(tmp_path / "index.html", Page("Title", "Lead"))
    page = read_page(tmp_path / "index.html")
    assert not [tag for tag, _ in page.tags if tag in ("table", "h2", "figure", "dl")]
    assert "None" not in page.text


def test_text_is_escaped(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    write_page(tmp_path / "index.html", Page(bad, bad, rows=[CaseRow(bad, remark=bad)]))
    assert "<script>alert" not in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8.42, "8.4 s"), (425.3, "7 min 05 s"), (3599.9, "1 h 00 min"), (5040.0, "1 h 24 min")],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_numbers_for_people() -> None:
    assert [millilitres(value) for value in (0, 0.123, 12.34, 1499.6)] == [
        *("0 mL", "0.12 mL", "12.3 mL", "1\u2009500 mL"),
    ]
    assert [fit_scale_bar(width) for width in (400.0, 160.0, 30.0)] == [100, 20, 5]


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 1.0 / epoch,
            "validation_loss": None,
            "dice_liver": 0.9 if epoch % 2 else None,
            "dice_tumour": 0.5 - abs(epoch - 3) / 1000 if epoch % 2 else float("nan"),
            "learning_rate": 1e-4 / epoch,
        }
        for epoch in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_curves(tmp_path: Path, count: int) -> None:
    save_curves(rows(count), tmp_path / "curves.png", title="demo")
    picture = Image.open(tmp_path / "curves.png").convert("RGB")
    assert picture.size == (1210, 506)
    colours = {colour for _, colour in picture.getcolors(1 << 20) or []}
    assert ((0xD9, 0x77, 0x06) in colours) == (count > 0)  # liver
    assert ((0x15, 0x80, 0x3D) in colours) == (count > 0)  # tumour
    assert ((0x2B, 0x6C, 0xB0) in colours) == (count > 0)  # training loss
    assert (0x8B, 0x5C, 0xF6) not in colours  # no validation loss was measured


def test_best_epoch() -> None:
    assert best_epoch(rows(10)) == 2
    assert best_epoch([{"epoch": 1, "train_loss": 2.0}]) is None
    assert best_epoch([]) is None
    marked = rows(10)
    marked[6]["best"] = True
    assert best_epoch(marked) == 6
