"""The page: drop, progress, overlay, tumours, brush, downloads, keyboard, errors."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from tests.serving_cases import fill, finished_job, listening_server, scan_file
from tests.serving_pages import (
    CHROMIUM,
    DESKTOP,
    TABLET,
    coloured,
    drag,
    drop,
    headless_chromium,
    opened,
    see,
    until,
)
from tests.small_runs import save_constant_weights, small_scan
from ynet3d.serving.context import Context
from ynet3d.serving.job import Job, State, Task
from ynet3d.serving.viewer import viewer_module
from ynet3d.volumes import Volume, read_label

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Looked for before the tests get a cache folder of their own.
VIEWER = viewer_module()
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.skipif(VIEWER is None, reason="NiiVue is not here: `ynet3d serve --fetch-viewer`"),
]
HOSTILE = "<img src=x onerror=window.harmed=1>.nii.gz"


@dataclass
class Site:
    """A server with workers, a browser, and one finished job with two tumours."""

    url: str
    server: Context
    browser: Browser
    job: Job
    label: Volume


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    weights = save_constant_weights(folder / "all-liver.safetensors", 1)
    settings: dict[str, Any] = {"weights": (str(weights),), "runtime": "torch"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ynet3d.serving.app.viewer_module", lambda: VIEWER)
        with (
            listening_server(folder / "data", **settings) as (url, server),
            headless_chromium() as browser,
        ):
            image, label = small_scan()
            array = label.array.copy()
            tumour = np.argwhere(array == 2)
            array[array == 2] = 1
            low, high = tumour.min(axis=0), tumour.max(axis=0)
            array[low[0] : low[0] + 2, low[1] : low[1] + 2, low[2] : low[2] + 2] = 2
            array[high[0], high[1], high[2] + 1] = 2
            label = Volume(array, label.affine)
            job = finished_job(server, image, label, HOSTILE)
            yield Site(url, server, browser, job, label)


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    with opened(site.browser, f"{site.url}/#{site.job.id}") as page:
        until(page, "ynet3d.viewer?.hasMask")
        yield page


def place_mm(page: Page) -> list[float]:
    """Where the crosshair is, in DICOM's patient axes."""
    right, front, head = page.evaluate(
        "[...ynet3d.viewer.planes.frac2mm(ynet3d.viewer.planes.scene.crosshairPos)].slice(0, 3)"
    )
    return [-right, -front, head]


def test_the_mask_lies_over_the_planes_and_in_3d(page: Page) -> None:
    with_mask = coloured(see(page))
    assert with_mask[0] > 300
    assert sum(coloured(see(page, "#solid"))) > 100
    page.keyboard.press("m")
    assert coloured(see(page))[0] < with_mask[0] / 20
    page.keyboard.press("m")
    assert coloured(see(page)) == with_mask
    page.locator("#opacity").fill("0")
    assert coloured(see(page))[0] < with_mask[0] / 20


def test_names_are_text_and_nothing_else(page: Page) -> None:
    assert page.inner_text("#name") == HOSTILE
    assert page.locator("#jobs img, #result img").count() == 0
    assert page.evaluate("window.harmed") is None


def test_a_click_on_a_tumour_goes_there(page: Page, site: Site) -> None:
    result = site.server.folders.result(site.job.id)
    found = json.loads((result / "statistics.json").read_text("utf-8"))
    rows = page.locator("#lesions tbody tr")
    assert rows.count() == 2
    page.locator("[data-layout=axial]").click()
    for index, lesion in enumerate(found["lesions"]):
        rows.nth(index).click()
        assert place_mm(page) == pytest.approx(lesion["centroid_lps_mm"], abs=0.02)
        assert rows.nth(index).get_attribute("aria-selected") == "true"
        assert coloured(see(page))[1] > 0
    # By keyboard: round from the last to the first.
    page.keyboard.press("n")
    assert place_mm(page) == pytest.approx(found["lesions"][0]["centroid_lps_mm"], abs=0.02)
    assert "HU" in page.inner_text("#place")


def test_windows_and_planes(page: Page) -> None:
    soft = see(page)
    page.locator("[data-window=liver]").click()
    assert page.locator("[data-window=liver]").get_attribute("aria-pressed") == "true"
    assert page.evaluate("[ynet3d.window.width, ynet3d.window.level]") == [150, 90]
    assert not np.array_equal(see(page), soft)
    page.locator("[data-layout=solid]").click()
    planes = "getComputedStyle(document.querySelector('#planes')).visibility"
    assert page.evaluate(planes) == "hidden"
    page.locator("[data-layout=axial]").click()
    solid = "getComputedStyle(document.querySelector('#solid-place')).visibility"
    assert page.evaluate(solid) == "hidden"


