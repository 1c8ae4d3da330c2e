"""The page of the server in a headless Chromium, driven by Playwright."""

from __future__ import annotations

import base64
import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: WebGL on the CPU, and no network but this machine.
OPTIONS = (
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--ignore-gpu-blocklist", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
DESKTOP, TABLET = (1200, 700), (834, 1112)
_SECONDS = 180.0


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """A browser of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, size: tuple[int, int] = DESKTOP, theme: Any = "light"
) -> Iterator[Page]:
    """A page of the server; at the end nothing may have gone wrong in it, or have left it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme
    )
    page = context.new_page()
    page.set_default_timeout(1000 * _SECONDS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if _is_refusal(line) else None)
    page.on("request", lambda one: problems.append(one.url) if _is_away(one.url, url) else None)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(url)
    until(page, "window.ynet3d?.ready")
    yield page
    assert problems == []
    context.close()


def _is_refusal(line: Any) -> bool:
    return "Content Security Policy" in line.text


def _is_away(asked: str, url: str) -> bool:
    return not asked.startswith((url.split("#")[0], "data:", "blob:"))


def until(page: Page, expression: str, seconds: float = _SECONDS) -> None:
    """Wait until something is true; Playwright's own way needs `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, (expression, page.inner_text("#error"))
        page.wait_for_timeout(50)


def see(page: Page, selector: str = "#planes") -> npt.NDArray[np.int64]:
    """What is drawn on a canvas, (height, width, 3), asked for in the frame that draws it."""
    view = "planes" if selector == "#planes" else "solid"
    address = page.evaluate(
        f"(() => {{ ynet3d.viewer.{view}.drawScene();"
        f" return document.querySelector('{selector}').toDataURL('image/png'); }})()"
    )
    content = base64.b64decode(address.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(np.int64)


def coloured(picture: npt.NDArray[np.int64]) -> tuple[int, int]:
    """How many pixels are as orange as the liver, and how many as green as tumours."""
    red, green, blue = (picture[..., channel] for channel in range(3))
    orange = (red > green + 15) & (green > blue + 15)
    greenish = (green > red + 15) & (green > blue + 10)
    return int(orange.sum()), int(greenish.sum())


def drop(page: Page, file: Path, name: str) -> None:
    """Drop a file on the page."""
    content = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(
        """([content, name]) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const dropped = new DataTransfer();
          dropped.items.add(new File([bytes], name));
          document.body.dispatchEvent(new DragEvent("drop",
            { dataTransfer: dropped, bubbles: true, cancelable: true }));
        }""",
        [content, name],
    )


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Draw with the left button on the canvas; shares of its width and height."""
    page.locator("#planes").scroll_into_view_if_needed()
    box = page.locator("#planes").bounding_box()
    assert box is not None
    x, y = box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0] * box["width"], y + by[1] * box["height"], steps=6)
    page.mouse.up()
