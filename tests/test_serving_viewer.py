"""Fetching the viewer, and starting the server from the command line."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tests.command_line import run
from ynet3d.errors import InputError, YnetError
from ynet3d.serving import viewer


def package(path: Path, content: bytes = b"export {};") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("package/dist/index.js")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


def test_only_the_very_package_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball, cache = package(tmp_path / "viewer.tgz"), tmp_path / "cache"
    with pytest.raises(InputError, match="SHA-512 differs"):
        viewer.fetch_viewer(tarball, cache=cache)
    assert viewer.viewer_module(cache) is None
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    monkeypatch.setattr(viewer, "INTEGRITY", digest)
    assert viewer.fetch_viewer(tarball, cache=cache).read_bytes() == b"export {};"
    # It is there now: nothing is fetched again.
    assert viewer.fetch_viewer(tmp_path / "none", cache=cache) == viewer.viewer_module(cache)


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer.shutil, "which", lambda *_, **__: None)
    with pytest.raises(YnetError, match="--viewer-package"):
        viewer.fetch_viewer(cache=tmp_path)


def test_a_missing_package(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        viewer.fetch_viewer(tmp_path / "none.tgz", cache=tmp_path)


def test_bad_starts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    words = ("serve", "--no-viewer", "--data", tmp_path / "data")
    run(capsys, *words, "--host", "0.0.0.0").assert_refused(match="no token was given")
    run(capsys, *words, "--token", "short").assert_refused(match="has 5 characters")
    run(capsys, *words, "-w", tmp_path / "none").assert_refused(match="There are no weights at")
