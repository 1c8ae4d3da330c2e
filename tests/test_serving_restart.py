"""The server as a process: killed during a job, cancelled jobs, a job that is there again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from tests.serving_cases import scan_file
from tests.small_runs import save_constant_weights
from ynet3d.errors import YnetError
from ynet3d.serving import Client
from ynet3d.serving.job import State
from ynet3d.serving.jobs import JobStore


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: Path, weights: Path, port: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "ynet3d.cli.main", "serve", "--data", str(data)]
    words += ["--weights", str(weights), "--port", str(port), "--runtime", "torch", "--no-viewer"]
    return subprocess.Popen(words, stderr=(data.parent / "log").open("ab"))


def wait_for(condition: Callable[[], Any], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(client: Client) -> bool:
    try:
        client.jobs()
    except YnetError:
        return False
    return True


def children(process: int) -> list[int]:
    """Processes that this one started."""
    tasks = Path(f"/proc/{process}/task").iterdir()  # each thread has its own
    return [int(word) for task in tasks for word in (task / "children").read_text("ascii").split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks at Linux's /proc")
def test_killed_during_a_job_and_started_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    weights = save_constant_weights(tmp_path / "all-tumour.safetensors", 2)
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", timeout=120)
    first = start(data, weights, port)
    second = None
    try:
        wait_for(lambda: alive(client))
        job = client.upload(scan_file(tmp_path))
        waiting = client.upload(scan_file(tmp_path, 1))
        wait_for(lambda: client.status(job)["state"] == "running")
        workers = children(first.pid)
        assert workers
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        # No worker outlives its server.
        wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 30)
        states = {one.id: one.state for one in JobStore(data / "queue.sqlite").all()}
        assert states == {job: State.RUNNING, waiting: State.QUEUED}
        (data / "uploads" / "half.part").write_bytes(b"half")

        second = start(data, weights, port)
        wait_for(lambda: alive(client))
        assert client.status(job)["state"] in ("queued", "running")
        client.cancel(waiting)
        client.wait(job, timeout=180)
        found = client.status(job)
        assert "1 tumour" in found["message"]
        assert {"segmentation.nii.gz", "statistics.json", "image.nii.gz"} <= set(found["files"])
        assert client.status(waiting)["state"] == "cancelled"
        assert not (data / "jobs" / waiting).exists()
        assert list((data / "uploads").iterdir()) == []
        # Cancelled while it runs: its process ends at once.
        last = client.upload(scan_file(tmp_path, 2))
        wait_for(lambda: client.status(last)["state"] == "running")
        client.cancel(last)
        wait_for(lambda: not (data / "jobs" / last).exists(), 30)
    finally:
        client.close()
        for process in filter(None, (first, second)):
            process.terminate()
            process.wait(60)
    log = (tmp_path / "log").read_text("utf-8")
    assert "was running when the server stopped" in log
    assert "scan-0" not in log
