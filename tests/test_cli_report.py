"""`ynet3d report` and `ynet3d predict --report`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import left_in, run
from html_pages import read_page
from small_runs import save_small_weights, small_scan

from ynet3d.volumes import Volume, write_label, write_volume

pytest.importorskip("fpdf")
pytest.importorskip("trimesh")

REPORTS = ["report.html", "report.pdf"]


@pytest.fixture
def predicted(tmp_path: Path) -> tuple[Path, Path]:
    """A scan, and a folder with a mask of it and nothing else."""
    image, label = small_scan()
    write_volume(image, tmp_path / "scan.nii.gz")
    folder = tmp_path / "case 7"
    folder.mkdir()
    write_label(label, folder / "segmentation.nii.gz")
    return tmp_path / "scan.nii.gz", folder


def test_predict_and_report_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = save_small_weights(tmp_path / "small.safetensors")
    scan, out = tmp_path / "scan.nii.gz", tmp_path / "out"
    write_volume(small_scan()[0], scan)
    words = ("predict", scan, "-o", out, "-w", weights, "--device", "cpu", "--runtime", "torch")
    done = run(capsys, *words, "--report")
    assert done.code == 0, done
    assert {"segmentation.nii.gz", *REPORTS} < set(left_in(out))
    page = read_page(out / "report.html")
    found = json.loads((out / "statistics.json").read_text(encoding="utf-8"))
    for said in (found["summary"], "small.safetensors", "torch", *found["notes"]):
        assert said in page.text
    other = tmp_path / "other"
    done = run(capsys, "report", out, scan, "-o", other)
    assert done.code == 0, done
    assert done.out.split() == [str(other / name) for name in REPORTS]
    assert left_in(other) == REPORTS
    assert found["summary"] in read_page(other / "report.html").text
    again = run(capsys, *words)
    assert "the report in" in " ".join(again.err.split())


def test_a_mask_alone_is_measured(
    predicted: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    scan, folder = predicted
    done = run(capsys, "report", folder, scan)
    assert done.code == 0, done
    assert left_in(folder) == [*REPORTS, "segmentation.nii.gz"]
    text = read_page(folder / "report.html").text
    assert "case 7" in text
    assert "1 tumour" in text


def test_bad_input(predicted: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    scan, folder = predicted
    before = left_in(folder)
    image, _ = small_scan()
    other = scan.with_name("other.nii.gz")
    write_volume(Volume(np.ascontiguousarray(image.array[:, :, :-2]), image.affine), other)
    run(capsys, "report", folder, other).assert_refused(match="is not of the scan")
    run(capsys, "report", scan.parent, scan).assert_refused(match="There is no segmentation.nii.gz")
    run(capsys, "report", folder, scan.parent / "no").assert_refused(match="does not exist")
    assert left_in(folder) == before
    (folder / "statistics.json").write_text("{}", encoding="utf-8")
    run(capsys, "report", folder, scan).assert_refused(match="has no summary")
    (folder / "statistics.json").write_text("{", encoding="utf-8")
    run(capsys, "report", folder, scan).assert_refused(match="cannot be read")
    shutil.copy(scan, folder / "segmentation.nii.gz")
    (folder / "statistics.json").unlink()
    assert run(capsys, "report", folder, scan).code == 2


def test_predicting_imports_nothing_of_reports() -> None:
    program = (
        "import sys\n"
        "import ynet3d.pipelines.prediction\n"
        "print([name for name in sys.modules"
        " if name.split('.')[0] in ('fpdf', 'trimesh') or 'case_report' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
