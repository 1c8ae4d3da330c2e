"""Results: files, corrections, deletion, numbers for a monitor, the client."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
import httpx
from fastapi.testclient import TestClient

from tests.serving_cases import (
    context,
    do_corrections,
    finished_job,
    idle_server,
    left_behind,
    scan_file,
)
from tests.small_runs import small_scan
from ynet3d.errors import InputError, YnetError
from ynet3d.pipelines.corrected_mask import PREDICTED
from ynet3d.serving import Client
from ynet3d.serving.job import Job
from ynet3d.volumes import Volume, read_label, write_label

IMAGE, LABEL = small_scan()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    with idle_server(tmp_path / "data") as client:
        yield client


@pytest.fixture
def job(server: TestClient) -> Job:
    return finished_job(context(server), IMAGE, LABEL)


def mask_file(folder: Path, label: Volume) -> Path:
    write_label(label, folder / "mask.nii.gz")
    return folder / "mask.nii.gz"


def two_lesions() -> Volume:
    array = np.where(LABEL.array > 0, np.uint8(1), np.uint8(0))
    corner = np.argwhere(array)[0]
    i, j, k = (int(one) for one in corner)
    array[i + 1 : i + 3, j + 1 : j + 3, k + 1 : k + 3] = 2
    array[i + 5 : i + 8, j + 5 : j + 8, k + 5 : k + 8] = 2
    return Volume(array, LABEL.affine)


def test_files_of_a_result(server: TestClient, job: Job) -> None:
    shown = server.get(f"/api/jobs/{job.id}").json()
    assert shown["state"] == "done"
    assert shown["message"] == job.message
    assert shown["files"] == [
        "image.nii.gz",
        "lesions.csv",
        "segmentation.nii.gz",
        "statistics.json",
    ]
    for name in shown["files"]:
        assert server.get(f"/api/jobs/{job.id}/files/{name}").status_code == 200
    for name in (
        "../input/scan.nii.gz",
        "%2e%2e/input/scan.nii.gz",
        "nothing",
        "..%2f..%2fqueue.sqlite",
    ):
        assert server.get(f"/api/jobs/{job.id}/files/{name}").status_code == 404


def test_everything_as_one_zip(server: TestClient, job: Job) -> None:
    answer = server.get(f"/api/jobs/{job.id}/all.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["lesions.csv", "segmentation.nii.gz", "statistics.json"]
        assert archive.testzip() is None
    assert list(context(server).folders.uploads.iterdir()) == []


def test_a_corrected_mask_is_measured_anew(server: TestClient, job: Job, tmp_path: Path) -> None:
    corrected = two_lesions()
    content = mask_file(tmp_path, corrected).read_bytes()
    answer = server.put(f"/api/jobs/{job.id}/mask", content=content)
    assert answer.status_code == 202
    assert answer.json()["state"] == "queued"
    do_corrections(context(server))
    shown = server.get(f"/api/jobs/{job.id}").json()
    assert (shown["state"], shown["revision"]) == ("done", 1)
    assert "2 tumours" in shown["message"]
    result = context(server).folders.result(job.id)
    assert np.array_equal(read_label(result / "segmentation.nii.gz").array, corrected.array)
    assert np.array_equal(read_label(result / PREDICTED).array, LABEL.array)
    found = json.loads((result / "statistics.json").read_text("utf-8"))
    assert found["lesion_count"] == 2
    assert found["tumour_ml"] == pytest.approx((8 + 27) * LABEL.voxel_ml)
    assert found["lesions"][0]["hu"] is not None
    assert any("corrected by hand" in note for note in found["notes"])
    assert len((result / "lesions.csv").read_text("utf-8").splitlines()) == 3
    assert (result / "overlay.png").is_file()


@pytest.mark.parametrize("change", ["shifted", "smaller", "flipped", "label 3", "no mask"])
def test_masks_that_are_refused(server: TestClient, job: Job, tmp_path: Path, change: str) -> None:
    array, affine = LABEL.array.copy(), LABEL.affine.copy()
    if change == "shifted":
        affine[0, 3] += 0.5
    elif change == "smaller":
        array = array[1:]
    elif change == "flipped":
        affine = affine @ np.diag([-1.0, 1, 1, 1])
    elif change == "label 3":
        array[5, 5, 5] = 3
    content = mask_file(tmp_path, Volume(array, affine)).read_bytes()
    if change == "no mask":
        content = b"no mask"
    answer = server.put(f"/api/jobs/{job.id}/mask", content=content)
    assert answer.status_code == 422
    assert str(tmp_path) not in answer.json()["detail"]
    assert context(server).job(job.id).state == "done"
    assert not any("upload" in name for name in left_behind(context(server)))


def test_only_finished_jobs_are_corrected(server: TestClient, tmp_path: Path) -> None:
    content = scan_file(tmp_path).read_bytes()
    waiting = server.post("/api/jobs", params={"name": "a.nii.gz"}, content=content).json()
    assert server.put(f"/api/jobs/{waiting['id']}/mask", content=b"x").status_code == 409


def test_a_correction_that_fails_leaves_the_result(
    server: TestClient, job: Job, tmp_path: Path
) -> None:
    server.put(f"/api/jobs/{job.id}/mask", content=mask_file(tmp_path, LABEL).read_bytes())
    context(server).folders.input(job).unlink()  # what it measures is gone
    do_corrections(context(server))
    shown = server.get(f"/api/jobs/{job.id}").json()
    assert shown["state"] == "done"
    assert "does not exist" in shown["message"] or "nothing at" in shown["message"]
    assert str(tmp_path) not in shown["message"]
    assert "statistics.json" in shown["files"]


def test_cancelled_and_deleted_jobs_leave_nothing(server: TestClient, tmp_path: Path) -> None:
    content = scan_file(tmp_path).read_bytes()
    one, two = (
        server.post("/api/jobs", params={"name": "a.nii.gz"}, content=content).json()["id"]
        for _ in range(2)
    )
    assert server.post(f"/api/jobs/{one}/cancel").json()["state"] == "cancelled"
    assert server.post(f"/api/jobs/{one}/cancel").status_code == 409
    assert server.delete(f"/api/jobs/{two}").status_code == 204
    assert server.get(f"/api/jobs/{two}").status_code == 404
    assert left_behind(context(server)) == []


def test_results_go_after_their_time(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", keep_hours=1e-6) as server:
        job = finished_job(context(server), IMAGE, LABEL)
        time.sleep(0.05)
        context(server).supervisor.delete_old()
        assert server.get(f"/api/jobs/{job.id}").status_code == 404
        assert left_behind(context(server)) == []


def test_unknown_jobs(server: TestClient) -> None:
    for path in ("", "/files/statistics.json", "/all.zip"):
        assert server.get(f"/api/jobs/{'0' * 32}{path}").status_code == 404
    assert server.get("/api/jobs/..%2f..").status_code == 404


def test_numbers_for_a_monitor(server: TestClient, job: Job) -> None:
    server.post("/api/jobs", params={"name": "a.nii.gz"}, content=b"no scan")
    text = server.get("/metrics").text
    assert 'ynet3d_jobs{state="done"} 1' in text
    assert 'ynet3d_uploads_total{outcome="refused"} 1' in text
    assert "ynet3d_prediction_seconds_count 1" in text
    values = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(float(line.rsplit(" ", 1)[1]) >= 0 for line in values)
    assert job.name not in text


def test_the_api_is_documented(server: TestClient) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    assert {"/api/jobs", "/api/jobs/{identifier}/mask", "/infer/{model}", "/metrics"} <= set(paths)
    for methods in paths.values():
        for one in methods.values():
            assert one.get("description"), one


def client_of(server: TestClient) -> Client:
    """The client, talking to the application in this process."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = server.request(
            request.method,
            str(request.url),
            content=request.read(),
            headers=dict(request.headers),
        )
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    return Client("http://127.0.0.1", transport=httpx.MockTransport(answer))


