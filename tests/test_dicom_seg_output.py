"""DICOM SEG as it is written: read back by highdicom, pydicom and this package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pydicom
import pytest
from dicom_files import write_ct_series
from dicom_masks import AFFINE, ORIGIN, SHAPE, Case, case, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from ynet3d.dicom_output import Kind
from ynet3d.dicom_output.regions import find_regions
from ynet3d.dicom_output.source import read_source
from ynet3d.dicom_output.writing import write_dicom
from ynet3d.reporting import statistics
from ynet3d.volumes import Volume, read_label, read_volume

hd = pytest.importorskip("highdicom")
__all__ = ["case"]


def written_seg(case: Case, out: Path, **options: object) -> Path:
    return case.write(out, kinds={Kind.SEG}, **options).files[Kind.SEG]


def test_masks_read_back_by_highdicom(case: Case, tmp_path: Path) -> None:
    seg = hd.seg.segread(written_seg(case, tmp_path / "out"))
    images = [str(image.SOPInstanceUID) for image in case.source.images]
    pixels = seg.get_pixels_by_source_instance(
        source_sop_instance_uids=images,
        segment_numbers=[1, 2, 3],
        assert_missing_frames_are_empty=True,
    )
    label = case.label.array.transpose(2, 1, 0)
    assert np.array_equal(pixels[..., 0] > 0, label > 0)  # the organ: with its tumours
    assert np.array_equal((pixels[..., 1] | pixels[..., 2]) > 0, label == 2)
    # As in the statistics: the largest first.
    assert [int(pixels[..., n].sum()) for n in (1, 2)] == [8, 1]
    assert [lesion["id"] for lesion in case.found["lesions"]] == [1, 2]


def test_what_the_seg_says(case: Case, tmp_path: Path) -> None:
    path = written_seg(case, tmp_path / "out")
    data = pydicom.dcmread(path)
    assert data.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert (data.SegmentationType, data.BitsAllocated) == ("BINARY", 1)
    assert data.SegmentsOverlap == "YES"
    assert data.StudyInstanceUID == case.scan.metadata["StudyInstanceUID"]
    assert data.FrameOfReferenceUID == case.scan.metadata["FrameOfReferenceUID"]
    assert (data.PatientName, data.PatientID) == ("Phantom^Test", "phantom-1")
    liver, large, small = data.SegmentSequence
    assert [s.SegmentLabel for s in (liver, large, small)] == [
        "Liver",
        "Liver tumour 1",
        "Liver tumour 2",
    ]
    for segment, category, kind in (
        (liver, "91723000", "10200004"),
        (large, "49755003", "52988006"),
    ):
        assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == category
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == kind
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (ORIGIN.name, "1.0")
        assert algorithm.AlgorithmParameters == "weights=small"
    assert large.AnatomicRegionSequence[0].CodeValue == "10200004"
    assert "AnatomicRegionSequence" not in liver
    colour = hd.color.CIELabColor.from_dicom_value(tuple(liver.RecommendedDisplayCIELabValue))
    assert np.abs(np.subtract(colour.to_rgb(), (0xFF, 0x9F, 0x1C))).max() <= 1
    assert large.TrackingUID != small.TrackingUID


def test_frames(case: Case, tmp_path: Path) -> None:
    """None is empty, each refers to its slice, and the referenced series is the scan's."""
    data = pydicom.dcmread(written_seg(case, tmp_path / "out"))
    assert int(data.NumberOfFrames) == 5 + 2 + 1
    assert (data.pixel_array.reshape(8, -1).sum(axis=1) > 0).all()
    uids = case.scan.metadata["SOPInstanceUIDs"]
    for frame in data.PerFrameFunctionalGroupsSequence:
        position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        k = uids.index(str(image.ReferencedSOPInstanceUID))
        assert position == pytest.approx(case.source.planes[k].position)
    series = data.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == case.scan.metadata["SeriesInstanceUID"]
    assert {str(i.ReferencedSOPInstanceUID) for i in series.ReferencedInstanceSequence} <= set(uids)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("one_per_tumour", [True, False])
def test_read_back_by_this_package(
    case: Case, tmp_path: Path, one_per_tumour: bool, compressed: bool
) -> None:
    path = written_seg(case, tmp_path / "out", one_per_tumour=one_per_tumour, compressed=compressed)
    plain = pydicom.dcmread(path).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert plain is not compressed
    back = read_label(path, like=case.scan)
    assert np.array_equal(back.array, case.label.array)
    assert len(pydicom.dcmread(path).SegmentSequence) == (3 if one_per_tumour else 2)


def test_liver_alone_and_tumour_alone(tmp_path: Path) -> None:
    for value in (1, 2):
        label = np.zeros(SHAPE, dtype=np.uint8)
        label[5:9, 6:9, 3:5] = value
        case = make_case(tmp_path / f"ct-{value}", label)
        path = written_seg(case, tmp_path / f"out-{value}")
        assert np.array_equal(read_label(path, like=case.scan).array, case.label.array)
        assert len(pydicom.dcmread(path).SegmentSequence) == value


