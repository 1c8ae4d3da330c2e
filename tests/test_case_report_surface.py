"""The 3D view of a report: small, closed, the right way out; and, in a browser, seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from pictures import FLIPS, greenish, patient, turned
from report_cases import NOW, found_in, many_lesions, nothing

from ynet3d.labels import Label
from ynet3d.phantoms import PhantomOptions, make_phantom
from ynet3d.reporting.case_report import write_case_report
from ynet3d.reporting.case_report.surface_scene import SurfaceScene, _as_trimesh
from ynet3d.volumes import Volume

pytest.importorskip("fpdf")
pytest.importorskip("trimesh")


@pytest.mark.parametrize("flips", FLIPS[:3])
def test_surfaces_are_closed_and_face_outwards(flips: tuple[bool, ...]) -> None:
    label = turned(patient()[1], (2, 0, 1), flips)
    surfaces = SurfaceScene(label, []).surfaces
    for mesh, value in ((surfaces.liver, Label.LIVER), (surfaces.tumour, Label.TUMOUR)):
        assert mesh is not None
        solid = _as_trimesh(mesh, "#ff9f1c")
        assert solid.is_watertight
        # Positive only if the triangles run the right way round.
        expected = np.count_nonzero(label.array >= value) * label.voxel_ml * 1000
        assert 0.8 < solid.volume / expected < 1.05  # smoothing rounds the corners of these cubes


def test_a_large_liver_stays_small_enough() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(128)] * 3, indexing="ij")) - 63.5
    ball = (np.linalg.norm(grid, axis=0) < 60).astype(np.uint8)  # 240 mm across
    ball[np.linalg.norm(grid, axis=0) < 45] = 2
    surfaces = SurfaceScene(Volume(ball, np.diag([2.0, 2.0, 2.0, 1.0])), []).surfaces
    assert surfaces.liver is not None
    assert surfaces.tumour is not None
    assert 10_000 < len(surfaces.liver.faces) + len(surfaces.tumour.faces) < 60_000


def test_nothing_to_show() -> None:
    scene = SurfaceScene(nothing()[1], [])
    assert scene.page() is None
    assert scene.stills() == []


def test_the_numbers_stand_at_the_lesions() -> None:
    image, label = patient()
    lesions = found_in(image, label)["lesions"]
    page = SurfaceScene(label, lesions).page()
    assert page is not None
    options = json.loads(page.split("const report = ")[1].split(";\n")[0])
    (number,) = options["lesions"]
    assert number["id"] == 1
    inside = np.argwhere(label.array == 2) @ label.affine[:3, :3].T + label.affine[:3, 3]
    assert number["at"] == pytest.approx(inside.mean(axis=0), abs=0.1)


@pytest.fixture(scope="module")
def phantom_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    phantom = make_phantom(7, PhantomOptions(matrix=64, slices=40, tumours=3))
    image, label = phantom.image, phantom.label
    folder = tmp_path_factory.mktemp("phantom")
    return write_case_report(image, label, found_in(image, label), folder, now=NOW)[0]


TURNING = "document.querySelector('.stage').classList.contains('turning')"
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def differs(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the pixels that differ."""
    return float((np.abs(one - other).max(axis=-1) > 12).mean())


@in_a_browser
def test_the_surface_is_drawn_and_turns(phantom_report: Path, tmp_path: Path) -> None:
    """By mouse, touch and keyboard; and nothing is asked of the network."""
    with Browser(tmp_path) as browser:
        browser.open(phantom_report)
        browser.wait(TURNING)
        start = browser.picture(".stage")
        orange = (start[..., 0] > start[..., 2] + 40) & (start[..., 0] > start[..., 1] + 10)
        assert orange.mean() > 0.05
        assert greenish(start).mean() > 0.0005
        assert differs(start, browser.picture(".stage")) < 0.001  # it rests
        middle = browser.middle(".stage")
        browser.drag(middle, (90.0, 30.0))
        assert differs(start, browser.picture(".stage")) > 0.03
        browser.key("Home")
        again = browser.picture(".stage")
        assert differs(start, again) < 0.02  # only the ring around what keys go to is new
        start = again
        browser.key("ArrowLeft")
        assert differs(start, browser.picture(".stage")) > 0.03
        browser.key("Home")
        assert differs(start, browser.picture(".stage")) < 0.001
        browser.touch(middle, (90.0, 0.0))
        assert differs(start, browser.picture(".stage")) > 0.03
        assert any(url.startswith("file:") for url in browser.requested)
        own = ("file:", "data:", "about:")
        assert not [url for url in browser.requested if not url.startswith(own)]


