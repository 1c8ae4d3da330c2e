"""The worker itself, with a network that calls every voxel liver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_runs import save_constant_weights, small_scan
from ynet3d.archive.messages import Kind, Task
from ynet3d.archive.options import ArchiveSettings, digest_of
from ynet3d.archive.results import file_sha256
from ynet3d.archive.worker import CaseWorker, WorkerPlan
from ynet3d.errors import InputError
from ynet3d.volumes import read_label, write_volume


def test_a_case_from_scan_to_its_place(tmp_path: Path) -> None:
    image, _ = small_scan()
    write_volume(image, tmp_path / "scan.nii.gz")
    (tmp_path / "bad.nii.gz").write_bytes(b"nonsense")
    weights = save_constant_weights(tmp_path / "w.safetensors", 1)
    settings = ArchiveSettings(weights=(str(weights),), runtime="torch", precision="fp32")
    digest = digest_of(settings.identity())
    out = tmp_path / "out"
    plan = WorkerPlan(settings, digest, str(out), threads=1, temp=tmp_path / "temp")
    worker = CaseWorker(plan, "worker-1")
    assert worker.load().kind is Kind.LOADED
    bad = worker.predict(Task(1, str(tmp_path / "bad.nii.gz"), "bad", None, "", 1))
    assert bad.kind is Kind.REFUSED
    assert "bad.nii.gz" in bad.sentence
    assert worker.predict(Task(2, str(tmp_path / "no.nii"), "no", None, "", 1)).kind is Kind.REFUSED
    ready = worker.predict(Task(3, str(tmp_path / "scan.nii.gz"), "good", None, "7", 1))
    assert ready.kind is Kind.READY, ready.sentence
    assert not (out / "cases").exists()  # not before leave is given
    assert worker.publish().kind is Kind.PUBLISHED
    place = out / "cases" / "good"
    mask = read_label(place / "segmentation.nii.gz")
    assert mask.array.shape == image.array.shape
    assert mask.array.max() == 1
    assert ready.measured["mask_sha256"] == file_sha256(place / "segmentation.nii.gz")
    assert ready.measured["liver_ml"] > 0
    assert ready.measured["input_bytes"] == (tmp_path / "scan.nii.gz").stat().st_size
    receipt = json.loads((place / "archive.json").read_text("utf-8"))
    assert (receipt["settings"], receipt["mark"]) == (digest, "7")
    files = {path.name for path in place.iterdir()}
    assert set(receipt["files"]) == files - {"archive.json"}
    worker.close()
    assert not list((tmp_path / "temp").iterdir())
    assert not list((out / ".working").iterdir())


def test_identity_follows_content_not_paths(tmp_path: Path) -> None:
    one = save_constant_weights(tmp_path / "one.safetensors", 1)
    same = save_constant_weights(tmp_path / "same.safetensors", 1)
    other = save_constant_weights(tmp_path / "other.safetensors", 2)
    digests = [
        digest_of(ArchiveSettings(weights=(str(path),)).identity()) for path in (one, same, other)
    ]
    assert digests[0] == digests[1] != digests[2]
    with pytest.raises(InputError, match="no weights at"):
        ArchiveSettings(weights=("absent",)).identity()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA")
def test_memory_is_limited() -> None:
    program = (
        "import numpy as np\n"
        "from ynet3d.archive.worker import _limit_memory\n"
        "_limit_memory(0.6)\n"
        "np.ones(30_000_000)\n"
        "try:\n"
        "    np.ones(100_000_000)\n"
        "except MemoryError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "refused\n", done.stderr
