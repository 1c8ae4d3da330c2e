"""JSON and YAML from files that anybody may have written: plain values, or one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

#: What people write takes kilobytes; the description of the largest data set, a few megabytes.
MAX_BYTES = 64 * 2**20
#: Nothing that is read here nests deeper than eight.
MAX_DEPTH = 50


class DocumentError(ValueError):
    """A text is not what it should be; the message is a part of a sentence."""


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without aliases, which let a short text stand for an endless one, and not deep."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node, and those in it."""
        if self.check_event(yaml.AliasEvent):
            raise DocumentError("it holds an alias (*name), which is not read: write values out")
        if self._depth >= MAX_DEPTH:
            raise DocumentError(f"it nests deeper than {MAX_DEPTH}")
        self._depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        return node


def parse_yaml(text: str) -> Any:
    """The values in a YAML text: no tags of programs, no aliases.

    Raises:
        DocumentError: it is no such text; the message says where.
    """
    try:
        loader = _PlainLoader(text)
        try:
            return _writable(loader.get_single_data(), text)
        finally:
            loader.dispose()
    except DocumentError:
        raise
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DocumentError(f"{error.problem or error.context}{where}") from None
    except Exception as error:  # numbers, dates and characters that only look like some
        raise DocumentError(_reason(error)) from None


def parse_json(text: str) -> Any:
    """The values in a JSON text.

    Raises:
        DocumentError: it is none; the message says where.
    """
    try:
        return _writable(json.loads(text), text)
    except RecursionError:
        raise DocumentError("it nests too deep") from None
    except ValueError as error:  # also numbers of thousands of digits
        raise DocumentError(_reason(error)) from None


def read_yaml(path: Path) -> Any:
    """The values in a YAML file, UTF-8.

    Raises:
        DocumentError: it is too large, not text, or not YAML.
        OSError: it cannot be read.
    """
    return parse_yaml(read_text(path))


def read_json(path: Path) -> Any:
    """The values in a JSON file, UTF-8 with or without a byte order mark.

    Raises:
        DocumentError: it is too large, not text, or not JSON.
        OSError: it cannot be read.
    """
    return parse_json(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file, UTF-8 with or without a byte order mark.

    Raises:
        DocumentError: it is too large, or not text.
        OSError: it cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise DocumentError(f"it is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"it is not text in UTF-8 ({error.reason})") from None


def _writable(content: Any, text: str) -> Any:
    """`content`, unless a text in it is half a character, which no file and no page can hold."""
    if "\\u" in text.lower():
        try:
            for word in _words(content):
                word.encode()
        except UnicodeEncodeError:
            raise DocumentError("it holds half a character (\\ud800 to \\udfff)") from None
    return content


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for value in content:
            yield from _words(value)
        for value in content.values() if isinstance(content, dict) else ():
            yield from _words(value)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:200] or type(error).__name__
