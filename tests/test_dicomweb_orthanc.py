"""`ynet3d dicomweb` against a real PACS: a study out of Orthanc, SEG and SR back into it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from command_line import Outcome, left_in, run
from dicom_files import write_ct_series
from orthanc import PASSWORD, USER, Orthanc, running_orthanc
from small_runs import save_small_weights, small_scan

from ynet3d.volumes import read_label

for package in ("dicomweb_client", "highdicom"):
    pytest.importorskip(package)

STUDY, TAKEN, OTHER = "1.2.826.0.1.50", "1.2.826.0.1.50.2", "1.2.826.0.1.50.3"
EMPTY_OF_CT = "1.2.826.0.1.51"
ON = ("--device", "cpu", "--runtime", "torch")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """With a study of two CT series, the smaller of which is portal venous, and one of an MR."""
    folder = tmp_path_factory.mktemp("orthanc")
    scan = small_scan()[0]
    with running_orthanc(folder) as server:
        fewer = np.ascontiguousarray(scan.array[:, :, :15])
        taken = write_ct_series(
            folder / "taken",
            fewer,
            scan.affine,
            study_uid=STUDY,
            series_uid=TAKEN,
            SeriesDescription="Abdomen PV",
        )
        native = write_ct_series(
            folder / "other",
            scan.array,
            scan.affine,
            study_uid=STUDY,
            series_uid=OTHER,
            SeriesDescription="Abdomen nativ",
        )
        mr = write_ct_series(
            folder / "mr",
            np.ascontiguousarray(scan.array[:, :, :4]),
            scan.affine,
            study_uid=EMPTY_OF_CT,
            Modality="MR",
        )
        server.upload([*taken, *native, *mr])
        yield server


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


@pytest.fixture
def login(tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return ("--user", USER, "--password-file", str(file))


def assert_no_secret(done: Outcome) -> None:
    assert PASSWORD not in done.out + done.err


def test_round_trip(
    orthanc: Orthanc,
    weights: Path,
    login: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fetch, predict, store; what is then in the PACS; again, and what only half arrived."""
    out = tmp_path / "out"
    words = ("dicomweb", "run", orthanc.url, "--study", STUDY, "-w", weights, *ON, *login)
    done = run(capsys, *words, "-o", out)
    assert done.code == 0, done
    assert_no_secret(done)
    assert done.out.startswith(f"{TAKEN}: ")
    assert "Stored: SEG, SR." in done.out

    # Nothing of the scan stays; the rest is as `predict --dicom` leaves it.
    assert left_in(out) == [
        "dicom",
        "dicom/contours.dcm",
        "dicom/report.dcm",
        "dicom/segmentation.dcm",
        "lesions.csv",
        "overlay.png",
        "segmentation.nii.gz",
        "statistics.json",
        "surface.png",
    ]
    found = json.loads((out / "statistics.json").read_text(encoding="utf-8"))
    assert found["series"] == found["scan"] == TAKEN
    assert any(OTHER in note and "2 axial CT series" in note for note in found["notes"])

    # What the PACS has is what was written, refers to the slices, and is the mask to the voxel.
    (seg,), (report,) = orthanc.objects(STUDY, "SEG"), orthanc.objects(STUDY, "SR")
    assert not orthanc.objects(STUDY, "RTSTRUCT")
    assert seg == pydicom.dcmread(out / "dicom" / "segmentation.dcm")
    assert report == pydicom.dcmread(out / "dicom" / "report.dcm")
    slices = {item.SOPInstanceUID for item in orthanc.objects(STUDY, "CT")}
    referred = {
        item.ReferencedSOPInstanceUID
        for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == TAKEN
    assert referred
    assert referred < slices
    pydicom.dcmwrite(tmp_path / "from-pacs.dcm", seg)
    mask = read_label(out / "segmentation.nii.gz")
    back = read_label(tmp_path / "from-pacs.dcm", like=mask)
    assert mask.array.any()
    assert np.array_equal(back.array, mask.array)

    # Twice: refused before anything is fetched, unless asked for; --series is another scan.
    again = run(capsys, *words)
    again.assert_refused(match="already holds SEG of 20")
    assert str(seg.SeriesInstanceUID) in again.err
    assert "Fetched" not in again.err
    store = ("dicomweb", "store", orthanc.url, out, *login)
    run(capsys, *store).assert_refused(match="give --again")

    # What is missing is stored, and what is there is left alone.
    orthanc.remove("SR")
    done = run(capsys, *store, "--rtstruct")
    assert done.code == 0, done
    assert done.out == "Stored: SR, RTSTRUCT.\n"
    assert "There already: SEG" in done.err
    assert orthanc.objects(STUDY, "SR") == [report]
    assert len(orthanc.objects(STUDY, "SEG")) == len(orthanc.objects(STUDY, "RTSTRUCT")) == 1

    # Another series of the study, and a store that fails midway: the proposed command mends it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ynet3d.pacs.storing._store_one", failing_after_the_seg())
        failed = run(capsys, *words, "--series", OTHER)
    failed.assert_refused(match="SEG stored, but not the rest. The server fell over.", code=1)
    assert_no_secret(failed)
    proposed = shlex.split(failed.err.split("`")[1])
    assert proposed[:3] == ["ynet3d", "dicomweb", "store"]
    kept = Path(proposed[4])
    done = run(capsys, *proposed[1:])
    assert done.out == "Stored: SR.\n", done
    assert len(orthanc.objects(STUDY, "SEG")) == len(orthanc.objects(STUDY, "SR")) == 2
    for path in sorted(kept.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    kept.rmdir()


def failing_after_the_seg() -> Callable[..., str]:
    from ynet3d.errors import YnetError
    from ynet3d.pacs import storing

    original = storing._store_one

    def store_one(pacs: Any, kind: Any, data: Any) -> str:
        if kind is not storing.Kind.SEG:
            raise YnetError("The server fell over.")
        return original(pacs, kind, data)

    return store_one


def test_lists(
    orthanc: Orthanc, login: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("dicomweb", "list", orthanc.url, *login, "--json")
    rows = json.loads(run(capsys, *words).out)
    assert {row["series"]: (row["images"], row["slice_mm"], row["phase"]) for row in rows} == {
        TAKEN: ("15", "4", "portal venous"),
        OTHER: ("18", "4", "native"),
    }
    assert all(row["study"] == STUDY for row in rows)
    assert "Phantom" not in run(capsys, *words[:-1]).out
    run(capsys, *words, "--patient", "nobody").assert_refused(match="no study with CT")

    full = json.loads(run(capsys, *words, "--study", STUDY).out)
    assert [(item["series"], item["images"], item["taken"]) for item in full] == [
        (TAKEN, 15, True),
        (OTHER, 18, False),
    ]
    assert full[0]["spacing_mm"] == [3.0, 3.0, 4.0]
    table = run(capsys, *words[:-1], "--study", STUDY).out
    assert f"Taken without --series: 1 ({TAKEN})." in table


def test_refusals(
    orthanc: Orthanc,
    login: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = ("--study", STUDY, "-o", tmp_path / "out")
    words = ("dicomweb", "run", orthanc.url)
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password", encoding="utf-8")
    run(capsys, *words, *study).assert_refused(match="asks for a login (401)")
    done = run(capsys, *words, *study, "--user", USER, "--password-file", wrong)
    done.assert_refused(match="refuses the login (401)")
    assert "not the password" not in done.err + done.out
    for options, match in (
        (("--study", "1.2.3"), "holds no study 1.2.3"),
        (("--study", EMPTY_OF_CT), "holds no CT (it has 1 x MR)"),
        (("--study", STUDY, "--series", "1.2.3"), "holds no CT series 1.2.3 (it has "),
        (("--study", STUDY, "--no-store"), "nothing would remain"),
        (("--study", "../x"), "no UID"),
    ):
        run(capsys, *words, *options, *login).assert_refused(match=match)
    # Orthanc's own interface has /studies as well.
    for root in (orthanc.root, f"{orthanc.root}/nothing"):
        other = ("dicomweb", "run", root, *study, *login)
        run(capsys, *other).assert_refused(match="like https://pacs.example/dicom-web")
    assert left_in(tmp_path / "out") == []
