"""An archive on a real Ray cluster of two workers, one of them killed midway."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray")

from tests.archive_cases import Scripted, Unweighted, rows, write_archive
from ynet3d.archive import RunOptions, predict_archive

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster on this machine with room for two workers."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else a token is written to the home folder
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(5)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [str(probe.getsockname()[1]) for probe in probes]
    words = ["start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false"]
    words += ["--node-ip-address=127.0.0.1", "--object-store-memory=80000000"]
    words += ["--disable-usage-stats", f"--port={ports[0]}"]
    # Ports that are known beforehand: nothing waits 15 s at most for an agent to tell its own.
    words += [f"--dashboard-agent-grpc-port={ports[1]}", f"--metrics-export-port={ports[2]}"]
    words += [f"--runtime-env-agent-port={ports[3]}", f"--dashboard-agent-listen-port={ports[4]}"]
    # Where the actors find this package and the tests' worker.
    path = [str(REPOSITORY), str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]
    head = subprocess.Popen(
        [sys.executable, "-c", "from ray.scripts.scripts import main; main()", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
        stdout=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", int(ports[0])), timeout=5),
            ):
                break
            assert head.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        yield f"127.0.0.1:{ports[0]}"
    finally:
        head.terminate()
        head.wait(60)


@pytest.mark.slow
def test_a_worker_killed_midway(tmp_path: Path, cluster: str) -> None:
    scans = {f"{number}.nii.gz": "slow 0.3" for number in range(6)}
    archive = write_archive(tmp_path / "in", {**scans, "bad.nii.gz": "bad"})
    out = tmp_path / "out"
    killed: list[int] = []

    def kill_one() -> None:
        end = time.monotonic() + 240
        while not killed and time.monotonic() < end:
            time.sleep(0.05)
            done = list((out / "cases").glob("*/segmentation.nii.gz"))
            if done:
                killed.append(int(done[0].read_text("utf-8").rpartition(" ")[2]))
                os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    summary = predict_archive(
        archive,
        out,
        settings=Unweighted(),
        options=RunOptions(engine="ray", ray_address=cluster, workers=2, threads=1, backoff_s=0.1),
        worker=Scripted,
    )
    killer.join()
    assert killed
    assert (summary.done, summary.failed, summary.waiting) == (6, 1, 0)
    assert (summary.run_done, summary.run_failed, summary.run_retried) == (6, 1, 1)
    found = rows(out)
    assert sorted(row["attempts"] for row in found.values()) == [1, 1, 1, 1, 1, 1, 2]
    masks = [file.read_text("utf-8") for file in (out / "cases").glob("*/segmentation.nii.gz")]
    makers = {int(mask.rpartition(" ")[2]) for mask in masks}
    assert len(masks) == 6
    assert os.getpid() not in makers
    assert len(makers - set(killed)) >= 2  # the other one, and the one that took the place
