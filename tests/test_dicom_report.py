"""The structured report: what it measures, which segments it refers to, and empty masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_masks import LIVER_HU, SHAPE, TUMOUR_HU, Case, case, make_case
from pydicom.sr.codedict import codes

from ynet3d.dicom_output import Kind
from ynet3d.dicom_output.report import organ_hu

hd = pytest.importorskip("highdicom")
__all__ = ["case"]


def groups_of(path: Path) -> list[Any]:
    report = hd.sr.srread(path)
    return report.content.get_volumetric_roi_measurement_groups()


def values(group: Any) -> dict[tuple[str, str], float]:
    """Measurements by name and derivation."""
    return {
        (m.name.meaning, m.derivation.meaning if m.derivation else ""): m.value
        for m in group.get_measurements()
    }


def test_measurements(case: Case, tmp_path: Path) -> None:
    lesion = case.found["lesions"][0]
    lesion |= {"perpendicular_diameter_mm": 2.5, "greatest_diameter_mm": 9.5, "hu_sd": 1.25}
    written = case.write(tmp_path / "out")
    liver, first, second = groups_of(written.files[Kind.SR])
    voxel_ml = 2 * 1.5 * 4 / 1000
    organ = int(np.count_nonzero(case.label.array))
    mean = (LIVER_HU * (organ - 9) + TUMOUR_HU * 9) / organ
    of_liver = values(liver)
    of_liver.pop(
        ("Attenuation Coefficient", "Standard Deviation"), None
    )  # see test_hu_of_the_organ
    assert of_liver == {
        ("Volume", ""): pytest.approx(organ * voxel_ml),
        ("Number of lesions", ""): 2,
        ("Attenuation Coefficient", "Mean"): pytest.approx(mean, rel=1e-5),
    }
    assert values(first) == {
        ("Volume", ""): pytest.approx(8 * voxel_ml),
        ("Long Axis", ""): pytest.approx(np.hypot(4, 3)),
        ("Short Axis", ""): 2.5,
        ("Diameter", "Maximum"): 9.5,
        ("Attenuation Coefficient", "Mean"): TUMOUR_HU,
        ("Attenuation Coefficient", "Standard Deviation"): 1.25,
    }
    assert values(second)["Volume", ""] == pytest.approx(voxel_ml)
    for group, kind in ((liver, codes.SCT.Liver), (first, codes.SCT.Lesion)):
        assert group.finding_type == kind
    assert first.finding_sites[0].topographical_modifier is None
    assert first.finding_sites[0].value == codes.SCT.Liver


def test_refers_to_the_segments(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "out", kinds={Kind.SR})
    assert sorted(written.files) == [Kind.SR, Kind.SEG]  # a report comes with its SEG
    seg = pydicom.dcmread(written.files[Kind.SEG])
    for group, segment in zip(groups_of(written.files[Kind.SR]), seg.SegmentSequence, strict=True):
        assert group.tracking_uid == segment.TrackingUID
        assert group.tracking_identifier == segment.TrackingID == segment.SegmentLabel
        items = [
            item.ReferencedSOPSequence[0]
            for item in group[0].ContentSequence
            if item.ValueType == "IMAGE"
        ]
        assert [str(item.ReferencedSOPInstanceUID) for item in items] == [str(seg.SOPInstanceUID)]
        assert int(items[0].ReferencedSegmentNumber) == segment.SegmentNumber
    report = pydicom.dcmread(written.files[Kind.SR])
    assert report.StudyInstanceUID == seg.StudyInstanceUID
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "research use only" in report.SeriesDescription
    evidence = {
        str(instance.ReferencedSOPInstanceUID)
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert str(seg.SOPInstanceUID) in evidence


def absent(group: Any) -> list[str]:
    return [
        evaluation.name.meaning
        for evaluation in group.get_qualitative_evaluations()
        if evaluation.value == codes.SCT.Absent
    ]


def test_liver_without_tumour(tmp_path: Path) -> None:
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[4:9, 3:9, 2:5] = 1
    case = make_case(tmp_path / "ct", label)
    (liver,) = groups_of(case.write(tmp_path / "out").files[Kind.SR])
    assert absent(liver) == ["Lesion"]
    assert values(liver)["Number of lesions", ""] == 0
    assert values(liver)["Attenuation Coefficient", "Mean"] == LIVER_HU


def test_empty_mask(case: Case, tmp_path: Path) -> None:
    """A report that says so; no SEG and no structure set, nor those of an earlier mask."""
    out = tmp_path / "out"
    assert len(case.write(out).files) == 3
    empty = make_case(tmp_path / "empty", np.zeros(SHAPE, dtype=np.uint8))
    written = empty.write(out)
    assert [path.name for path in out.iterdir()] == ["report.dcm"]
    assert list(written.files) == [Kind.SR]
    assert any("empty" in note and "SEG" in note for note in written.notes)
    report = hd.sr.srread(written.files[Kind.SR])
    (group,) = report.content.get_image_measurement_groups()
    assert absent(group) == ["Liver", "Lesion"]
    assert values(group) == {("Volume", ""): 0, ("Number of lesions", ""): 0}
    assert not groups_of(written.files[Kind.SR])


def test_hu_of_the_organ() -> None:
    healthy, tumour = np.array([90.0, 100, 110, 120]), np.array([20.0, 40])
    lesion = {"ml": 2.0, "hu": tumour.mean(), "hu_sd": tumour.std()}
    found = {"liver_ml": 6.0, "tumour_ml": 2.0, "lesions": [lesion]}
    of_healthy = {"liver_hu": healthy.mean(), "liver_hu_sd": healthy.std()}
    organ = np.concatenate([healthy, tumour])
    assert organ_hu(found | of_healthy) == pytest.approx((organ.mean(), organ.std()))
    of_healthy["liver_hu_sd"] = None
    assert organ_hu(found | of_healthy) == (pytest.approx(organ.mean()), None)
    assert organ_hu(found) == (None, None)
    all_tumour = found | {"liver_ml": 2.0, "liver_hu": None}
    assert organ_hu(all_tumour) == pytest.approx((tumour.mean(), tumour.std()))
    assert organ_hu({"liver_ml": 0.0, "tumour_ml": 0.0, "lesions": []}) == (None, None)