def test_the_client(server: TestClient, job: Job, tmp_path: Path) -> None:
    with client_of(server) as client:
        waiting = client.upload(scan_file(tmp_path))
        assert client.status(waiting)["state"] == "queued"
        with pytest.raises(YnetError, match="not done within"):
            client.wait(waiting, timeout=0, poll=0.01)
        client.cancel(waiting)
        with pytest.raises(InputError, match="cancelled"):
            client.wait(waiting)
        client.delete(waiting)
        assert [one["id"] for one in client.jobs()] == [job.id]
        assert client.wait(job.id) == job.id
        files = client.download(job.id, tmp_path / "out")
        assert (tmp_path / "out" / "statistics.json") in files
        assert np.array_equal(
            read_label(tmp_path / "out" / "segmentation.nii.gz").array, LABEL.array
        )
        client.correct(job.id, tmp_path / "out" / "segmentation.nii.gz")
        assert client.status(job.id)["task"] == "correct"
        bad = tmp_path / "bad.nii.gz"
        bad.write_bytes(b"words")
        with pytest.raises(InputError, match=r"bad\.nii\.gz is text"):
            client.upload(bad)
        with pytest.raises(InputError, match="no file"):
            client.upload(tmp_path / "none")


def test_a_client_without_a_server() -> None:
    with (
        Client("http://127.0.0.1:9", timeout=2) as client,
        pytest.raises(YnetError, match="cannot be reached"),
    ):
        client.jobs()
