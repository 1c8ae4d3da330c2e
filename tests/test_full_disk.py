"""Disks that really are full: a clear sentence, nothing half-written, and on it goes afterwards."""

from __future__ import annotations

import csv
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
import httpx

from tests.command_line import command, run
from tests.serving_cases import context, idle_server, left_behind, listening_server
from tests.small_disk import fill, small_disk
from tests.small_runs import save_constant_weights, save_small_weights, write_small_dataset
from ynet3d.serving import uploads
from ynet3d.serving.job import State, Task
from ynet3d.serving.supervisor import Supervisor
from ynet3d.serving.worker import work
from ynet3d.volumes import Volume, write_volume


def noise_file(folder: Path) -> Path:
    """A scan of 200 kB that cannot be compressed much."""
    array = np.random.default_rng(0).integers(-200, 300, (64, 64, 32)).astype(np.int16)
    return write_to(folder / "noise.nii.gz", array)


def write_to(path: Path, array: np.ndarray) -> Path:
    write_volume(Volume(array, np.diag([3.0, 3.0, 4.0, 1.0])), path)
    return path


def test_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = noise_file(tmp_path).read_bytes()
    assert len(content) > 150_000
    send = {"url": "/api/jobs", "params": {"name": "a.nii.gz"}, "content": content}
    with small_disk(tmp_path / "disk", 1000) as disk, idle_server(disk / "data") as server:
        before = left_behind(context(server))
        kept = server.post(**send)  # type: ignore[arg-type]
        assert kept.status_code == 507  # it would leave less than is kept free
        monkeypatch.setattr(uploads, "_SPARE_BYTES", -(10**6))
        filler = fill(disk, leave=100_000)
        midway = server.post(**send)  # type: ignore[arg-type]
        assert midway.status_code == 507
        for answer in (kept, midway):
            assert "disk is full" in answer.json()["detail"]
        assert left_behind(context(server)) == before
        filler.unlink()
        assert server.post(**send).status_code == 201  # type: ignore[arg-type]


def test_a_job_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image for the viewer does not fit any more; once there is room, the next scan does."""
    monkeypatch.setattr(uploads, "_SPARE_BYTES", 0)
    weights = save_constant_weights(tmp_path / "liver.safetensors", 1)
    content = noise_file(tmp_path).read_bytes()
    options = {"weights": [str(weights)], "device": "cpu", "runtime": "torch"}
    with small_disk(tmp_path / "disk", 60_000) as disk, idle_server(disk / "data") as client:
        server = context(client)

        def sent() -> str:
            answer = client.post("/api/jobs", params={"name": "a.nii.gz"}, content=content)
            assert answer.status_code == 201, answer.text
            assert server.store.claim(Task.PREDICT) is not None
            return str(answer.json()["id"])

        first = sent()
        filler = fill(disk, leave=100_000)
        work(server.store, server.folders, server.job(first), options)
        assert server.job(first).state is State.FAILED
        assert "No space left on device" in server.job(first).message
        assert "image.nii.gz" not in [path.name for path in server.folders.of(first).iterdir()]
        filler.unlink()
        second = sent()
        work(server.store, server.folders, server.job(second), options)
        assert server.job(second).state is State.DONE, server.job(second)


@pytest.mark.slow
def test_the_queue_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even the queue can be written: it stands still, says so, and goes on by itself."""
    weights = save_constant_weights(tmp_path / "liver.safetensors", 1)
    content = noise_file(tmp_path).read_bytes()
    filled, lane = threading.Event(), Supervisor._lane

    def held(self: Supervisor, task: Task) -> None:
        filled.wait(60)
        lane(self, task)

    monkeypatch.setattr(Supervisor, "_lane", held)
    monkeypatch.setattr(uploads, "_SPARE_BYTES", 0)
    caplog.set_level(logging.ERROR, "ynet3d.serving")
    with (
        small_disk(tmp_path / "disk", 60_000) as disk,
        listening_server(disk / "data", weights=(str(weights),), device="cpu") as (url, server),
    ):
        sent = httpx.post(f"{url}/api/jobs", params={"name": "a.nii.gz"}, content=content)
        assert sent.status_code == 201, sent.text
        filler = fill(disk, leave=0)
        filled.set()
        wait_for(lambda: "the queue stands still" in caplog.text)
        assert server.store.all()[0].state is State.QUEUED
        filler.unlink()
        wait_for(lambda: server.store.all()[0].state is State.DONE)


def test_a_job_that_ends_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That it failed is written down as soon as there is room, or it would run for ever."""
    content = noise_file(tmp_path).read_bytes()
    with small_disk(tmp_path / "disk", 2000) as disk, idle_server(disk / "data") as client:
        monkeypatch.setattr(uploads, "_SPARE_BYTES", 0)
        client.post("/api/jobs", params={"name": "a.nii.gz"}, content=content)
        server = context(client)
        job = server.store.claim(Task.PREDICT)
        assert job is not None
        died = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, text=True)
        filler = fill(disk, leave=0)
        caplog.set_level(logging.ERROR, "ynet3d.serving")
        closing = threading.Thread(target=server.supervisor._run, args=(job, died))
        closing.start()
        wait_for(lambda: "cannot be closed" in caplog.text)
        assert server.job(job.id).state is State.RUNNING
        filler.unlink()
        closing.join(60)
        assert server.job(job.id).state is State.FAILED


def test_a_server_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", 1000) as disk:
        fill(disk, leave=0)
        done = run(capsys, "serve", "--data", disk / "data", "--port", 0)
        done.assert_refused(match="whether the disk is full", code=1)


def wait_for(condition: object, seconds: float = 120) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_prediction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, scan = save_small_weights(tmp_path / "small.safetensors"), noise_file(tmp_path)
    with small_disk(tmp_path / "disk", 1000) as disk:
        fill(disk, leave=30_000)
        done = run(capsys, "predict", scan, "-w", weights, "-o", disk / "out", "--device", "cpu")
        done.assert_refused(match="No space left on device", code=1)
        assert not [path for path in disk.rglob("*") if path.is_file() and path.name != "filler"]


@pytest.mark.slow
def test_a_training_run_keeps_its_last_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_small_dataset(tmp_path / "data")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: small\n"
        "network: {name: 3dynet, options: {width: 2, normalisation: instance}}\n"
        "preprocessing: {window_hu: [-100, 200], size: [16, 16, 32]}\n"
        "training: {epochs: 40, learning_rate: 1.0e-3}\n",
        encoding="utf-8",
    )
    words = ["train", data, "--all", "--recipe", recipe, "--device", "cpu"]
    with small_disk(tmp_path / "disk", 20_000) as disk:
        stopped_after_an_epoch(command(*words, "-o", disk / "run"), disk / "run")
        checkpoint = disk / "run" / "checkpoint.safetensors"
        before = checkpoint.read_bytes()
        filler = fill(disk, leave=10_000)
        more = ["train", data, "-o", disk / "run", "--resume"]
        done = run(capsys, *more)
        done.assert_refused(match="No space left on device", code=1)
        assert checkpoint.read_bytes() == before
        filler.unlink()
        assert run(capsys, *more).code == 0
        with (disk / "run" / "log.csv").open(encoding="utf-8") as file:
            assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, 41))


def stopped_after_an_epoch(words: list[str], folder: Path) -> None:
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (folder / "log.csv").is_file() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
