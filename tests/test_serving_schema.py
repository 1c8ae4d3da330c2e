"""Every route of the server against its own description: requests by schemathesis."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving_cases import finished_job, idle_server, listening_server
from tests.small_runs import small_scan
from ynet3d.serving.context import Context
from ynet3d.serving.job import Job, State, Task
from ynet3d.serving.supervisor import Supervisor

EXAMPLES = 20
load_all_checks()
CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_headers_conformance, response_schema_conformance),
]
#: Parameters that name a job.
NAMES = ("identifier", "session_id", "image", "label", "id")


def described() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, idle_server(Path(folder) / "data") as server:
        content: dict[str, Any] = server.get("/openapi.json").json()
    return content


SCHEMA = schemathesis.openapi.from_dict(described())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}


@dataclass
class Site:
    """A server that fails whatever it is sent, and one finished job in it."""

    url: str
    server: Context
    job: Job

    def known(self) -> Job:
        """The finished job; another one if it was deleted or corrected."""
        now = self.server.store.get(self.job.id)
        if now is None or now.state is not State.DONE:
            self.job = finished_job(self.server, *small_scan())
        return self.job


def fail_all(supervisor: Supervisor, task: Task) -> None:
    """A worker without a network, so that nobody waits for one."""
    while not supervisor._ends.wait(0.02):
        job = supervisor._store.claim(task)
        if job is not None:
            supervisor._store.finish(job.id, State.FAILED, "There is no network in this test.")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervisor, "_lane", fail_all)
        folder = tmp_path_factory.mktemp("site") / "data"
        with listening_server(folder, upload_limit_mb=1) as (url, server):
            yield Site(url, server, finished_job(server, *small_scan()))


def test_the_description_names_all_routes() -> None:
    assert len(OPERATIONS) >= 35
    assert "POST /api/jobs" in OPERATIONS
    assert "PUT /datastore/label" in OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_as_described(site: Site, name: str) -> None:
    operation = OPERATIONS[name]
    strategies = [
        operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    ]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(strategies), existing=st.booleans())
    def check(case: Any, existing: bool) -> None:
        if existing:
            for place in (case.path_parameters, case.query):
                for parameter in NAMES:
                    if isinstance(place, dict) and parameter in place:
                        place[parameter] = site.known().id
        response = case.call(base_url=site.url, timeout=30)
        case.validate_response(response, checks=CHECKS)

    check()


def test_the_server_stands_after_it_all(site: Site) -> None:
    assert site.server.folders.uploads.exists()
    assert list(site.server.folders.uploads.iterdir()) == []
    for folder in site.server.folders.jobs.iterdir():
        assert site.server.store.get(folder.name) is not None, folder


def test_the_checks_can_fail(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data") as server:
        answer = server.get("/api/jobs", params={"limit": "many"})
    case = OPERATIONS["GET /api/jobs"].Case()
    case.validate_response(answer, checks=CHECKS)
    answer.status_code = 418
    with pytest.raises(BaseExceptionGroup) as caught:
        case.validate_response(answer, checks=CHECKS)
    assert "418" in str(caught.value.exceptions[0])
