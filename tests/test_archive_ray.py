"""An archive on a real Ray cluster of two workers, one of them killed midway."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("ray")

from tests.archive_cases import Scripted, Unweighted, rows, write_archive
from ynet3d.archive import RunOptions, predict_archive

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_a_worker_killed_midway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)  # where the actors find the tests' worker
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else a token is written to the home folder
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
        options=RunOptions(engine="ray", workers=2, threads=1, backoff_s=0.1),
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
    assert makers - set(killed)  # its case went to another, or to the one in its place
