"""Pages run no script but ours, whatever stands in their texts."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from PIL import Image

from ynet3d.reporting import Case, CaseRow, Page, Picture, write_page

_BAD = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"


def bad_page(folder: Path) -> Path:
    """A page whose every text is an attack, with one picture."""
    Image.fromarray(np.full((20, 30, 3), 200, np.uint8)).save(folder / "picture.png")
    page = Page(
        title=_BAD,
        lead=_BAD,
        rows=[CaseRow(_BAD, remark=_BAD)],
        cases=[Case(_BAD, _BAD, [Picture("picture.png", _BAD, _BAD)])],
        settings={_BAD: _BAD},
        files={_BAD: _BAD},
        versions={_BAD: _BAD},
    )
    path = folder / "index.html"
    write_page(path, page)
    return path


def test_policy_names_the_only_script(tmp_path: Path) -> None:
    html = bad_page(tmp_path).read_text(encoding="utf-8")
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert f"script-src &#39;sha256-{digest}&#39;;" in policy[1]
    assert "unsafe-inline&#39;; script-src" in policy[1], "styles alone may stand in the page"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_attack_in_a_browser(tmp_path: Path) -> None:
    path = bad_page(tmp_path)
    # As if escaping had failed: the policy has to hold alone.
    spoilt = tmp_path / "spoilt.html"
    html = path.read_text(encoding="utf-8")
    spoilt.write_text(html.replace("<header>", f"{_BAD}<header>"), encoding="utf-8")
    with Browser(tmp_path) as browser:
        for page in (path, spoilt):
            browser.open(page)
            browser.wait("document.readyState === 'complete'")
            assert browser.evaluate("document.title") == _BAD
            width = "document.querySelector('figure img').naturalWidth"
            browser.wait(f"{width} > 0")
            browser.evaluate("document.querySelector('figure a').click()")
            assert browser.evaluate("document.querySelector('dialog').open"), "our own script runs"
        assert [url for url in browser.requested if not url.startswith("file:")] == []
