"""`ynet3d dicom export`: what it takes, what it refuses, and series that lack something."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from command_line import left_in, run
from dicom_masks import Case, case, make_case
from pydicom.uid import generate_uid

from ynet3d.dicom_output import Kind
from ynet3d.dicom_output.source import read_source
from ynet3d.errors import InputError, MissingExtraError
from ynet3d.files import write_json
from ynet3d.pipelines.dicom_export import export_prediction
from ynet3d.volumes import Volume, read_label, write_label

hd = pytest.importorskip("highdicom")
__all__ = ["case"]


def write_prediction(case: Case, folder: Path, **changes: object) -> Path:
    """As `ynet3d predict` leaves it."""
    folder.mkdir()
    write_label(case.label, folder / "segmentation.nii.gz")
    weights = {"file": "small.safetensors", "sha256": "0" * 64, "recipe": "small"}
    series = case.scan.metadata["SeriesInstanceUID"]
    write_json(
        folder / "statistics.json",
        {**case.found, "series": series, "weights": weights, **changes},
    )
    return folder


def test_everything(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prediction = write_prediction(case, tmp_path / "prediction")
    packed = shutil.make_archive(str(tmp_path / "scan"), "zip", case.folder)
    out = tmp_path / "out"
    done = run(capsys, "dicom", "export", prediction, packed, "-o", out)
    assert done.code == 0, done
    assert left_in(out) == ["contours.dcm", "report.dcm", "segmentation.dcm"]
    assert [line.split(":")[0] for line in sorted(done.out.splitlines())] == [
        "RTSTRUCT",
        "SEG",
        "SR",
    ]
    back = read_label(out / "segmentation.dcm", like=case.scan)
    assert np.array_equal(back.array, case.label.array)
    algorithm = (
        pydicom.dcmread(out / "segmentation.dcm")
        .SegmentSequence[0]
        .SegmentationAlgorithmIdentificationSequence[0]
    )
    assert "weights=small.safetensors" in algorithm.AlgorithmParameters


def test_only_what_was_asked_for(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prediction = write_prediction(case, tmp_path / "prediction")
    for words, files in (
        (["--seg"], ["segmentation.dcm"]),
        (["--sr"], ["report.dcm", "segmentation.dcm"]),
        (["--rtstruct"], ["contours.dcm"]),
        (["--tumours-together"], ["contours.dcm", "segmentation.dcm"]),
        (["--seg", "--uncompressed"], ["segmentation.dcm"]),
    ):
        out = tmp_path / "-".join(words)
        done = run(capsys, "dicom", "export", prediction, case.folder, "-o", out, *words)
        assert done.code == 0, done
        assert left_in(out) == files
    out = tmp_path / "none"
    words = ("dicom", "export", prediction, case.folder, "-o", out, "--sr", "--tumours-together")
    run(capsys, *words).assert_refused(match="one segment per tumour")
    assert not out.exists()


def test_mask_file_is_measured_here(case: Case, tmp_path: Path) -> None:
    write_label(case.label, tmp_path / "mask.nii.gz")
    written = export_prediction(tmp_path / "mask.nii.gz", case.folder, tmp_path / "out")
    report = hd.sr.srread(written.files[Kind.SR])
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 3
    (name,) = {
        segment.SegmentAlgorithmName
        for segment in pydicom.dcmread(written.files[Kind.SEG]).SegmentSequence
    }
    assert name == "not stated"
    # And a SEG of other hands, which leaves out empty planes, comes back as one.
    again = export_prediction(written.files[Kind.SEG], case.folder, tmp_path / "again")
    back = read_label(again.files[Kind.SEG], like=case.scan)
    assert np.array_equal(back.array, case.label.array)


def test_the_predictions_own_series_is_taken(case: Case, tmp_path: Path) -> None:
    prediction = write_prediction(case, tmp_path / "prediction")
    longer = np.zeros((26, 22, 15), dtype=np.uint8)
    make_case(case.folder / "other", longer, prefix="other")
    written = export_prediction(prediction, case.folder, tmp_path / "out")
    series = pydicom.dcmread(written.files[Kind.SEG]).ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == case.scan.metadata["SeriesInstanceUID"]
    with pytest.raises(InputError, match="does not fit the DICOM series"):
        export_prediction(prediction / "segmentation.nii.gz", case.folder, tmp_path / "second")
    stranger = write_prediction(case, tmp_path / "stranger", series="1.2.3")
    with pytest.raises(InputError, match=r"holds no series 1\.2\.3"):
        export_prediction(stranger, case.folder, tmp_path / "third")


def moved(case: Case, millimetres: float) -> Volume:
    affine = case.label.affine.copy()
    affine[2, 3] += millimetres
    return replace(case.label, affine=affine)


def test_masks_that_do_not_fit(case: Case, tmp_path: Path) -> None:
    label = case.label
    for wrong, match in (
        (Volume(label.array[:, :, 1:], label.affine), "another shape"),
        (moved(case, 4.0), "off by up to 2.7 voxels"),
        (label.with_array(label.array * 2), "has the label 4"),
    ):
        with pytest.raises(InputError, match=match):
            replace(case, label=wrong).write(tmp_path / "out")
    assert replace(case, label=moved(case, 0.01)).write(tmp_path / "near").files
    other = label.array.copy()
    other[0, 0, 0] = 2
    with pytest.raises(InputError, match="statistics are of another mask"):
        replace(case, label=label.with_array(other)).write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_prediction(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    prediction = write_prediction(case, tmp_path / "prediction")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    nifti = prediction / "segmentation.nii.gz"
    for words, match in (
        ((tmp_path / "gone", case.folder), "There is nothing at"),
        ((nothing, case.folder), "holds no segmentation.nii.gz"),
        ((prediction, nifti), "is no DICOM series"),
        ((prediction, nothing), "holds no DICOM images"),
        ((prediction, tmp_path / "gone"), "does not exist"),
        ((prediction, next(case.folder.iterdir())), "is a single DICOM file (one CT slice)"),
    ):
        run(capsys, "dicom", "export", *words, "-o", out).assert_refused(match=match)
    (prediction / "statistics.json").write_text("[]")
    run(capsys, "dicom", "export", prediction, case.folder, "-o", out).assert_refused(
        match="is not as `ynet3d predict` writes it"
    )
    assert not out.exists()


def test_without_highdicom(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ynet3d\[dicom\]'"):
        export_prediction(tmp_path, case.folder, tmp_path / "out")


def test_series_without_uids(tmp_path: Path) -> None:
    """Taken from the file's head where there, else made from the slices', always the same."""
    case = make_case(
        tmp_path / "ct",
        series_uid="",
        StudyInstanceUID="",
        SOPInstanceUID="",
        SOPClassUID="",
        FrameOfReferenceUID=None,
        PatientSex="Male",
        PatientBirthDate="unknown",
        StudyTime="25:00",
    )
    written = case.write(tmp_path / "out")
    assert [note.split(" has no ")[1].split(";")[0] for note in written.notes] == [
        "Study Instance UID",
        "Series Instance UID",
        "Frame of Reference UID",
    ]
    seg, report, contours = (pydicom.dcmread(written.files[kind]) for kind in Kind)
    assert seg.StudyInstanceUID.startswith("2.25.")
    assert seg.StudyInstanceUID == report.StudyInstanceUID == contours.StudyInstanceUID
    assert seg.FrameOfReferenceUID == contours.FrameOfReferenceUID
    assert (seg.PatientSex, seg.PatientBirthDate, seg.StudyTime) == ("", "", "")
    assert read_source(case.folder).first.StudyInstanceUID == seg.StudyInstanceUID
    head = pydicom.dcmread(next(case.folder.iterdir())).file_meta.MediaStorageSOPInstanceUID
    images = contours.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    images = images.RTReferencedSeriesSequence[0].ContourImageSequence
    assert str(head) in [str(image.ReferencedSOPInstanceUID) for image in images]
    assert np.array_equal(
        read_label(written.files[Kind.SEG], like=case.scan).array, case.label.array
    )


def test_slices_that_cannot_be_referred_to(case: Case) -> None:
    for path in case.folder.iterdir():
        data = pydicom.dcmread(path)
        data.SOPInstanceUID = "1.2.3.4.5"
        data.save_as(path)
    with pytest.raises(InputError, match="without a SOP Instance UID of their own"):
        read_source(case.folder)


def enhanced(case: Case) -> pydicom.Dataset:
    """The series as one multi-frame image, its frames in the order of the file names."""
    slices = [pydicom.dcmread(path) for path in sorted(case.folder.iterdir())]
    for data in slices:
        data.PatientBirthDate = data.PatientSex = data.AccessionNumber = data.StudyID = ""
        data.StudyDate = data.StudyTime = data.ReferringPhysicianName = data.Manufacturer = ""
        data.BodyPartExamined = "LIVER"
    return hd.legacy.LegacyConvertedEnhancedCTImage(
        slices,
        series_instance_uid=generate_uid(),
        series_number=3,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )


def test_multi_frame_source(case: Case, tmp_path: Path) -> None:
    image = enhanced(case)
    (tmp_path / "enhanced").mkdir()
    path = tmp_path / "enhanced" / "image.dcm"
    image.save_as(path)
    write_label(case.label, tmp_path / "mask.nii.gz")
    for scan in (path, path.parent):
        written = export_prediction(tmp_path / "mask.nii.gz", scan, tmp_path / "out")
        seg = hd.seg.segread(written.files[Kind.SEG])
        back = read_label(written.files[Kind.SEG], like=case.scan)
        assert np.array_equal(back.array, case.label.array)
        for frame, item in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
            source = frame.DerivationImageSequence[0].SourceImageSequence[0]
            assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
            number = int(source.ReferencedFrameNumber) - 1
            original = image.PerFrameFunctionalGroupsSequence[number]
            assert list(original.PlanePositionSequence[0].ImagePositionPatient) == list(
                frame.PlanePositionSequence[0].ImagePositionPatient
            )
            assert item.any()
        contour = pydicom.dcmread(written.files[Kind.RTSTRUCT]).ROIContourSequence[0]
        image_of = contour.ContourSequence[0].ContourImageSequence[0]
        assert int(image_of.ReferencedFrameNumber) >= 1


def test_multi_frame_without_places(case: Case, tmp_path: Path) -> None:
    image = enhanced(case)
    del image.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence
    image.save_as(tmp_path / "image.dcm")
    with pytest.raises(InputError, match="lacks 1 slice"):
        read_source(tmp_path / "image.dcm")


def test_notes_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path / "ct", FrameOfReferenceUID=None)
    prediction = write_prediction(case, tmp_path / "prediction")
    done = run(capsys, "dicom", "export", prediction, case.folder, "-o", tmp_path / "out")
    assert done.err.startswith("Note: ")
    assert "no Frame of Reference UID" in done.err
    assert json.loads((prediction / "statistics.json").read_text())["series"]
