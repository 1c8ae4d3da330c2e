"""Outlines of masks, and the RT structure set that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from dicom_masks import AFFINE, Case, case, make_case
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from pydicom.uid import ImplicitVRLittleEndian
from scipy import ndimage

from ynet3d.dicom_output import Kind
from ynet3d.dicom_output.contours import outlines

__all__ = ["case"]


def filled(
    polygons: list[npt.NDArray[np.float64]], shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Pixels whose centres lie inside an odd number of times, by rays along the rows."""
    rows, columns = np.indices(shape)
    inside = np.zeros(shape, dtype=np.bool_)
    for polygon in polygons:
        ends = np.roll(polygon, -1, axis=0)
        for (r0, c0), (r1, c1) in zip(polygon, ends, strict=True):
            crosses = (r0 > rows) != (r1 > rows)
            with np.errstate(divide="ignore", invalid="ignore"):
                at = c0 + (rows - r0) / (r1 - r0) * (c1 - c0)
            inside ^= crosses & (columns < at)
    return inside


def area(polygon: npt.NDArray[np.float64]) -> float:
    row, column = polygon.T
    return abs(float(np.dot(row, np.roll(column, -1)) - np.dot(column, np.roll(row, -1)))) / 2


@given(mask=arrays(np.bool_, (9, 8)))
@settings(max_examples=60, deadline=None)
def test_outlines_hold_exactly_the_mask(mask: npt.NDArray[np.bool_]) -> None:
    """Of any mask: parts that touch by a corner, holes, holes in parts in holes."""
    polygons = outlines(mask)
    assert np.array_equal(filled(polygons, mask.shape), mask)
    _, count = ndimage.label(mask)
    assert len(polygons) == count  # holes are keyholes of their part


def test_area_and_straight_lines() -> None:
    mask = np.zeros((20, 30), dtype=np.bool_)
    mask[4:9, 5:25] = True
    (polygon,) = outlines(mask)
    assert len(polygon) == 8  # corners are cut
    assert area(polygon) == pytest.approx(5 * 20 - 0.5)
    assert polygon.min(axis=0) == pytest.approx([3.5, 4.5])


def test_keyhole() -> None:
    mask = np.zeros((12, 12), dtype=np.bool_)
    mask[1:11, 1:11] = True
    mask[4:8, 4:8] = False
    mask[5:7, 5:7] = True
    ring, island = sorted(outlines(mask), key=len, reverse=True)
    assert area(ring) == pytest.approx(100 - 0.5 - 16 + 0.5 - 0, abs=1.01)
    assert area(island) == pytest.approx(3.5)
    points = [tuple(point) for point in ring.tolist()]
    assert len(points) - len(set(points)) == 2  # the bridge's two ends, there and back
    assert not filled([ring], mask.shape)[4:8, 4:8].any()


def roi_masks(data: Any, case: Case) -> dict[str, npt.NDArray[np.bool_]]:
    """(slice, row, column) of each ROI, by its contours in mm and the scan's affine alone."""
    to_voxel = np.linalg.inv(case.scan.affine) @ np.diag([-1, -1, 1, 1])
    i, j, k = case.scan.shape
    names = {int(roi.ROINumber): roi.ROIName for roi in data.StructureSetROISequence}
    masks = {}
    uids = case.scan.metadata["SOPInstanceUIDs"]
    for roi in data.ROIContourSequence:
        mask = np.zeros((k, j, i), dtype=np.bool_)
        for contour in roi.ContourSequence:
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            assert len(points) == int(contour.NumberOfContourPoints)
            voxels = np.c_[points, np.ones(len(points))] @ to_voxel.T
            z = round(float(voxels[0, 2]))
            assert np.abs(voxels[:, 2] - z).max() < 1e-3  # on its slice
            assert str(contour.ContourImageSequence[0].ReferencedSOPInstanceUID) == uids[z]
            mask[z] ^= filled([voxels[:, [1, 0]]], (j, i))
        masks[names[int(roi.ReferencedROINumber)]] = mask
    return masks


@pytest.mark.parametrize("tilt_mm", [0.0, 0.8])
def test_structure_set_holds_the_mask(tmp_path: Path, tilt_mm: float) -> None:
    affine = AFFINE.copy()
    affine[1, 2] = tilt_mm
    case = make_case(tmp_path / "ct", affine=affine)
    written = case.write(tmp_path / "out", kinds={Kind.RTSTRUCT})
    data = pydicom.dcmread(written.files[Kind.RTSTRUCT])
    masks = roi_masks(data, case)
    label = case.label.array.transpose(2, 1, 0)
    assert list(masks) == ["Liver", "Liver tumour 1", "Liver tumour 2"]
    assert np.array_equal(masks["Liver"], label > 0)
    assert np.array_equal(masks["Liver tumour 1"] | masks["Liver tumour 2"], label == 2)


def test_what_the_structure_set_says(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "out", kinds={Kind.RTSTRUCT}, one_per_tumour=False)
    data = pydicom.dcmread(written.files[Kind.RTSTRUCT])
    assert data.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert [roi.ROIName for roi in data.StructureSetROISequence] == ["Liver", "Liver tumours"]
    assert data.ApprovalStatus == "UNAPPROVED"
    assert list(data.ROIContourSequence[0].ROIDisplayColor) == [0xFF, 0x9F, 0x1C]
    assert {
        contour.ContourGeometricType
        for roi in data.ROIContourSequence
        for contour in roi.ContourSequence
    } == {"CLOSED_PLANAR"}
    study = data.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    images = study.RTReferencedSeriesSequence[0].ContourImageSequence
    uids = [str(image.ReferencedSOPInstanceUID) for image in images]
    assert uids == list(case.scan.metadata["SOPInstanceUIDs"])
    assert [o.RTROIInterpretedType for o in data.RTROIObservationsSequence] == ["ORGAN", ""]
