"""Uploads: what is taken, what is refused, and that a refused one leaves nothing behind."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import socket
import stat
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.serving_cases import context, idle_server, left_behind, listening_server, scan_file
from ynet3d.serving import uploads
from ynet3d.serving.folders import name_on_disk, shown_name
from ynet3d.serving.supervisor import Supervisor


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    with idle_server(tmp_path / "data", upload_limit_mb=1, unpacked_limit_mb=2) as client:
        yield client


def send(server: TestClient, content: bytes, name: str) -> Any:
    return server.post("/api/jobs", params={"name": name}, content=content)


def refused(server: TestClient, content: bytes, name: str, *, status: int = 422) -> str:
    answer = send(server, content, name)
    assert answer.status_code == status, answer.text
    assert left_behind(context(server)) == []
    assert server.get("/api/jobs").json() == []
    detail: str = answer.json()["detail"]
    assert str(context(server).folders.data) not in detail
    return detail


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_scan_is_queued_under_its_own_name(server: TestClient, tmp_path: Path) -> None:
    content = scan_file(tmp_path).read_bytes()
    answer = send(server, content, "Müller <b>.nii.gz")
    assert answer.status_code == 201
    job = answer.json()
    assert job["name"] == "Müller <b>.nii.gz"
    assert job["state"] == "queued"
    stored = context(server).folders.input(context(server).job(job["id"]))
    assert stored.read_bytes() == content
    assert stored.name == "Mller_b_.nii.gz"


def test_two_users_wait_in_the_order_in_which_they_came(server: TestClient, tmp_path: Path) -> None:
    content = scan_file(tmp_path).read_bytes()
    first, second = (send(server, content, name).json() for name in ("a.nii.gz", "a.nii.gz"))
    assert (first["ahead"], second["ahead"]) == (0, 1)
    assert first["id"] != second["id"]
    assert [job["id"] for job in server.get("/api/jobs").json()] == [second["id"], first["id"]]


@pytest.mark.parametrize("announced", [True, False])
def test_too_large(server: TestClient, announced: bool) -> None:
    content = bytes(1_200_000)
    pieces = (
        content if announced else (content[at : at + 50_000] for at in range(0, 1_200_000, 50_000))
    )
    answer = server.post("/api/jobs", params={"name": "a.nii.gz"}, content=pieces)
    assert answer.status_code == 413
    assert "larger than the 1 MB" in answer.json()["detail"]
    assert left_behind(context(server)) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cat.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG picture"),
        ("scan.nii.gz", b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG picture"),
        # Without the time, which workers that collect the tests would name them differently by.
        ("scan.nii.gz", gzip.compress(b"hello, world, this is no scan", mtime=0), "text"),
        ("scan.nii.gz", b"", "empty"),
        ("scan.nii", bytes(1000), "unknown binary data"),
        ("scan.mhd", b"ObjectType = Image", "MetaImage"),
        ("notes", b"just words", "text"),
        ("a.zip", b"not a zip at all", "text"),
        ("a.zip", b"PK\x03\x04 and then nothing", "cannot be opened as a zip"),
    ],
)
def test_what_is_no_scan(server: TestClient, name: str, content: bytes, words: str) -> None:
    detail = refused(server, content, name)
    assert words in detail
    assert detail.startswith(name)


@pytest.mark.parametrize("member", ["../../etc/cron.d/x", "/etc/x", "a/../../x", "C:\\x", "..\\x"])
def test_zips_that_lead_outside(server: TestClient, tmp_path: Path, member: str) -> None:
    assert "leads outside" in refused(server, zipped({member: b"x"}), "a.zip")
    assert not (tmp_path / "x").exists()


def test_zips_that_would_unpack_to_too_much(server: TestClient) -> None:
    bomb = zipped({"a.dcm": bytes(3_000_000)})
    assert len(bomb) < 10_000
    assert "would unpack to" in refused(server, bomb, "bomb.zip")


def test_two_files_of_one_name_in_a_zip(server: TestClient) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.dcm", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.dcm", b"2")
    assert "several files of one name" in refused(server, stream.getvalue(), "a.zip")


@pytest.mark.parametrize("where", ["at once", "while it comes in"])
def test_a_full_disk(
    server: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    content = scan_file(tmp_path).read_bytes()
    if where == "at once":
        monkeypatch.setattr(uploads, "_SPARE_BYTES", 10**18)
    else:

        async def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(uploads, "run_in_threadpool", full)
    assert "disk is full" in refused(server, content, "scan.nii.gz", status=507)


def test_a_sender_that_hangs_up(tmp_path: Path) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half of a scan"
        raise ConnectionResetError

    target = tmp_path / "upload.part"
    with pytest.raises(ConnectionResetError):
        asyncio.run(uploads.receive(half(), target, limit=1000))
    assert not target.exists()


def test_half_sent_over_a_real_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "_lane", lambda self, task: None)
    with listening_server(tmp_path / "data") as (url, server):
        port = int(url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                f"POST /api/jobs?name=a.nii.gz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "Content-Length: 100000\r\n\r\n".encode()
                + bytes(5000)
            )
            wait_for(lambda: left_behind(server))
        wait_for(lambda: not left_behind(server))
        assert server.store.all() == []
        wait_for(lambda: server.counters.uploads["broken"] == 1)


def wait_for(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_other_users_of_the_machine_see_nothing(server: TestClient) -> None:
    mode = context(server).folders.data.stat().st_mode
    assert stat.S_IMODE(mode) == 0o700


@given(st.text(max_size=300))
def test_names_are_safe_on_disk(name: str) -> None:
    safe = name_on_disk(name)
    assert safe
    assert safe == Path(safe).name
    assert not safe.startswith(".")
    assert len(safe) <= 80
    assert safe.isascii()
    assert "/" not in shown_name(name)
    assert "\x00" not in shown_name(name)
    assert len(shown_name(name)) <= 200


def test_a_long_name_keeps_its_suffix() -> None:
    assert name_on_disk("x" * 300 + ".nii.gz").endswith("x.nii.gz")
    assert name_on_disk("../../.nii.gz") == "nii.gz"
