"""A patient's name, numbers, dates and UIDs, followed through everything that is written."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import sqlite3
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from command_line import left_in, run
from dicom_files import write_ct_series
from enhanced_files import write_enhanced_ct
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from small_runs import save_small_weights, small_scan

from ynet3d.cli.main import main
from ynet3d.deidentification import Wording, pseudonym_uid
from ynet3d.volumes import read_label, write_volume

for package in ("fpdf", "highdicom", "pypdfium2", "trimesh", "vtkmodules"):
    pytest.importorskip(package)

ON = ("--device", "cpu", "--runtime", "torch")
ALL = ("--dicom", "--meshes", "--report")
#: What tells whose scan it is, all of it strange enough not to be anywhere by chance.
PATIENT = {
    "PatientName": "Quxname^Zyllah",
    "PatientID": "quxid-447113",
    "PatientBirthDate": "19530611",
    "PatientComments": "quxcomment",
    "PatientAddress": "quxaddress",
    "OtherPatientIDs": "quxother",
    "MedicalRecordLocator": "quxrecord",
    "AccessionNumber": "quxaccession",
    "StudyID": "quxstudyid",
    "StudyDate": "20190317",
    "SeriesDate": "20190318",
    "AcquisitionDate": "20190319",
    "StudyDescription": "quxstudy",
    "SeriesDescription": "quxseries",
    "ProtocolName": "quxprotocol",
    "ReferringPhysicianName": "Quxdoctor^Ref",
    "PerformingPhysicianName": "Quxdoctor^Perf",
    "OperatorsName": "Quxoperator",
    "InstitutionName": "quxhospital",
    "InstitutionAddress": "quxstreet",
    "StationName": "quxstation",
    "DeviceSerialNumber": "quxserial",
    "ImageComments": "quximage",
    "EthnicGroup": "quxethnic",
}
UIDS = {
    "StudyInstanceUID": "1.2.777.1111",
    "SeriesInstanceUID": "1.2.777.2222",
    "FrameOfReferenceUID": "1.2.777.3333",
}
OTHER_SERIES = "1.2.777.4444"
FOLDER = "quxfolder-zyllah"


@dataclass(frozen=True)
class Predicted:
    out: Path
    said: str


def write_patient(folder: Path) -> Path:
    """Two series of one patient; file names tell who it is, too."""
    scan = small_scan()[0]
    for name, series, slices in (("a", UIDS["SeriesInstanceUID"], None), ("b", OTHER_SERIES, 12)):
        write_ct_series(
            folder / f"quxsub-{name}",
            scan.array[:, :, :slices].copy(),
            scan.affine,
            prefix="quxfile-",
            series_uid=series,
            study_uid=UIDS["StudyInstanceUID"],
            **{**PATIENT, "FrameOfReferenceUID": UIDS["FrameOfReferenceUID"]},
        )
    for path in folder.rglob("*.dcm"):
        data = pydicom.dcmread(path)
        data.private_block(0x0099, "quxprivate", create=True).add_new(1, "LO", "quxsecret")
        data.save_as(path)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_patient(tmp_path_factory.mktemp("scans") / FOLDER)


def texts_of(path: Path) -> list[bytes]:
    """All that a file says, packed parts unpacked."""
    content = path.read_bytes()
    texts = [content]
    if path.suffix == ".gz":
        texts.append(gzip.decompress(content))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            texts += [archive.read(name) for name in archive.namelist()]
            texts.append("\n".join(archive.namelist()).encode())
    elif path.suffix == ".pdf":
        import pypdfium2

        with pypdfium2.PdfDocument(path) as document:
            texts += [page.get_textpage().get_text_range().encode() for page in document]
            texts.append(str(document.get_metadata_dict()).encode())
    elif path.suffix in (".html", ".json"):
        for packed in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
            inside = base64.b64decode(packed)
            texts.append(gzip.decompress(inside) if inside[:2] == b"\x1f\x8b" else inside)
    return texts


def told(folder: Path, wanted: set[str]) -> dict[str, set[str]]:
    """Which files tell what of `wanted`, in any case, by content or by name."""
    found: dict[str, set[str]] = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        name = str(path.relative_to(folder))
        texts = [text.lower() for text in (*texts_of(path), name.encode())]
        for secret in wanted:
            forms = {secret.lower().encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")}
            if any(form in text for form in forms for text in texts):
                found.setdefault(name, set()).add(secret)
    return found


SECRETS = {
    *(part for value in PATIENT.values() for part in value.split("^") if len(part) > 4),
    # Not shorter: three letters stand in any picture by chance.
    *("quxfile", "quxsub", "quxsecret", FOLDER, OTHER_SERIES, "1.2.777"),
}


def predicted(weights: Path, patient: Path, out: Path, *options: str) -> Predicted:
    """By the command line, in this process."""
    said = io.StringIO()
    words = ("predict", patient, "-w", weights, *ON, "-o", out, *options)
    with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert not ended.value.code, said.getvalue()
    return Predicted(out, said.getvalue())


@pytest.fixture(scope="module")
def hidden(weights: Path, patient: Path, tmp_path_factory: pytest.TempPathFactory) -> Predicted:
    out = tmp_path_factory.mktemp("hidden") / "out"
    return predicted(weights, patient, out, *ALL, "--deidentify")


@pytest.fixture(scope="module")
def plain(weights: Path, patient: Path, tmp_path_factory: pytest.TempPathFactory) -> Predicted:
    return predicted(weights, patient, tmp_path_factory.mktemp("plain") / "out", "--dicom")


def test_nothing_tells_whose_scan_it_is(hidden: Predicted) -> None:
    assert {"report.html", "report.pdf", "meshes", "dicom"} <= set(left_in(hidden.out))
    assert told(hidden.out, SECRETS) == {}
    seen = told(hidden.out, {"research use"})  # texts of packed and printed files are found
    assert {"report.html", "report.pdf", "statistics.json", "dicom/contours.dcm"} <= seen.keys()
    said = hidden.said.replace(str(hidden.out), "").lower()
    assert [secret for secret in sorted(SECRETS) if secret.lower() in said] == []


def test_without_it_the_objects_alone_tell_the_patient(plain: Predicted) -> None:
    """And the search finds what there is to find."""
    named = {"Quxname", "quxid-447113", "19530611"}
    found = told(plain.out, named)
    assert found == {f"dicom/{kind}.dcm": named for kind in ("contours", "report", "segmentation")}
    assert told(plain.out, {UIDS["SeriesInstanceUID"], FOLDER})["statistics.json"]


def test_objects_belong_together(hidden: Predicted) -> None:
    found = json.loads((hidden.out / "statistics.json").read_text("utf-8"))
    assert found["scan"] == "scan"
    assert found["deidentified"] is True
    assert found["series"] == pseudonym_uid(UIDS["SeriesInstanceUID"])
    assert any(pseudonym_uid(OTHER_SERIES) in note for note in found["notes"])
    objects = [pydicom.dcmread(path) for path in sorted((hidden.out / "dicom").iterdir())]
    assert len(objects) == 3
    for data in objects:
        assert data.StudyInstanceUID == pseudonym_uid(UIDS["StudyInstanceUID"])
        assert data.PatientName == "Anonymous"
        assert data.PatientID.startswith("anonymous-")
        assert data.PatientIdentityRemoved == "YES"
        assert data.DeidentificationMethod
        assert not data.PatientBirthDate
        assert not data.StudyDate
        assert not data.AccessionNumber
        for element in data.iterall():
            if element.VR in ("DA", "DT") and element.value:
                assert str(element.value).startswith("19000101"), element
    seg = next(data for data in objects if data.Modality == "SEG")
    assert seg.FrameOfReferenceUID == pseudonym_uid(UIDS["FrameOfReferenceUID"])
    series = seg.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == found["series"]


def test_the_mask_is_the_same(hidden: Predicted, plain: Predicted) -> None:
    ours, theirs = (
        read_label(folder / "segmentation.nii.gz") for folder in (hidden.out, plain.out)
    )
    assert (ours.array == theirs.array).all()
    assert ours.same_grid(theirs)
    segs = [pydicom.dcmread(f / "dicom" / "segmentation.dcm") for f in (hidden.out, plain.out)]
    assert segs[0].PixelData == segs[1].PixelData
    for name in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        shared = [seg.SharedFunctionalGroupsSequence[0][name].value[0] for seg in segs]
        assert shared[0] == shared[1]


def test_a_later_export_finds_the_series_and_tells_no_more(
    hidden: Predicted, patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "dicom", "export", hidden.out, patient, "-o", tmp_path / "later")
    assert done.code == 0, done
    assert len(left_in(tmp_path / "later")) == 3
    assert told(tmp_path / "later", SECRETS) == {}


def test_a_multi_frame_image(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = small_scan()[0]
    secrets = {name: PATIENT[name] for name in ("PatientName", "PatientID", "InstitutionName")}
    write_enhanced_ct(
        tmp_path / FOLDER / "quxfile.dcm",
        scan.array,
        scan.affine,
        series_uid=UIDS["SeriesInstanceUID"],
        content=lambda k: {
            "FrameAcquisitionDateTime": f"201903{k + 1:02d}",
            "FrameComments": "quxframe",
        },
        **secrets,
    )
    words = ("predict", tmp_path / FOLDER, "-w", weights, *ON, "-o", tmp_path / "out", "--dicom")
    done = run(capsys, *words, "--deidentify")
    assert done.code == 0, done
    assert len(left_in(tmp_path / "out" / "dicom")) == 3
    assert (
        told(
            tmp_path / "out", {"quxfile", "quxframe", "quxhospital", "zyllah", "1.2.777", "201903"}
        )
        == {}
    )


def test_several_scans_get_numbers_and_a_key(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    write_volume(small_scan(1)[0], scans / "quxone.nii.gz")
    (scans / "quxtwo.nii.gz").write_bytes(b"no scan")
    key, out = tmp_path / "key.csv", tmp_path / "out"
    words = ("predict", scans, "-w", weights, *ON, "-o", out, "--deidentify")

    done = run(capsys, *words)
    assert done.code == 2
    assert "--key" in done.err
    done = run(capsys, *words, "--key", out / "key.csv")
    assert done.code == 2
    assert "outside" in done.err
    assert not out.exists()

    done = run(capsys, *words, "--key", key)
    assert done.code == 2
    assert "scan-002" in done.err
    assert "qux" not in done.out + done.err
    rows = list(csv.reader(key.read_text("utf-8").splitlines()))
    assert rows == [
        ["name", "input"],
        ["scan-001", str(scans / "quxone.nii.gz")],
        ["scan-002", str(scans / "quxtwo.nii.gz")],
    ]
    assert [path.name for path in out.iterdir()] == ["scan-001"]
    assert told(out, {"quxone", "quxtwo"}) == {}

    done = run(capsys, *words, "--key", key)
    assert done.code == 2
    assert "exists" in done.err
    done = run(capsys, *words, "--key", tmp_path / "other.csv")
    assert done.code == 2
    assert "another folder" in done.err
    done = run(capsys, *words[:-1], "--key", tmp_path / "other.csv")
    assert done.code == 2
    assert "--deidentify" in done.err


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_pseudonyms_are_uids_and_the_same_each_time(numbers: list[int]) -> None:
    uid = "1.2." + ".".join(map(str, numbers))
    made = pseudonym_uid(uid)
    assert UID(made).is_valid
    assert made == pseudonym_uid(uid) != uid
    assert pseudonym_uid(f"{uid}#2") == f"{made}#2"
    assert pseudonym_uid(uid + "1") != made
    assert pseudonym_uid("") == ""


def test_wording_names_neither_files_nor_parts_of_other_uids() -> None:
    wording = Wording("scan", Path("/a/b"), True, frozenset({"1.2.3", "1.2.3.4"}))
    said = wording("/a/b/x y is odd, /a/b/c/d.dcm too: 1.2.3.4, 1.2.3, 1.2.3.45 and 1.2.3.")
    ours = pseudonym_uid("1.2.3.4"), pseudonym_uid("1.2.3")
    assert said == f"scan y is odd, scan too: {ours[0]}, {ours[1]}, 1.2.3.45 and {ours[1]}."
    assert Wording("scan", Path("/a/b"))("/a/b/c of 1.2.3") == "scan/c of 1.2.3"


def test_an_archive(
    weights: Path, patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cases tell nothing; the tables beside them are the key, and know results again."""
    out = tmp_path / "out"
    words = ("archive", patient, "-w", weights, *ON, "-o", out, "--dicom", "--deidentify")
    done = run(capsys, *words)
    assert done.code == 0, done
    assert left_in(out / "cases")[0] == "scan-000001"
    assert told(out / "cases", SECRETS) == {}
    rows = list(csv.DictReader((out / "manifest.csv").read_text("utf-8").splitlines()))
    assert {Path(row["input"]).name: row["name"] for row in rows} == {
        "quxsub-a": "scan-000001",
        "quxsub-b": "scan-000002",
    }
    receipts = [out / "cases" / row["name"] / "archive.json" for row in rows]
    before = [path.read_bytes() for path in receipts]
    with sqlite3.connect(out / "manifest.sqlite") as manifest:  # as if killed before it was noted
        manifest.execute("UPDATE cases SET state = 'waiting'")
    manifest.close()
    done = run(capsys, *words)
    assert done.code == 0, done
    assert [path.read_bytes() for path in receipts] == before