def test_the_keyboard(page: Page) -> None:
    page.keyboard.press("ArrowUp")  # from between two slices to one
    before = place_mm(page)[2]
    page.keyboard.press("ArrowUp")
    assert place_mm(page)[2] == pytest.approx(before + 4, abs=0.01)  # slices are 4 mm apart
    page.keyboard.press("ArrowDown")
    assert place_mm(page)[2] == pytest.approx(before, abs=0.01)
    for key, name in (("t", "2"), ("l", "1"), ("e", "0"), ("Escape", "off")):
        page.keyboard.press(key)
        assert page.locator(f"[data-pen='{name}']").get_attribute("aria-pressed") == "true"
    page.keyboard.press("]")
    assert page.inner_text("#pen-size-shown") == "6"
    page.keyboard.press("w")
    assert page.evaluate("ynet3d.window.width") == 150
    page.keyboard.press("v")
    assert page.locator("[data-layout=axial]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    # Everything is reached by Tab alone.
    page.locator("#drop").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


def test_a_stroke_of_the_brush_is_saved_and_measured(page: Page, site: Site) -> None:
    page.locator("[data-layout=axial]").click()
    page.keyboard.press("t")
    page.locator("#pen-size").fill("1")
    assert page.locator("#save").is_disabled()
    drag(page, (0.5, 0.5), (0.1, 0))
    until(page, "ynet3d.edited === 1")
    page.keyboard.press("Control+z")
    assert page.locator("#save").is_disabled()
    drag(page, (0.5, 0.5), (0.1, 0))
    until(page, "ynet3d.edited === 1")
    revision = site.server.job(site.job.id).revision
    page.keyboard.press("Control+s")
    until(page, f"ynet3d.job.revision === {revision + 1} && ynet3d.job.state === 'done'")
    until(page, "document.querySelector('#saved').textContent.startsWith('Saved')")
    mask = read_label(site.server.folders.result(site.job.id) / "segmentation.nii.gz")
    assert mask.same_grid(site.label)
    changed = np.argwhere(mask.array != site.label.array)
    assert len(changed) > 0
    assert len(set(changed[:, 2])) == 1  # one slice
    assert len(set(changed[:, 1])) <= 2  # a line from left to right
    assert set(mask.array[tuple(changed.T)]) == {2}
    # The middle of the picture is the middle of the scan.
    assert abs(changed[0][2] - site.label.shape[2] / 2) <= 1
    assert page.locator("#lesions tbody tr").count() >= 1
    assert "Mask before correction" in page.inner_text("#files")


def test_downloads(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as coming:
        page.locator("#everything").click()
    coming.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert {"segmentation.nii.gz", "statistics.json", "lesions.csv"} <= set(archive.namelist())
    with page.expect_download() as coming:
        page.locator("#files a", has_text="Mask (NIfTI)").click()
    assert coming.value.suggested_filename == "segmentation.nii.gz"


def test_a_dropped_scan_becomes_an_overlay(site: Site, tmp_path: Path) -> None:
    with opened(site.browser, site.url) as page:
        drop(page, scan_file(tmp_path, 1), "dropped.nii.gz")
        until(page, "!document.querySelector('#progress').hidden")
        until(page, "ynet3d.viewer.hasMask && ynet3d.job.name === 'dropped.nii.gz'")
        assert coloured(see(page))[0] > 300  # the network calls everything liver
        assert "No tumour found" in page.inner_text("#summary")
        assert page.locator("#no-lesions").is_visible()
        until(page, "ynet3d.job.state === 'done'")
        assert page.locator("#progress").is_hidden()
        before = page.locator("#jobs li").count()
        page.locator("#delete").click()
        until(page, f"document.querySelectorAll('#jobs li').length === {before - 1}")
        assert page.locator("#result").is_hidden()


def test_a_bad_file_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    before = page.locator("#jobs li").count()
    bad = tmp_path / "holiday.nii.gz"
    bad.write_bytes(b"\xff\xd8\xff picture of a beach")
    page.set_input_files("#file", bad)
    until(page, "!document.querySelector('#error').hidden")
    assert "holiday.nii.gz is a JPEG picture" in page.inner_text("#error")
    assert page.locator("#jobs li").count() == before
    page.locator("#error button").click()
    assert page.locator("#error").is_hidden()


def test_a_scan_that_cannot_be_read_says_so(site: Site, tmp_path: Path) -> None:
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(scan_file(tmp_path).read_bytes()[:2000])
    with opened(site.browser, site.url) as page:
        drop(page, cut, "cut.nii.gz")
        until(page, "ynet3d.job?.state === 'failed'")
        until(page, "!document.querySelector('#error').hidden")
        assert page.inner_text("#error").startswith("cut.nii.gz is damaged or cut short")
        assert not site.server.folders.of(page.evaluate("ynet3d.job.id")).exists()


@pytest.mark.parametrize("size", [DESKTOP, TABLET, (390, 800)])
def test_nothing_sticks_out(site: Site, size: tuple[int, int]) -> None:
    with opened(site.browser, f"{site.url}/#{site.job.id}", size=size, theme="dark") as page:
        until(page, "ynet3d.viewer?.hasMask")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.locator("#theme").click()
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        page.locator("#save").scroll_into_view_if_needed()
        assert page.locator("#save").is_visible()


def test_a_list_of_thousands(site: Site) -> None:
    store = site.server.store
    fill(store, [(Task.PREDICT, State.CANCELLED)] * 1500, first=1_000_000)
    try:
        # The scan that is looked at is far down the list.
        with opened(site.browser, f"{site.url}/#{site.job.id}") as page:
            until(page, "ynet3d.viewer?.hasMask")
            assert page.locator("#jobs li").count() == 50
            more = len(store.all()) - 50
            assert page.inner_text("#older") == f"Show older scans ({more} more)"
            page.locator("#older").click()
            until(page, "document.querySelectorAll('#jobs li').length === 250")
            assert page.evaluate("ynet3d.job.id") == site.job.id
    finally:
        with store._open() as database:
            database.execute("DELETE FROM jobs WHERE number >= 1000000")


def test_a_token_is_asked_for(site: Site, tmp_path: Path) -> None:
    token = "correct-horse-battery"
    with (
        listening_server(tmp_path / "data", token=token) as (url, _),
        opened(site.browser, url) as page,
    ):
        until(page, "document.querySelector('#login').open")
        page.locator("#token").fill("wrong")
        page.keyboard.press("Enter")
        until(page, "!document.querySelector('#login .wrong').hidden")
        page.locator("#token").fill(token)
        page.keyboard.press("Enter")
        until(page, "!document.querySelector('#login').open")
        until(page, "document.querySelector('#kept').textContent !== ''")
