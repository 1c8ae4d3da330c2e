"""MONAI Label's protocol, by the requests that its client (0.8), 3D Slicer and OHIF v3 send."""

from __future__ import annotations

import email.parser
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

from tests.serving_cases import context, finished_job, idle_server, scan_file
from tests.small_runs import small_scan
from ynet3d.pipelines.corrected_mask import PREDICTED
from ynet3d.pipelines.extra_outputs import DICOM
from ynet3d.serving.job import Job
from ynet3d.serving.monai_label import DICOM_FOLDER
from ynet3d.volumes import read_label, write_label

IMAGE, LABEL = small_scan()
SERIES = "1.2.826.0.1.3680043.8.498.1"
#: As the client writes it, with its odd characters.
BORDER = "----------lImIt_of_THE_fIle_eW_$"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    with idle_server(tmp_path / "data") as client:
        yield client


@pytest.fixture
def job(server: TestClient) -> Job:
    return finished_job(context(server), IMAGE, LABEL, "volume-7.nii.gz")


def multipart(
    server: TestClient, method: str, path: str, fields: dict[str, str], files: dict[str, Path]
) -> Any:
    """A form, part by part as the client builds it: file names are whole paths."""
    lines: list[bytes] = []
    for name, value in fields.items():
        head = f'--{BORDER}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        lines.append(head.encode() + value.encode())
    for name, file in files.items():
        head = (
            f'--{BORDER}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        lines.append(head.encode() + file.read_bytes())
    lines += [f"--{BORDER}--".encode(), b""]
    return server.request(
        method,
        path,
        content=b"\r\n".join(lines),
        headers={"content-type": f"multipart/form-data; boundary={BORDER}"},
    )


def parts(answer: Any) -> dict[str, tuple[str | None, bytes]]:
    """The parts of a multipart answer: name to (file name, content)."""
    assert answer.status_code == 200, answer.text
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.content)
    found: dict[str, tuple[str | None, bytes]] = {}
    for part in message.iter_parts():  # type: ignore[attr-defined]
        name = part.get_param("name", header="content-disposition")
        found[name] = (part.get_filename(), part.get_payload(decode=True))
    return found


def test_info(server: TestClient, job: Job) -> None:
    info = server.get("/info/").json()
    model = info["models"]["ynet3d"]
    assert model["type"] == "segmentation"
    assert model["labels"] == {"liver": 1, "tumour": 2}
    assert info["labels"] == ["liver", "tumour"]
    assert info["datastore"] == {"total": 1, "completed": 0, "label_tags": {"original": 1}}
    for key in ("name", "version", "trainers", "strategies", "scoring", "train_stats"):
        assert key in info
    assert server.get("/auth/").json()["enabled"] is False
    assert server.get("/train/", params={"check_if_running": True}).status_code == 404


@pytest.mark.parametrize("known_by", ["id", "name", "series"])
def test_slicer_segments(server: TestClient, job: Job, tmp_path: Path, known_by: str) -> None:
    with context(server).store._open() as database:
        database.execute("UPDATE jobs SET series = ?", (SERIES,))
    image = {"id": job.id, "name": "volume-7", "series": SERIES}[known_by]
    params = json.dumps({"client_id": "user-xyz"})
    found = parts(multipart(server, "POST", f"/infer/ynet3d?image={image}", {"params": params}, {}))
    result = json.loads(found["params"][1])
    assert result["label_names"] == {"liver": 1, "tumour": 2}
    name, content = found["image"]
    assert name is not None
    assert name.endswith(".nii.gz")
    (tmp_path / name).write_bytes(content)
    mask = read_label(tmp_path / name)
    assert np.array_equal(mask.array, LABEL.array)
    assert mask.same_grid(LABEL)


