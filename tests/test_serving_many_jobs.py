"""Thousands of jobs: pages of the list, places in the queue, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving_cases import context, fill, idle_server
from ynet3d.serving.client import Client
from ynet3d.serving.job import ACTIVE, State, Task
from ynet3d.serving.jobs import JobStore

COUNT = 2345


@contextmanager
def asked(store: JobStore) -> Iterator[list[str]]:
    """The questions to the database from now on."""
    questions: list[str] = []
    opened = JobStore._open

    @contextmanager
    def watched(self: JobStore) -> Iterator[Any]:
        with opened(self) as database:
            database.set_trace_callback(questions.append)
            yield database

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobStore, "_open", watched)
        yield questions


def test_a_page_of_thousands_costs_as_much_as_one_of_a_few(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data") as server:
        store = context(server).store
        fill(store, [(Task.PREDICT, State.QUEUED)] * COUNT)
        with asked(store) as questions:
            answer = server.get("/api/jobs", params={"limit": 50})
        assert len(questions) <= 6  # not one for each job
        assert answer.headers["x-total-count"] == str(COUNT)
        page = answer.json()
        assert [job["number"] for job in page] == list(range(COUNT, COUNT - 50, -1))
        assert [job["ahead"] for job in page] == list(range(COUNT - 1, COUNT - 51, -1))
        last = server.get("/api/jobs", params={"limit": 50, "before": 11}).json()
        assert [job["ahead"] for job in last] == list(range(9, -1, -1))
        assert len(server.get("/api/jobs").json()) == 100
        for wrong in ({"limit": 0}, {"limit": 1001}, {"before": -1}, {"limit": "x"}):
            answer = server.get("/api/jobs", params=wrong)
            assert answer.status_code == 422
            assert next(iter(wrong)) in answer.json()["detail"]


def test_the_client_gets_them_all(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data") as server:
        fill(context(server).store, [(Task.PREDICT, State.QUEUED)] * COUNT)
        client = Client()
        client._http = server
        assert [job["number"] for job in client.jobs()] == list(range(COUNT, 0, -1))


@pytest.mark.parametrize(
    "question",
    [
        "SELECT id FROM jobs WHERE state = 'queued' AND task = 'predict' ORDER BY number LIMIT 1",
        "SELECT COUNT(*) FROM jobs WHERE task = 'predict' AND number < 9 AND state IN ('queued')",
        "SELECT * FROM jobs WHERE number < 9 ORDER BY number DESC LIMIT 5",
        "SELECT COALESCE(MAX(number), 0) + 1 FROM jobs",
        "SELECT state, COUNT(*) FROM jobs GROUP BY state",
        "SELECT * FROM jobs WHERE series = '1.2' ORDER BY number DESC LIMIT 1",
        "SELECT * FROM jobs WHERE finished < 9 AND state NOT IN ('queued', 'running')",
        "SELECT * FROM jobs WHERE state = 'done' AND revision = 0 ORDER BY number DESC LIMIT 1",
    ],
)
def test_often_asked_questions_have_an_index(tmp_path: Path, question: str) -> None:
    store = JobStore(tmp_path / "queue.sqlite")
    fill(store, [(Task.PREDICT, State.QUEUED)] * 500)
    with store._open() as database:
        plan = " ".join(
            str(row["detail"]) for row in database.execute(f"EXPLAIN QUERY PLAN {question}")
        )
    store.close()
    assert "INDEX" in plan
    assert "SCAN jobs USING COVERING INDEX" in plan or "SCAN" not in plan


def test_images_are_found_by_any_of_their_names(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "queue.sqlite")
    fill(store, [(Task.PREDICT, State.DONE)] * 300)
    again = store.add("scan-7.nii.gz", "scan.nii.gz")  # a newer one of that name
    for name, number in (("scan-5", 5), ("scan-5.nii.gz", 5), ("1.2.9", 9), ("scan-7", 301)):
        found = store.called(name)
        assert found is not None
        assert found.number == number
        assert store.called(found.id) == found
    assert again.number == 301
    assert store.called("") is None
    assert store.called("scan") is None
    store.close()


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    kinds=st.lists(st.tuples(st.sampled_from(Task), st.sampled_from(State)), max_size=25),
    limit=st.integers(1, 25),
    before=st.none() | st.integers(1, 27),
)
def test_places_in_the_queue(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[tuple[Task, State]],
    limit: int,
    before: int | None,
) -> None:
    store = JobStore(tmp_path_factory.mktemp("queue") / "queue.sqlite")
    fill(store, kinds)
    everything = store.all()
    page = store.page(limit, before=before)
    expected = [job for job in everything if before is None or job.number < before][:limit]
    assert page == expected
    assert store.ahead(page) == {
        job.id: sum(
            other.task is job.task and other.state in ACTIVE and other.number < job.number
            for other in everything
        )
        for job in page
        if job.state in ACTIVE
    }
    done = [job for job in everything if job.state is State.DONE and job.revision == 0]
    assert store.newest_uncorrected() == (done[0] if done else None)
    store.close()
