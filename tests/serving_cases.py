"""Servers for tests: the application alone, or one that really listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.small_runs import small_scan
from ynet3d.files import write_json
from ynet3d.reporting import statistics, write_lesions_csv
from ynet3d.serving.app import create_app
from ynet3d.serving.connections import Patience, uvicorn_server
from ynet3d.serving.context import Context
from ynet3d.serving.job import Job, State, Task
from ynet3d.serving.jobs import JobStore, new_identifier
from ynet3d.serving.settings import ServerSettings
from ynet3d.serving.supervisor import Supervisor
from ynet3d.serving.worker import work
from ynet3d.volumes import Volume, write_label, write_volume

URL = "http://127.0.0.1"


@contextmanager
def idle_server(
    folder: Path, *, headers: dict[str, str] | None = None, **settings: Any
) -> Iterator[TestClient]:
    """The application without workers: what is queued stays queued."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervisor, "_lane", lambda self, task: None)
        app = create_app(ServerSettings(data=folder, **settings))
        with TestClient(app, base_url=URL, headers=headers) as client:
            yield client


def context(client: TestClient) -> Context:
    """What the application works with."""
    app = client.app
    assert isinstance(app, FastAPI)
    found: Context = app.state.context
    return found


@contextmanager
def listening_server(
    folder: Path, *, patience: Patience | None = None, **settings: Any
) -> Iterator[tuple[str, Context]]:
    """A server on a port of its own, with workers; its address, and what it works with."""
    app = create_app(ServerSettings(data=folder, **settings))
    server = uvicorn_server(app, host="127.0.0.1", port=0, patience=patience)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < end
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"{URL}:{port}", app.state.context
    finally:
        server.should_exit = True
        thread.join(60)


def scan_file(folder: Path, seed: int = 0) -> Path:
    """A small scan as a file."""
    path = folder / f"scan-{seed}.nii.gz"
    if not path.is_file():
        write_volume(small_scan(seed)[0], path)
    return path


def finished_job(server: Context, image: Volume, label: Volume, name: str = "scan.nii.gz") -> Job:
    """A job as a worker leaves it, without its network."""
    identifier = new_identifier()
    write_volume(image, server.folders.of(identifier) / "input" / "scan.nii.gz")
    write_volume(image, server.folders.image(identifier))
    result = server.folders.result(identifier)
    result.mkdir()
    found = statistics(label, image)
    write_label(label, result / "segmentation.nii.gz")
    write_lesions_csv(found, result / "lesions.csv")
    content = {"scan": "scan", **found, "series": None, "notes": [], "notice": "Research use only."}
    write_json(result / "statistics.json", content)
    with server.store._open() as database:  # at once, so that no worker takes it
        database.execute(
            "INSERT INTO jobs (id, number, name, file, task, state, message, created, started, "
            "finished) VALUES (?, (SELECT COALESCE(MAX(number), 0) + 1 FROM jobs), ?, ?, ?, ?, ?, "
            "?, ?, ?)",
            (identifier, name, "scan.nii.gz", Task.PREDICT, State.DONE, found["summary"])
            + (time.time(),) * 3,
        )
    job = server.store.get(identifier)
    assert job is not None
    return job


def fill(store: JobStore, kinds: Sequence[tuple[Task, State]], *, first: int = 1) -> None:
    """Jobs without files, oldest first, in one transaction; young, so that they stay."""
    now = time.time()
    with store._open() as database:
        database.executemany(
            "INSERT INTO jobs (id, number, name, file, task, state, created, series, finished) "
            "VALUES (?, ?, ?, 'scan.nii.gz', ?, ?, ?, ?, ?)",
            [
                (
                    *(new_identifier(), number, f"scan-{number}.nii.gz", task, state),
                    *(now, f"1.2.{number}", now),
                )
                for number, (task, state) in enumerate(kinds, start=first)
            ],
        )


def do_corrections(server: Context) -> None:
    """Do what waits in the lane of corrections, in this process."""
    job = server.store.claim(Task.CORRECT)
    assert job is not None
    work(server.store, server.folders, job, {})


def left_behind(server: Context) -> list[str]:
    """Files and folders of uploads and jobs."""
    return sorted(
        str(path.relative_to(server.folders.data))
        for folder in (server.folders.uploads, server.folders.jobs)
        for path in folder.rglob("*")
    )
