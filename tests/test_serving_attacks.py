"""A server that others do not mean well with: half requests, bodies, paths, secrets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
import httpx
from fastapi.testclient import TestClient

from tests.serving_cases import context, finished_job, idle_server, left_behind, listening_server
from tests.small_runs import small_scan
from ynet3d.serving.bodies import SMALL_BODY
from ynet3d.serving.connections import Patience
from ynet3d.serving.context import Context
from ynet3d.serving.supervisor import Supervisor
from ynet3d.serving.tries import MOST_TRIES, WITHIN_SECONDS, Tries

TOKEN = "correct-horse-battery"
#: A few seconds instead of a minute.
QUICK = Patience(
    header_seconds=1.5,
    body_seconds=1.5,
    body_credit_seconds=2.0,
    rest_seconds=1.0,
    reader_seconds=1.5,
    most=30,
)
UPLOAD = (
    b"POST /api/jobs?name=a.nii.gz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Context]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervisor, "_lane", lambda self, task: None)
        folder = tmp_path_factory.mktemp("site") / "data"
        with listening_server(folder, patience=QUICK) as (url, server):
            yield int(url.rsplit(":", 1)[1]), server


def connected(port: int, first: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(30)
    connection.sendall(first)
    return connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def closed_after(connection: socket.socket, again: bytes, pause: float = 0.1) -> float:
    """Send a little now and then until the server has had enough; how many seconds that took."""
    began = time.monotonic()
    connection.settimeout(pause)
    while time.monotonic() - began < 30:
        try:
            connection.sendall(again)
            if connection.recv(65536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("first", "status"),
    [(b"", b""), (b"GET / HTTP/1.1\r\nHost: 127", b"408"), (UPLOAD + bytes(5000), b"408")],
)
def test_half_requests_end(site: tuple[int, Context], first: bytes, status: bytes) -> None:
    began = time.monotonic()
    with connected(site[0], first) as connection:
        answer = everything(connection)
    assert 1 < time.monotonic() - began < 20
    assert answer[9:12] == status
    if status:
        assert "waited too long" in json.loads(answer.split(b"\r\n\r\n")[1])["detail"]
    wait_for(lambda: left_behind(site[1]) == [])


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nX-A: ", UPLOAD])
def test_a_few_bytes_now_and_then_are_not_enough(site: tuple[int, Context], first: bytes) -> None:
    with connected(site[0], first) as connection:
        assert 1 < closed_after(connection, b"a") < 20


def test_a_slow_upload_that_goes_on_is_taken(site: tuple[int, Context]) -> None:
    # Longer than any patience, but above its rate.
    with connected(site[0], UPLOAD) as connection:
        began = time.monotonic()
        while time.monotonic() - began < 5:
            connection.sendall(bytes(2000))
            time.sleep(0.1)
        left = 900_000
        connection.sendall(bytes(left))  # more than is left of it: the rest is another request
        assert connection.recv(12).endswith(b"422")  # it was whole, and is no scan


def test_an_answer_that_nobody_reads_ends(site: tuple[int, Context]) -> None:
    port, server = site
    job = finished_job(server, *small_scan())
    (server.folders.result(job.id) / "large.bin").write_bytes(bytes(40_000_000))
    path = f"/api/jobs/{job.id}/files/large.bin"
    with connected(port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()) as slow:
        time.sleep(4)  # more than its patience
        assert len(everything(slow)) < 40_000_000
    with connected(port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()) as steady:
        received = 0
        began = time.monotonic()
        while time.monotonic() - began < 4:  # as long, but it reads
            received += len(steady.recv(400_000))
            time.sleep(0.1)
        steady.settimeout(30)
        while received < 40_000_000:
            piece = steady.recv(2**20)
            assert piece, received
            received += len(piece)
    server.supervisor.delete(job)


def test_many_half_requests_keep_nobody_out(site: tuple[int, Context]) -> None:
    port = site[0]
    firsts = [b"", b"GET / HTTP/1.1\r\n", UPLOAD + bytes(100)]
    with ExitStack() as stack:
        for number in range(3 * QUICK.most):
            stack.enter_context(connected(port, firsts[number % 3]))
            if number % 10 == 9:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                    assert client.get("/api/health").status_code == 200
    wait_for(lambda: left_behind(site[1]) == [])


def test_bodies_where_none_are_expected(site: tuple[int, Context]) -> None:
    large = b"x" * (SMALL_BODY + 1)
    with httpx.Client(base_url=f"http://127.0.0.1:{site[0]}", timeout=20) as client:
        for path in ("/api/login", "/auth/token", "/api/jobs/0/cancel"):
            assert client.post(path, content=large).status_code == 413
        pieces = iter([large[:40000], large[:40000]])
        assert client.post("/api/login", content=pieces).status_code in (400, 413)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/api/jobs/../../../etc/passwd",
            "/static/../../../../etc/passwd",
            "/static/..%2f..%2fapp.py",
        ),
        *("/static/%00", "/static/%2e%2e/app.py", "/static//etc/passwd", "/viewer/../app.py"),
        *("/api/jobs/%2e%2e/files/queue.sqlite", "/api/jobs/0/files/..%2f..%2fqueue.sqlite"),
        *("/api/jobs/JOB/files/../input/scan.nii.gz", "/api/jobs/JOB/files/%2fetc%2fpasswd"),
        *("/api/jobs/JOB/files/..%5cinput%5cscan.nii.gz", "/api/jobs/JOB/files/a%00.json"),
        *(
            "/api/jobs/%ff%fe",
            "/api/jobs/" + "a" * 5000,
            "/api/jobs/JOB/files//segmentation.nii.gz",
        ),
        *(
            "/datastore/image?image=../../etc/passwd",
            "/session/%00?image=true",
            "http://evil/api/jobs",
        ),
    ],
)
def test_paths_that_lead_elsewhere(site: tuple[int, Context], target: str) -> None:
    port, server = site
    job = finished_job(server, *small_scan())
    asked = target.replace("JOB", job.id)
    with connected(
        port, f"GET {asked} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    ) as connection:
        answer = everything(connection)
    server.supervisor.delete(job)
    assert answer[9:12] in (b"400", b"404", b"422"), answer
    assert b"root:" not in answer
    assert str(server.folders.data).encode() not in answer


@pytest.mark.parametrize(
    "header",
    ["Host: [::1", "Host: [", "Host: a\x80b", "Origin: http://[", "Origin: http://127.0.0.1:x"],
)
def test_hosts_and_origins_that_are_none(site: tuple[int, Context], header: str) -> None:
    host = "" if header.startswith("Host") else "Host: 127.0.0.1\r\n"
    request = f"GET /api/jobs HTTP/1.1\r\n{host}{header}\r\nConnection: close\r\n\r\n"
    with connected(site[0], request.encode("latin-1")) as connection:
        assert everything(connection)[9:12] in (b"400", b"403")


def test_different_wrong_tokens_are_counted(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", token=TOKEN) as server:

        def asked(given: str) -> int:
            headers = {"authorization": f"Bearer {given}"}
            return server.get("/api/jobs", headers=headers).status_code

        for _ in range(3 * MOST_TRIES):
            assert asked("an-old-one") == 401  # the same again is no guess
        for number in range(MOST_TRIES - 1):
            assert asked(f"guess-{number}") == 401
        assert asked(TOKEN) == 429
        answer = server.post("/api/login", json={"token": TOKEN})
        assert answer.status_code == 429
        assert "wait a minute" in answer.json()["detail"]
        assert 0 < int(answer.headers["retry-after"]) <= WITHIN_SECONDS
        assert server.post("/auth/token", data={"password": TOKEN}).status_code == 429
        assert server.get("/api/jobs").status_code == 401  # no secret is no try


def test_secrets_that_are_no_text(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", token=TOKEN) as server:
        for body in (b'{"token": "\\ud800"}', b'{"token": 1}', b"{", b"[" * 50_000, b"\xff"):
            assert server.post("/api/login", content=body).status_code in (400, 401, 422)
        assert server.post("/auth/token", content=b"password=%ed%a0%80").status_code == 401
        for given in (b"Bearer \xff\xfe", b"Bearer  ", b"bearer"):
            answer = server.get("/api/jobs", headers={b"authorization": given})
            assert answer.status_code == 401
        for cookie in ("ynet3d=", "ynet3d", "=;;=", "ynet3d=\x01", 'ynet3d="'):
            assert server.get("/api/jobs", headers={"cookie": cookie}).status_code == 401


def test_who_has_logged_in_stays_so(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", token=TOKEN) as server:
        assert server.post("/api/login", json={"token": TOKEN}).status_code == 200
        stranger = TestClient(server.app, base_url="http://127.0.0.1")
        for number in range(MOST_TRIES):
            stranger.post("/api/login", json={"token": f"guess-{number}"})
        assert stranger.post("/api/login", json={"token": TOKEN}).status_code == 429
        assert server.get("/api/jobs").status_code == 200


def test_tries_are_of_an_address_and_forgotten() -> None:
    now = 0.0
    tries = Tries(lambda: now)
    for number in range(MOST_TRIES):
        tries.wrong("2001:db8::1", f"guess-{number}")
    assert tries.wait("2001:db8::ffff") == WITHIN_SECONDS  # one owner's network
    assert tries.wait("2001:db8:0:1::1") == 0
    assert tries.wait("192.0.2.1") == 0
    now = WITHIN_SECONDS
    assert tries.wait("2001:db8::1") == 0


def test_bodies_are_refused_before_they_are_read(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", upload_limit_mb=1) as server:
        for length in (b"-1", b"abc", b"\xb2", b"9" * 18):
            answer = server.post(
                "/api/jobs", params={"name": "a"}, headers={b"content-length": length}
            )
            assert answer.status_code in (413, 422)
        assert left_behind(context(server)) == []


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