def test_gantry_tilt_and_oblique_planes(tmp_path: Path) -> None:
    tilted = AFFINE.copy()
    tilted[:3, 2] = (0, 0.8, 3.9)
    turn = np.eye(4)
    turn[:3, :3] = [[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]]
    for name, affine in (("tilted", tilted), ("oblique", turn @ AFFINE)):
        case = make_case(tmp_path / name, affine=affine)
        path = written_seg(case, tmp_path / f"{name}-out")
        assert np.array_equal(read_label(path, like=case.scan).array, case.label.array)


def test_distance_between_slices_is_never_negative(tmp_path: Path) -> None:
    """Some scanners state it so, and dcmqi runs out of memory over a SEG that repeats it."""
    case = make_case(tmp_path / "ct", SpacingBetweenSlices="-4", SliceThickness=None)
    data = pydicom.dcmread(written_seg(case, tmp_path / "out"))
    measures = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SpacingBetweenSlices == pytest.approx(4)
    assert measures.SliceThickness == pytest.approx(4)


def test_uneven_slices(tmp_path: Path) -> None:
    """The mask lies on the even grid that was made of them, frames on the slices that there are."""
    label = np.zeros((12, 10, 8), dtype=np.uint8)
    label[3:9, 3:8, 1:7] = 1
    hu = np.where(label == 1, 100, -100).astype(np.int16)
    affine = AFFINE.copy()
    places = [0, 1, 2, 3, 4, 6, 8, 10]  # 4 mm apart, then 8 mm
    write_ct_series(
        tmp_path / "ct",
        hu,
        affine,
        ImagePositionPatient=lambda k: ["-40", "-30", str(-100 + 4 * places[k])],
    )
    scan = read_volume(tmp_path / "ct")
    assert scan.metadata["resampled"]
    mask = Volume((scan.array > 0).astype(np.uint8), scan.affine)
    source = read_source(tmp_path / "ct")
    written = write_dicom(
        mask, source, tmp_path / "out", found=statistics(mask, scan), origin=ORIGIN
    )
    assert any("uneven slices" in note for note in written.notes)
    data = pydicom.dcmread(written.files[Kind.SEG])
    heights = [
        float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        for frame in data.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(heights) == [-100 + 4 * places[k] for k in range(1, 7)]
    assert np.array_equal(data.pixel_array.astype(bool), (label[:, :, 1:7] == 1).transpose(2, 1, 0))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_mask_stays_as_it_is(order: Literal["C", "F"], case: Case) -> None:
    """Also where it lies in memory as the frames do, as predictions do."""
    label = case.label.with_array(np.array(case.label.array, order=order))
    find_regions(label, one_per_tumour=True)
    assert np.array_equal(label.array, case.label.array)


def test_more_tumours_than_a_byte_counts() -> None:
    label = np.ones((40, 30, 7), dtype=np.uint8)
    label[::2, ::2, ::2] = 2
    volume = Volume(label, AFFINE)
    regions = find_regions(volume, one_per_tumour=True)
    found = statistics(volume)
    count = 20 * 15 * 4
    assert len(list(regions.of_tumours())) == count == found["lesion_count"]
    numbers = np.unique(regions.slices)
    assert np.array_equal(numbers, np.arange(1, count + 2))
    for lesion in (found["lesions"][0], found["lesions"][-1]):
        x, y, z = lesion["centroid_lps_mm"]
        i, j, k = np.rint(np.linalg.inv(AFFINE) @ [-x, -y, z, 1]).astype(int)[:3]
        assert regions.slices[k, j, i] == lesion["id"] + 1


@given(
    label=arrays(np.uint8, (6, 5, 4), elements=st.integers(0, 2)),
    order=st.permutations(range(3)),
    flip=st.integers(0, 2),
    one_per_tumour=st.booleans(),
)
@settings(max_examples=8, deadline=None)
def test_any_mask_in_any_order_of_axes(
    label: np.ndarray,
    order: list[int],
    flip: int,
    one_per_tumour: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Masks come with the axes of NIfTI, SEG frames with those of the series."""
    label[0, 0, 0] = 1
    folder = tmp_path_factory.mktemp("case")
    case = make_case(folder / "ct", label)
    affine = case.label.affine.copy()
    affine[:3, 3] += affine[:3, flip] * (label.shape[flip] - 1)
    affine[:3, flip] *= -1
    affine[:3, :3] = affine[:3, order]
    turned = Volume(np.flip(case.label.array, flip).transpose(order), affine)
    path = written_seg(replace(case, label=turned), folder / "out", one_per_tumour=one_per_tumour)
    assert np.array_equal(read_label(path, like=case.scan).array, case.label.array)