@in_a_browser
def test_a_page_that_asks_for_something_is_noticed(phantom_report: Path, tmp_path: Path) -> None:
    """Or the test above could not fail: a frame within a page asks, and is heard."""
    inner = "<img src='https://nowhere.invalid/a.png'>"
    page = tmp_path / "page.html"
    page.write_text(f'<iframe sandbox="allow-scripts" srcdoc="{inner}"></iframe>', encoding="utf-8")
    html = phantom_report.read_text(encoding="utf-8").replace("<main>", f"<main>{inner}", 1)
    held = tmp_path / "held.html"
    held.write_text(html, encoding="utf-8")
    with Browser(tmp_path) as browser:
        browser.open(page)
        browser.picture()
        assert "https://nowhere.invalid/a.png" in browser.requested
        browser.requested.clear()
        browser.open(held)  # what got into a report in spite of all is held back by its policy
        browser.wait(TURNING)
        blocked = browser.evaluate("document.querySelector('main > img').naturalWidth")
        assert blocked == 0


@in_a_browser
def test_dark_and_light(phantom_report: Path, tmp_path: Path) -> None:
    with Browser(tmp_path) as browser:
        for scheme, other in (("light", "dark"), ("dark", "light")):
            browser.prefer(scheme)
            browser.open(phantom_report)
            for expected in (scheme, other, scheme):
                corner = browser.picture()[-3:, :3].mean()
                assert (corner > 200) == (expected == "light")
                browser.evaluate("document.getElementById('theme').click()")


@in_a_browser
def test_on_paper(phantom_report: Path, tmp_path: Path) -> None:
    """A4, white also in the dark, with pictures in the place of the 3D view."""
    pdfium = pytest.importorskip("pypdfium2")
    with Browser(tmp_path) as browser:
        browser.prefer("dark")
        browser.open(phantom_report)
        browser.wait(TURNING)
        document = pdfium.PdfDocument(browser.pdf())
    assert document[0].get_size() == pytest.approx((595.3, 841.9), abs=1.0)
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    assert "From the front" in text
    assert "arrow keys" not in text
    pages = [
        np.asarray(page.render(scale=0.5).to_pil().convert("RGB")).astype(int) for page in document
    ]
    assert all((page[:8] > 250).all() for page in pages)
    orange = [(page[..., 0] > page[..., 2] + 70).sum() for page in pages]
    assert max(orange) > 2000


@in_a_browser
def test_many_lesions_stay_usable(tmp_path: Path) -> None:
    """Twenty rows, all on demand, and sorted by any column."""
    image, label, count = many_lesions()
    html, _ = write_case_report(image, label, found_in(image, label), tmp_path, now=NOW)
    visible = (
        "[...document.querySelectorAll('#lesions tbody tr')].filter((e) => e.offsetHeight).length"
    )
    first = "Number(document.querySelector('#lesions tbody tr').cells[0].textContent)"
    with Browser(tmp_path) as browser:
        browser.open(html)
        assert browser.evaluate(visible) == 20
        browser.evaluate("document.querySelector('#lesions th[data-sort=\"0\"]').click()")
        assert browser.evaluate(first) == min(count, 400)
        assert browser.evaluate(visible) == 20
        browser.evaluate("document.getElementById('more').click()")
        assert browser.evaluate(visible) == min(count, 400)