def test_ohif_segments(server: TestClient, job: Job, tmp_path: Path) -> None:
    params = {
        "result_extension": ".nrrd",
        "result_dtype": "uint16",
        "result_compress": False,
        "restore_label_idx": False,
    }
    answer = server.post(
        "/infer/ynet3d",
        params={"image": job.id, "output": "all"},
        files={"params": (None, json.dumps(params))},
        headers={"accept": "application/json, multipart/form-data"},
    )
    name, content = parts(answer)["image"]
    assert name is not None
    assert name.endswith(".nrrd")
    (tmp_path / name).write_bytes(content)
    image = SimpleITK.ReadImage(str(tmp_path / name))
    assert image.GetPixelID() == SimpleITK.sitkUInt16
    # SimpleITK counts (k, j, i); its first axis of memory is i.
    values = SimpleITK.GetArrayFromImage(image)
    assert np.array_equal(values.transpose(2, 1, 0), LABEL.array)
    raw = tmp_path / "label.bin"
    raw.write_bytes(values.astype("<u2").tobytes())
    info = [{"name": "liver", "idx": 1}, {"name": "tumour", "idx": 2}]
    saved = server.put(
        "/datastore/label",
        params={"image": job.id},
        data={"params": json.dumps({"label_info": info})},
        files={"label": ("label.bin", raw.read_bytes())},
    )
    assert saved.status_code == 200, saved.text
    stored = context(server).folders.correction(job.id)
    assert np.array_equal(read_label(stored).array, LABEL.array)


def test_answers_of_one_kind(server: TestClient, job: Job) -> None:
    fields = {"params": "{}"}
    answer = multipart(server, "POST", f"/infer/ynet3d?image={job.id}&output=json", fields, {})
    assert answer.json()["statistics"]["lesion_count"] == 1
    answer = multipart(server, "POST", f"/infer/ynet3d?image={job.id}&output=image", fields, {})
    assert answer.headers["content-disposition"].endswith('.nii.gz"')
    assert answer.content[:2] == b"\x1f\x8b"
    answer = multipart(server, "POST", f"/infer/ynet3d?image={job.id}&output=dicom_seg", fields, {})
    assert answer.status_code == 422
    seg = context(server).folders.result(job.id) / DICOM / "segmentation.dcm"
    seg.parent.mkdir()
    seg.write_bytes(b"a SEG")
    answer = multipart(server, "POST", f"/infer/ynet3d?image={job.id}&output=dicom_seg", fields, {})
    assert answer.content == b"a SEG"
    assert DICOM_FOLDER == DICOM


def test_bad_requests(server: TestClient, job: Job) -> None:
    for path, status in (
        ("/infer/other?image=x", 404),
        ("/infer/ynet3d?image=unknown", 404),
        ("/infer/ynet3d", 422),
    ):
        assert multipart(server, "POST", path, {"params": "{}"}, {}).status_code == status
    bad = multipart(server, "POST", f"/infer/ynet3d?image={job.id}", {"params": "[1]"}, {})
    assert bad.status_code == 422
    bad = multipart(
        server,
        "POST",
        f"/infer/ynet3d?image={job.id}",
        {"params": json.dumps({"result_extension": ".exe"})},
        {},
    )
    assert bad.status_code == 422


def test_slicer_uploads_and_works_in_a_session(server: TestClient, tmp_path: Path) -> None:
    scan = scan_file(tmp_path)
    answer = multipart(
        server,
        "PUT",
        "/datastore/?image=My+volume",
        {"params": json.dumps({"client_id": "user"})},
        {"file": scan},
    )
    assert answer.status_code == 200, answer.text
    image = answer.json()["image"]
    assert server.head("/datastore/image", params={"image": "My volume"}).status_code == 200
    download = server.get("/datastore/image", params={"image": image})
    assert download.content == scan.read_bytes()
    session = server.put("/session/", files=[("files", (scan.name, scan.read_bytes()))])
    identifier = session.json()["session_id"]
    assert server.get(f"/session/{identifier}").json()["name"] == identifier
    assert server.delete(f"/session/{identifier}").status_code == 200
    assert server.get(f"/session/{identifier}").status_code == 404
    assert server.delete("/datastore/", params={"id": image}).status_code == 200
    assert server.get("/datastore/").json()["total"] == 0


def test_a_session_of_a_dicom_series(server: TestClient) -> None:
    files = [("files", (f"{number}.dcm", bytes([number]) * 100)) for number in range(3)]
    session = server.put("/session/", files=files).json()["session_id"]
    job = context(server).job(session)
    assert context(server).folders.input(job).suffix == ".zip"


