"""What a worker makes of a DICOM series: all outputs, and all of them again after a correction."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("highdicom")

from tests.dicom_files import write_ct_series
from tests.serving_cases import context, do_corrections, idle_server, scan_file
from tests.small_runs import save_constant_weights, small_scan
from ynet3d.pipelines.extra_outputs import ExtraOutputs
from ynet3d.serving.job import Task
from ynet3d.serving.worker import work
from ynet3d.volumes import Volume, read_label, read_volume, write_label

SERIES = "1.2.826.0.1.3680043.8.498.7"


def test_a_dicom_series_from_upload_to_correction(tmp_path: Path) -> None:
    image, _ = small_scan()
    write_ct_series(tmp_path / "series", image.array, image.affine, series_uid=SERIES)
    packed = Path(shutil.make_archive(str(tmp_path / "series"), "zip", tmp_path / "series"))
    weights = save_constant_weights(tmp_path / "all-liver.safetensors", 1)
    options = {"weights": [str(weights)], "device": "cpu", "runtime": "torch"}
    with idle_server(tmp_path / "data") as server:
        answer = server.post(
            "/api/jobs", params={"name": "series.zip"}, content=packed.read_bytes()
        )
        identifier = answer.json()["id"]
        job = context(server).store.claim(Task.PREDICT)
        assert job is not None
        work(context(server).store, context(server).folders, job, options)
        shown = server.get(f"/api/jobs/{identifier}").json()
        assert shown["state"] == "done", shown["message"]
        files = set(shown["files"])
        assert {"image.nii.gz", "segmentation.nii.gz", "report.pdf", "report.html"} <= files
        assert any(name.startswith("meshes/") and name.endswith(".stl") for name in files)
        assert any(name.startswith("dicom/") and name.endswith(".dcm") for name in files)
        result = context(server).folders.result(identifier)
        scan = read_volume(context(server).folders.image(identifier))
        mask = read_label(result / "segmentation.nii.gz")
        assert mask.same_grid(scan)
        # By the series' own name, as OHIF asks; its SEG is what was just written.
        seg = server.post("/infer/ynet3d", params={"image": SERIES, "output": "dicom_seg"})
        assert seg.status_code == 200
        assert seg.content[128:132] == b"DICM"

        array = np.zeros_like(mask.array)
        array[6:14, 6:14, 6:12] = 1
        array[9:11, 9:11, 8:10] = 2
        write_label(Volume(array, mask.affine), tmp_path / "mask.nii.gz")
        content = (tmp_path / "mask.nii.gz").read_bytes()
        assert server.put(f"/api/jobs/{identifier}/mask", content=content).status_code == 202
        do_corrections(context(server))
        shown = server.get(f"/api/jobs/{identifier}").json()
        assert "1 tumour" in shown["message"]
        found = json.loads((result / "statistics.json").read_text("utf-8"))
        assert found["series"] == SERIES
        assert found["weights"]["file"] == "all-liver.safetensors"
        again = server.post("/infer/ynet3d", params={"image": SERIES, "output": "dicom_seg"})
        assert again.content != seg.content
        surfaces = json.loads((result / "meshes" / "meshes.json").read_text("utf-8"))["surfaces"]
        assert len(surfaces) == 2  # the liver and one tumour

        # A mask without anything: no surfaces and no DICOM of what was there before.
        write_label(Volume(np.zeros_like(array), mask.affine), tmp_path / "mask.nii.gz")
        content = (tmp_path / "mask.nii.gz").read_bytes()
        server.put(f"/api/jobs/{identifier}/mask", content=content)
        do_corrections(context(server))
        shown = server.get(f"/api/jobs/{identifier}").json()
        assert shown["message"] == "No liver found."
        assert not any(name.startswith("meshes/") for name in shown["files"])
        assert not any(name.endswith("segmentation.dcm") for name in shown["files"])


def test_a_zip_that_holds_no_dicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a zip holds shows only when it is read: a mask all the same, and no DICOM objects."""
    packed = tmp_path / "scan.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(scan_file(tmp_path), "scan.nii.gz")
    weights = save_constant_weights(tmp_path / "all-liver.safetensors", 1)
    options = {"weights": [str(weights)], "device": "cpu", "runtime": "torch"}
    monkeypatch.setattr(ExtraOutputs, "possible", lambda: (ExtraOutputs(dicom=True), []))
    with idle_server(tmp_path / "data") as server:
        content = packed.read_bytes()
        answer = server.post("/api/jobs", params={"name": "scan.zip"}, content=content)
        job = context(server).store.claim(Task.PREDICT)
        assert job is not None
        work(context(server).store, context(server).folders, job, options)
        shown = server.get(f"/api/jobs/{answer.json()['id']}").json()
        assert shown["state"] == "done", shown["message"]
        assert {"image.nii.gz", "segmentation.nii.gz"} <= set(shown["files"])
        assert not any(name.startswith("dicom/") for name in shown["files"])
