"""`report.html` and `report.pdf`: what they say, that nothing leaks, that they stay usable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_pages import Reader, read_page
from pictures import FLIPS, PERMUTATIONS, patient, turned
from report_cases import NOW, found_in, many_lesions, nothing

from ynet3d.errors import InputError, MissingExtraError
from ynet3d.labels import RESEARCH_USE
from ynet3d.reporting.case_report import write_case_report
from ynet3d.reporting.case_report.key_slices import KeySlices
from ynet3d.reporting.case_report.lesion_table import cut_off
from ynet3d.volumes import Volume

pytest.importorskip("fpdf")
pytest.importorskip("trimesh")
pdfium = pytest.importorskip("pypdfium2")

LARGEST_FILE = 6_000_000


def write(folder: Path, image: Volume, label: Volume, **changes: Any) -> tuple[Reader, list[str]]:
    """Write a report; its page, and the words of each page of its PDF."""
    found = found_in(image, label, **changes)
    html, pdf = write_case_report(image, label, found, folder, now=NOW)
    assert html.stat().st_size < LARGEST_FILE
    assert pdf.stat().st_size < LARGEST_FILE
    document = pdfium.PdfDocument(pdf)
    pages = [document[n].get_textpage().get_text_bounded() for n in range(len(document))]
    return read_page(html), [" ".join(text.split()) for text in pages]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reader, list[str]]:
    folder = tmp_path_factory.mktemp("report")
    notes = ["The slices lie 3 mm apart & more."]
    return (folder, *write(folder, *patient(), notes=notes))


def rows(page: Reader) -> list[str]:
    return [text for attributes, text in page.of("th") if attributes.get("scope") == "row"]


@pytest.mark.parametrize(
    "words",
    [
        *("case 1", "216 mL", "13.8", "The slices lie 3 mm apart & more.", RESEARCH_USE),
        *("lite.safetensors", "0123abcd", "openvino fp32", "14.2 s", "ynet3d 9.8.7", "1.2.3"),
        *("Axial", "Coronal", "Sagittal", "Centre, patient axes", "2030-01-02 03:04"),
        *("84 × 60 × 40", "3 × 3 × 6 mm", "labels 1 and 2"),
    ],
)
def test_both_say_it(reported: tuple[Path, Reader, list[str]], words: str) -> None:
    _, page, pdf = reported
    assert words in page.text
    assert words in " ".join(pdf)


def test_every_page_has_the_notice_and_its_number(
    reported: tuple[Path, Reader, list[str]],
) -> None:
    _, _, pdf = reported
    assert len(pdf) >= 2
    for number, text in enumerate(pdf, start=1):
        assert RESEARCH_USE in text
        assert f"{number} / {len(pdf)}" in text


def test_nothing_is_asked_of_the_network(reported: tuple[Path, Reader, list[str]]) -> None:
    folder, page, _ = reported
    html = (folder / "report.html").read_text(encoding="utf-8")
    # A licence's address in a comment and the name of a namespace in three.js, nothing else.
    addresses = set(re.findall(r"https?://[^\s\"'&)`]+", html))
    assert all(
        one.startswith(("https://github.com/mrdoob/", "http://www.w3.org/")) for one in addresses
    )
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "action", "poster", "srcset"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
        assert tag not in ("link", "object", "embed", "form", "base")
    outside = html[: html.index("srcdoc=")] + html[html.index("</iframe>") :]
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", outside)
    policies = [one["content"] for tag, one in page.tags if tag == "meta" and "http-equiv" in one]
    assert len(policies) == 1
    assert str(policies[0]).startswith("default-src 'none'; img-src data:;")
    frames = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert [frame["sandbox"] for frame in frames] == ["allow-scripts"]


def test_it_is_light_dark_and_for_paper(reported: tuple[Path, Reader, list[str]]) -> None:
    html = (reported[0] / "report.html").read_text(encoding="utf-8")
    for rule in ("prefers-color-scheme: dark", 'data-theme="dark"', "@media print", "size: A4"):
        assert rule in html


def test_names_are_escaped(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\"'&"
    image, label = patient()
    page, pdf = write(tmp_path, image, label, scan=bad, notes=[bad], series=bad)
    assert "<script>alert" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.text.count(bad) >= 3
    assert bad in pdf[0]


def test_long_names(tmp_path: Path) -> None:
    """Without a blank to break them at."""
    name = "A1" * 150
    page, pdf = write(tmp_path, *patient(), scan=name, series=name, notes=[name])
    assert page.text.count(name) >= 3
    assert pdf[0].replace(" ", "").count("A1") >= 300


def test_names_in_other_letters(tmp_path: Path) -> None:
    """DejaVu has no Chinese; the PDF must not fail on it."""
    page, pdf = write(tmp_path, *patient(), scan="Größe Ωμέγα 肝臓")
    assert "Größe Ωμέγα 肝臓" in page.text
    assert "Größe Ωμέγα" in pdf[0]


def test_columns_follow_the_statistics(tmp_path: Path) -> None:
    image, label = patient()
    keys = ("id", "ml", "longest_axial_diameter_mm", "centroid_lps_mm", "slices", "touches_border")
    lesion = {key: found_in(image, label)["lesions"][0][key] for key in keys}
    more = {
        "perpendicular_diameter_mm": 24.25,
        "greatest_diameter_mm": 41.6,
        "hu": 5,
        "hu_sd": 12.3,
    }
    without, _ = write(tmp_path / "a", image, label, lesions=[lesion])
    page, pdf = write(tmp_path / "b", image, label, lesions=[lesion | more])
    for words in ("Perpendicular", "Longest in 3D", "41.6", "5 ± 12"):
        assert words not in without.text
        assert words in page.text
    assert "41.6" in " ".join(pdf)
    assert "Depth" not in page.text
    assert "Confidence" not in page.text


def test_a_lesion_that_is_cut_off_is_flagged(tmp_path: Path) -> None:
    image, label = patient()
    z = slice(0, int(np.argwhere(label.array == 2)[:, 2].max()))  # through the lesion
    affine = image.affine
    page, pdf = write(
        tmp_path, Volume(image.array[:, :, z], affine), Volume(label.array[:, :, z], affine)
    )
    assert "Lesion 1 reaches the edge of the scan" in page.text
    assert "cut off?" in page.text
    assert "Lesion 1 reaches the edge of the scan" in pdf[0]
    assert "cut off" in " ".join(pdf)
    whole, _ = write(tmp_path / "whole", image, label)
    assert "edge of the scan" not in whole.text


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([], ""), ([3], "Lesion 3 "), ([1, 4], "Lesions 1 and 4 "), (range(1, 20), "19 lesions,")],
)
def test_sentence_about_the_cut_off(numbers: list[int], words: str) -> None:
    lesions = [{"id": n, "touches_border": n in numbers} for n in range(1, 25)]
    assert cut_off(lesions).startswith(words)
    assert bool(cut_off(lesions)) == bool(words)


def test_an_empty_mask_is_said(tmp_path: Path) -> None:
    image, label = nothing()
    page, pdf = write(tmp_path, image, label)
    for words in ("No liver found.", "No lesion was found, and no liver"):
        assert words in page.text
        assert words in " ".join(pdf)
    assert not [tag for tag, _ in page.tags if tag in ("iframe", "table")]
    assert "None" not in page.text
    assert not re.search(r"\bnan\b", page.text)


def test_a_liver_without_tumour(tmp_path: Path) -> None:
    image, label = patient()
    page, pdf = write(tmp_path, image, label.with_array((label.array > 0).astype(np.uint8)))
    assert "No lesion was found." in page.text
    assert "No tumour found." in pdf[0]
    assert len([tag for tag, _ in page.tags if tag == "iframe"]) == 1


def test_many_lesions(tmp_path: Path) -> None:
    image, label, count = many_lesions()
    assert count > 400
    page, pdf = write(tmp_path, image, label)
    assert rows(page) == [str(number) for number in range(1, 401)]
    further = [one for one, _ in page.of("tr") if one.get("class") == "further"]
    assert len(further) == 380
    assert "Show all 400 lesions" in page.text
    assert f"{count - 400} smaller lesions are not listed here" in page.text
    assert f"{count - 150} smaller lesions, together" in " ".join(pdf)
    assert len(pdf) < 15


@pytest.mark.parametrize("number", range(6))
def test_every_orientation_gives_the_same_pictures(number: int) -> None:
    image, label = patient((3.0, 3.0, 6.0))
    expected = KeySlices(image, label, [{"id": 1}])
    permutation, flips = PERMUTATIONS[number], FLIPS[(3 * number + 1) % 8]
    other, other_label = (turned(one, permutation, flips) for one in (image, label))
    found = KeySlices(other, other_label, [{"id": 1}])
    for one, two in zip(
        [expected.thumbnail(1), *expected.planes()],
        [found.thumbnail(1), *found.planes()],
        strict=True,
    ):
        assert np.array_equal(one.pixels, two.pixels)
        assert [line.svg for line in one.lines] == [line.svg for line in two.lines]
        assert (one.name, one.place, one.meets) == (two.name, two.place, two.meets)


def test_a_thumbnail_is_to_scale() -> None:
    """The lesion has 24 mm, in the middle of the 48 mm that are shown at least."""
    image, label = patient()
    # Its corners in the slice, as `diameters` gives them: to the left, to the back, to the head.
    ends = [[-78.0, -54.0, 75.0], [-54.0, -30.0, 75.0]]
    axial = int(np.argwhere(label.array == 2)[:, 2].min())
    lesion = {"id": 1, "diameters": {"slice": axial, "longest_lps_mm": ends}}
    picture = KeySlices(image, label, [lesion]).thumbnail(1)
    assert picture.size_mm == (48.0, 48.0)
    assert picture.pixels.shape == (168, 168)
    assert picture.bar_mm == 10
    strong = [line.points for line in picture.lines if line.strong]
    assert len(strong) == 1
    assert strong[0].min(axis=0) == pytest.approx([12.0, 12.0])
    assert strong[0].max(axis=0) == pytest.approx([36.0, 36.0])
    (measure,) = (line.points for line in picture.lines if line.kind == "measure")
    assert measure == pytest.approx(np.array([[12.0, 12.0], [36.0, 36.0]]))
    assert float(picture.place.split()[1]) == pytest.approx(
        image.affine[2, 2] * axial + image.affine[2, 3]
    )


def test_the_planes_meet_in_the_largest_lesion() -> None:
    """Also where another slice has more tumour, in many small lesions."""
    image, label = patient()
    array = label.array.copy()
    array[array == 1] = 0
    array[10:60:2, 10:50:2, 5] = 2
    slices = KeySlices(image, label.with_array(array), [])
    axial = slices.planes()[0]
    inside = np.argwhere(label.array == 2) @ image.affine[:3, :3].T + image.affine[:3, 3]
    z = float(axial.place.split()[1])
    assert inside[:, 2].min() <= z <= inside[:, 2].max()


def test_positions_are_in_patient_axes() -> None:
    """y to the back and x to the left, as the centres in the table."""
    image, label = patient()
    _, coronal, sagittal = KeySlices(image, label, []).planes()
    assert coronal.place.startswith("y \u2212")
    assert abs(float(coronal.place.split()[1].replace("\u2212", "-")) + 41) < 12
    assert abs(float(sagittal.place.split()[1].replace("\u2212", "-")) + 66) < 12


def test_statistics_of_another_mask_are_refused(tmp_path: Path) -> None:
    image, label = patient()
    found = found_in(image, label)
    with pytest.raises(InputError, match="of 1 lesions, but the mask has 0"):
        write_case_report(image, nothing()[1], found, tmp_path)
    moved = Volume(label.array, label.affine + np.eye(4))
    with pytest.raises(InputError, match="another grid"):
        write_case_report(image, moved, found, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, label = patient()
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "fpdf" else object()
    )
    with pytest.raises(MissingExtraError, match=r"fpdf2.*pip install 'ynet3d\[report\]'"):
        write_case_report(image, label, found_in(image, label), tmp_path)