def test_slicer_saves_a_label_with_its_own_numbers(
    server: TestClient, job: Job, tmp_path: Path
) -> None:
    swapped = np.array([0, 2, 1], np.uint8)[LABEL.array]
    write_label(type(LABEL)(swapped, LABEL.affine), tmp_path / "label.nii.gz")
    info = [{"name": "tumor", "idx": 1}, {"name": "Liver", "idx": 2}]
    answer = multipart(
        server,
        "PUT",
        f"/datastore/label?image={job.id}",
        {"params": json.dumps({"label_info": info, "client_id": "user"})},
        {"label": tmp_path / "label.nii.gz"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["label"] == job.id
    stored = context(server).folders.correction(job.id)
    assert np.array_equal(read_label(stored).array, LABEL.array)


def test_masks_are_downloaded(server: TestClient, job: Job, tmp_path: Path) -> None:
    predicted = context(server).folders.result(job.id) / PREDICTED
    write_label(type(LABEL)(np.zeros_like(LABEL.array), LABEL.affine), predicted)
    for tag, highest in (("final", 2), ("original", 0)):
        label = server.get("/datastore/label", params={"label": job.id, "tag": tag})
        assert "filename" in label.headers["content-disposition"]
        (tmp_path / "back.nii.gz").write_bytes(label.content)
        assert read_label(tmp_path / "back.nii.gz").array.max() == highest
    objects = server.get("/datastore/", params={"output": "all"}).json()["objects"]
    names = objects[job.id]["labels"]["original"]["info"]["params"]["label_names"]
    assert names == {"liver": 1, "tumour": 2}


@pytest.mark.parametrize("problem", ["kidney", "grid", "raw size"])
def test_labels_that_are_refused(
    server: TestClient, job: Job, tmp_path: Path, problem: str
) -> None:
    affine = LABEL.affine.copy()
    names, file = ["liver", "tumour"], tmp_path / "label.nii.gz"
    if problem == "kidney":
        names = ["liver", "kidney"]
    elif problem == "grid":
        affine[2, 3] += 1.5
    write_label(type(LABEL)(LABEL.array, affine), file)
    if problem == "raw size":
        file = tmp_path / "label.bin"
        file.write_bytes(b"\x00" * 11)
    info = [{"name": name, "idx": number + 1} for number, name in enumerate(names)]
    answer = multipart(
        server,
        "PUT",
        f"/datastore/label?image={job.id}",
        {"params": json.dumps({"label_info": info})},
        {"label": file},
    )
    assert answer.status_code == 422, answer.text
    assert str(tmp_path) not in answer.json()["detail"]
    assert context(server).job(job.id).revision == 0


def test_the_next_sample_is_one_that_nobody_corrected(server: TestClient, job: Job) -> None:
    sample = server.post("/activelearning/first", json={"client_id": "user"}).json()
    assert sample["id"] == job.id
    server.delete(f"/api/jobs/{job.id}")
    assert server.post("/activelearning/first", json={}).json() == {}


def test_a_form_that_is_too_large(tmp_path: Path) -> None:
    with idle_server(tmp_path / "data", upload_limit_mb=0.1) as server:
        big = tmp_path / "big.nii.gz"
        big.write_bytes(bytes(200_000))
        answer = multipart(server, "PUT", "/datastore/?image=x", {"params": "{}"}, {"file": big})
        assert answer.status_code == 413


def test_the_password_is_the_token(tmp_path: Path) -> None:
    token = "correct-horse-battery"
    with idle_server(tmp_path / "data", token=token) as server:
        assert server.get("/auth/").json()["enabled"] is True
        form = {"username": "me", "password": "wrong", "grant_type": "password"}
        assert server.post("/auth/token", data=form).status_code == 401
        given = server.post("/auth/token", data=form | {"password": token}).json()
        authorization = f"{given['token_type']} {given['access_token']}"
        headers = {"authorization": authorization}
        assert server.get("/auth/token/valid", headers=headers).status_code == 200
        assert server.get("/info/", headers=headers).status_code == 200
        assert server.get("/info/").status_code == 401
