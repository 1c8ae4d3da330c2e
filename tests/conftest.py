"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Converted networks are kept for the tests alone, not in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user-cache")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real CT beside the project; tests that need it skip where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("the real CT data (../shared/data) is not here")
    return folder


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All words that are drawn on pictures."""
    from ynet3d.reporting import drawing
    from ynet3d.reporting.canvas import Canvas

    said: list[str] = []
    in_canvas, in_axes = Canvas.text, drawing.draw_text

    def canvas_text(self: Canvas, left: float, top: float, text: str, **options: Any) -> Any:
        said.append(text)
        return in_canvas(self, left, top, text, **options)

    def axes_text(axes: Any, at: tuple[float, float], text: str, **options: Any) -> None:
        said.append(text)
        in_axes(axes, at, text, **options)

    monkeypatch.setattr(Canvas, "text", canvas_text)
    monkeypatch.setattr(drawing, "draw_text", axes_text)
    return said
