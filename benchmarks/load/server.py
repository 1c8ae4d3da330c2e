"""The server that is put under load: `ynet3d serve` in a process of its own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ynet3d.errors import YnetError
from ynet3d.processes import python_path

_START_SECONDS = 120.0


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    port: int
    token: str
    cookie: str
    process: int

    def memory_mb(self) -> float | None:
        """The most memory that the server itself has had; None where the system does not tell."""
        status = Path(f"/proc/{self.process}/status")
        if not status.is_file():
            return None
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return None


@contextmanager
def running_server(folder: Path, weights: str | None) -> Iterator[Running]:
    """Start it, log in, and end it by SIGTERM.

    Raises:
        YnetError: it did not start, or did not end in peace.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe()
    file = folder / "token"
    file.touch(mode=0o600)
    file.write_text(token, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ynet3d.cli.main", "serve", "--no-viewer"]
    command += ["--port", str(port), "--data", str(folder / "data"), "--token-file", str(file)]
    command += ["--weights", weights] if weights else []
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": python_path()}
        )
        try:
            cookie = _log_in(process, port, token, folder / "server.log")
            yield Running(port, token, cookie, process.pid)
            process.send_signal(signal.SIGTERM)
            # uvicorn ends in peace, and then by the signal itself.
            if (code := process.wait(60)) not in (0, -signal.SIGTERM):
                raise YnetError(f"The server ended with {code}: see {folder / 'server.log'}.")
        finally:
            process.kill()
            process.wait()


def _log_in(process: subprocess.Popen[bytes], port: int, token: str, log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}/api/login", json={"token": token})
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        answer.raise_for_status()
        return answer.cookies["ynet3d"]
    raise YnetError(f"The server did not start: see {log}.")
