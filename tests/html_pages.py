"""Reading our HTML pages in tests."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "link", "input", "hr"}

Attributes = dict[str, str | None]


class Reader(HTMLParser):
    """Collects tags, and fails on tags that are closed in another order than opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, Attributes]] = []
        self.texts: list[tuple[str, Attributes, str]] = []
        self.text = ""
        self._fresh = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append((tag, dict(attrs), ""))
        self._fresh = True
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._fresh = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._fresh:
            tag, attributes, text = self.texts[-1]
            self.texts[-1] = tag, attributes, text + data

    def of(self, *names: str) -> list[tuple[Attributes, str]]:
        """Attributes, and the text up to the next tag, of all tags of these names."""
        return [(attributes, text.strip()) for tag, attributes, text in self.texts if tag in names]


def read_page(path: Path) -> Reader:
    """Read a page; all of its tags must be closed."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader
