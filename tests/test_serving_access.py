"""Who may call the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

from tests.serving_cases import context, finished_job, idle_server
from tests.small_runs import small_scan
from ynet3d.errors import InputError
from ynet3d.serving.server import read_token
from ynet3d.serving.settings import ServerSettings

TOKEN = "correct-horse-battery"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    with idle_server(tmp_path / "data", token=TOKEN) as client:
        yield client


def test_another_host_needs_a_token() -> None:
    with pytest.raises(InputError, match="no token was given"):
        ServerSettings(host="0.0.0.0").checked()
    with pytest.raises(InputError, match="has 5 characters"):
        ServerSettings(host="0.0.0.0", token="short").checked()
    ServerSettings(host="0.0.0.0", token=TOKEN).checked()
    for host in ("localhost", "127.0.0.2", "::1"):
        assert ServerSettings(host=host).checked().is_local


def test_token_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    assert read_token(file) == TOKEN
    file.write_text("short", encoding="utf-8")
    with pytest.raises(InputError, match="5 characters"):
        read_token(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_token(tmp_path / "none")


@pytest.mark.parametrize(
    "path", ["/api/jobs", "/metrics", "/info/", "/datastore/", "/openapi.json"]
)
def test_nothing_without_the_token(server: TestClient, path: str) -> None:
    assert server.get(path).status_code == 401
    for wrong in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
        assert server.get(path, headers={"authorization": wrong}).status_code == 401
    assert server.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_page_and_the_health_are_open(server: TestClient) -> None:
    assert server.get("/").status_code == 200
    assert server.get("/static/main.js").status_code == 200
    health = server.get("/api/health").json()
    assert health["status"] == "ok"
    assert health["needs_token"] is True


def test_a_login_gives_a_cookie_that_is_not_the_token(server: TestClient) -> None:
    assert server.post("/api/login", json={"token": "wrong"}).status_code == 401
    answer = server.post("/api/login", json={"token": TOKEN})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert server.get("/api/jobs").status_code == 200
    server.cookies.set("ynet3d", TOKEN)
    server.cookies.clear()
    assert server.get("/api/jobs").status_code == 401


def test_pages_of_other_sites_may_not_use_a_local_server(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", allowed_origins=("https://ohif.example",)) as server:
        assert server.get("/api/jobs").status_code == 200
        for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
            assert server.get("/api/jobs", headers={"origin": origin}).status_code == 403
        assert server.get("/api/jobs", headers={"origin": "http://127.0.0.1"}).status_code == 200
        ohif = server.get("/info/", headers={"origin": "https://ohif.example"})
        assert ohif.status_code == 200
        assert ohif.headers["access-control-allow-origin"] == "https://ohif.example"
        # A name of theirs that points to this machine.
        assert server.get("/api/jobs", headers={"host": "evil.example"}).status_code == 403
        assert server.get("/api/jobs", headers={"host": "localhost:8000"}).status_code == 200


def test_every_answer_brings_the_policy(server: TestClient) -> None:
    for path in ("/", "/api/jobs", "/static/main.js", "/nothing"):
        headers = server.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert server.get("/api/health").headers["cache-control"] == "no-store"


def test_the_report_runs_apart_from_the_server(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data") as server:
        job = finished_job(context(server), *small_scan())
        (context(server).folders.result(job.id) / "report.html").write_text("x", encoding="utf-8")
        answer = server.get(f"/api/jobs/{job.id}/files/report.html")
        assert "sandbox allow-scripts" in answer.headers["content-security-policy"]
        assert "allow-same-origin" not in answer.headers["content-security-policy"]


def test_names_and_series_do_not_reach_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="ynet3d")
    with idle_server(tmp_path / "data") as server:
        server.post("/api/jobs", params={"name": "Doe^Jane.nii.gz"}, content=b"no scan")
        server.get("/datastore/image", params={"image": "1.2.840.99999"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("ynet3d")]
    assert any("/api/jobs" in line for line in ours)
    assert any("/datastore/image" in line for line in ours)
    assert not any("Doe" in line or "1.2.840" in line for line in ours)
