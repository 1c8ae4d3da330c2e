"""All that `predict` writes on request, of one scan; and what the commands make of each other's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from command_line import left_in, run
from dicom_files import write_ct_series
from html_pages import read_page
from small_runs import save_constant_weights, save_small_weights, small_scan

from ynet3d.dicom_output.regions import origin_of
from ynet3d.pipelines.extra_outputs import ExtraOutputs
from ynet3d.pipelines.prediction import predict_files
from ynet3d.pipelines.segmentations import read_statistics
from ynet3d.volumes import read_label

for package in ("fpdf", "highdicom", "trimesh", "vtkmodules"):
    pytest.importorskip(package)

ON = ("--device", "cpu", "--runtime", "torch")
ALL = ("--dicom", "--meshes", "--report")
OBJECTS = ["contours.dcm", "report.dcm", "segmentation.dcm"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save_small_weights(tmp_path / "small.safetensors")


def write_two_series(folder: Path) -> None:
    """The series with more slices, which is taken by itself, and another."""
    scan = small_scan()[0]
    write_ct_series(folder / "a", scan.array, scan.affine, series_uid="1.2.3")
    write_ct_series(
        folder / "b", np.ascontiguousarray(scan.array[:, :, :12]), scan.affine, series_uid="1.2.9"
    )


def test_all_at_once_and_later(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Later commands take the series that was predicted, not the one that is taken by itself."""
    series, out = tmp_path / "ct", tmp_path / "out"
    write_two_series(series)
    words = ("predict", series, "--series", "1.2.9", "-w", weights, *ON)
    done = run(capsys, *words, "-o", out, *ALL)
    assert done.code == 0, done
    found = read_statistics(out)
    assert found is not None
    mask = read_label(out / "segmentation.nii.gz")
    assert mask.shape[2] == 12
    assert {"report.html", "report.pdf"} < {path.name for path in out.iterdir()}
    assert left_in(out / "dicom") == OBJECTS
    surfaces = json.loads((out / "meshes" / "meshes.json").read_text())["surfaces"]
    assert len(surfaces) == 1 + found["lesion_count"]
    page = read_page(out / "report.html")
    assert found["summary"] in page.text
    assert all(note in page.text for note in found["notes"])
    seg = pydicom.dcmread(out / "dicom" / "segmentation.dcm")
    assert len(seg.SegmentSequence) == len(surfaces)
    assert origin_of({**found, "version": "9.8"}).version == "9.8"

    for later in (
        ("report", out, series, "-o", tmp_path / "report"),
        ("dicom", "export", out, series, "-o", tmp_path / "dicom"),
        ("mesh", out, "-o", tmp_path / "meshes", "-q"),
        ("follow-up", out, out, "-o", tmp_path / "change", "-q"),
    ):
        done = run(capsys, *later)
        assert done.code == 0, done
    assert found["summary"] in read_page(tmp_path / "report" / "report.html").text
    assert left_in(tmp_path / "dicom") == OBJECTS
    assert left_in(tmp_path / "meshes") == left_in(out / "meshes")
    change = json.loads((tmp_path / "change" / "follow-up.json").read_text())
    assert change["counts"]["matched"] == found["lesion_count"]

    done = run(capsys, *words, "-o", out)
    said = "".join(done.err.split())  # long lines are broken anywhere
    for name in ("dicom", "meshes", "report.html"):
        assert f"{name}isofanearlierprediction" in said


def test_uneven_slices(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mask lies on the even grid that the slices were resampled to; so does all made of it."""
    scan = small_scan()[0]
    z = np.concatenate([[0.0], np.cumsum([4.0] * 9 + [8.0] * 8)])
    start = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ scan.affine)[:3, 3]
    series, out = tmp_path / "ct", tmp_path / "out"
    write_ct_series(
        series,
        scan.array,
        scan.affine,
        ImagePositionPatient=lambda k: [float(start[0]), float(start[1]), float(start[2] + z[k])],
    )
    words = ("predict", series, "-w", weights, *ON, "-o", out)
    done = run(capsys, *words, *ALL)
    assert done.code == 0, done
    found = read_statistics(out)
    assert found is not None
    assert found["grid"]["shape"][2] == 26
    assert any("nearest plane" in note for note in found["notes"])
    assert any("resampled" in note for note in found["notes"])
    page = read_page(out / "report.html")
    assert all(note in page.text for note in found["notes"])
    done = run(capsys, "report", out, series, "-o", tmp_path / "report")
    assert done.code == 0, done


def test_an_empty_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No surfaces and no SEG of nothing; the report says so, and the prediction is there."""
    nothing = save_constant_weights(tmp_path / "nothing.safetensors", 0)
    scan = small_scan()[0]
    series, out = tmp_path / "ct", tmp_path / "out"
    write_ct_series(series, scan.array, scan.affine)
    done = run(capsys, "predict", series, "-o", out, "-w", nothing, *ON, *ALL)
    assert done.code == 0, done
    assert not (out / "meshes").exists()
    assert left_in(out / "dicom") == ["report.dcm"]
    assert "The mask is empty, so no surfaces were written." in read_page(out / "report.html").text


def test_what_is_missing_is_said_before_predicting(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan = small_scan()[0]
    write_ct_series(tmp_path / "ct", scan.array, scan.affine)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for option, extra in (("--dicom", "dicom"), ("--report", "report")):
        words = ("predict", tmp_path / "ct", "-o", tmp_path / "out", "-w", weights)
        run(capsys, *words, option).assert_refused(match=f"ynet3d[{extra}]", code=1)
        assert left_in(tmp_path / "out") == []
    possible, lacking = ExtraOutputs.possible()
    assert possible == ExtraOutputs(meshes=True)
    assert [sentence.rpartition(" ")[2] for sentence in lacking] == [
        "'ynet3d[dicom]'",
        "'ynet3d[report]'",
    ]


def test_notes_without_paths(weights: Path, tmp_path: Path) -> None:
    """Of a scan that lies in a temporary folder, notes and objects have the name alone."""
    scan = small_scan()[0]
    series = tmp_path / "away" / "1.2.3"
    write_ct_series(series, scan.array, scan.affine, FrameOfReferenceUID=None)
    for paths in (True, False):
        done, _ = predict_files(
            [series],
            tmp_path / "out",
            weights=weights,
            device="cpu",
            runtime="torch",
            dicom=True,
            notes=["It came from elsewhere."],
            paths_in_notes=paths,
        )
        notes = done[0].statistics["notes"]
        assert notes[0] == "It came from elsewhere."
        (about,) = (note for note in notes if "Frame of Reference" in note)
        assert about.startswith(str(series) if paths else "1.2.3 has no")
        assert any("away" in note for note in notes) == paths
