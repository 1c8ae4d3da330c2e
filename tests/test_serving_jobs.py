"""The queue: order, cancelling, what a restart makes of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ynet3d.errors import InputError
from ynet3d.serving.folders import JobFolders
from ynet3d.serving.job import State, Task
from ynet3d.serving.jobs import MAX_ATTEMPTS, JobStore


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "queue.sqlite")


def test_jobs_are_taken_in_order_and_once(store: JobStore) -> None:
    first, second = store.add("a", "a"), store.add("b", "b")
    taken = [store.claim(Task.PREDICT) for _ in range(3)]
    assert [job and job.id for job in taken] == [first.id, second.id, None]
    assert store.counts()[State.RUNNING] == 2


def test_progress_is_that_of_running_jobs(store: JobStore) -> None:
    job = store.add("a", "a")
    store.report(job.id, "Predicting", 1, 8)
    assert store.get(job.id).stage == ""  # type: ignore[union-attr]
    store.claim(Task.PREDICT)
    store.report(job.id, "Predicting", 1, 8)
    now = store.get(job.id)
    assert now is not None
    assert (now.stage, now.done, now.total) == ("Predicting", 1, 8)


def test_a_cancelled_job_stays_cancelled(store: JobStore) -> None:
    job = store.add("a", "a")
    store.claim(Task.PREDICT)
    assert store.cancel(job.id)
    assert not store.finish(job.id, State.DONE, "Liver 1 mL.")
    assert not store.cancel(job.id)
    assert store.get(job.id).state is State.CANCELLED  # type: ignore[union-attr]


def test_a_restart_queues_what_was_running(store: JobStore, tmp_path: Path) -> None:
    job, waiting = store.add("a", "a"), store.add("b", "b")
    store.claim(Task.PREDICT)
    again = JobStore(tmp_path / "queue.sqlite")
    assert [one.id for one in again.recover()] == [job.id]
    assert {one.id: one.state for one in again.all()} == {
        job.id: State.QUEUED,
        waiting.id: State.QUEUED,
    }
    assert again.claim(Task.PREDICT).id == job.id  # type: ignore[union-attr]


def test_a_job_that_kills_the_server_does_so_a_few_times_only(store: JobStore) -> None:
    job = store.add("a", "a")
    for _ in range(MAX_ATTEMPTS):
        assert store.claim(Task.PREDICT) is not None
        store.recover()
    now = store.get(job.id)
    assert now is not None
    assert now.state is State.FAILED
    assert "memory" in now.message


def test_a_peaceful_end_counts_as_no_attempt(store: JobStore) -> None:
    job = store.add("a", "a")
    store.claim(Task.PREDICT)
    assert store.requeue(job.id)
    assert store.get(job.id).attempts == 0  # type: ignore[union-attr]


def test_corrections_are_another_lane(store: JobStore) -> None:
    job = store.add("a", "a")
    assert not store.correct(job.id)  # it is not done
    store.claim(Task.PREDICT)
    store.finish(job.id, State.DONE, "fine")
    assert store.correct(job.id)
    assert store.claim(Task.PREDICT) is None
    now = store.claim(Task.CORRECT)
    assert now is not None
    assert (now.id, now.revision) == (job.id, 1)


def test_what_ended_long_ago(store: JobStore) -> None:
    job = store.add("a", "a")
    store.add("b", "b")
    store.cancel(job.id)
    assert [one.id for one in store.ended_before(time.time() + 1)] == [job.id]
    assert store.ended_before(time.time() - 1) == []


def test_one_server_at_a_time(tmp_path: Path) -> None:
    first, second = JobFolders(tmp_path / "data"), JobFolders(tmp_path / "data")
    with first.locked(), pytest.raises(InputError, match="Another server uses"), second.locked():
        pass
    with second.locked():
        pass


@pytest.mark.parametrize("name", ["../queue.sqlite", "..", "", "/etc/passwd", "input/scan.nii.gz"])
def test_only_files_of_the_result_are_given(tmp_path: Path, name: str) -> None:
    folders = JobFolders(tmp_path / "data")
    identifier = "0" * 32
    (folders.result(identifier) / "meshes").mkdir(parents=True)
    for place in ("statistics.json", "meshes/liver.stl", ".writing-x"):
        (folders.result(identifier) / place).touch()
    (folders.result(identifier) / "link").symlink_to("/etc/passwd")
    assert folders.files(identifier) == ["meshes/liver.stl", "statistics.json"]
    assert folders.file(identifier, name) is None
    assert folders.file(identifier, "meshes/liver.stl") is not None


def test_a_start_sweeps_what_nobody_knows(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "data")
    (folders.uploads / "half.part").touch()
    for identifier in ("0" * 32, "1" * 32):
        folders.result(identifier).mkdir(parents=True)
    folders.sweep({"1" * 32})
    assert [path.name for path in folders.jobs.iterdir()] == ["1" * 32]
    assert list(folders.uploads.iterdir()) == []
