"""DICOM SEG masks as label maps, written by highdicom, on the grid of their CT to the voxel."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from command_line import run
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.sr.codedict import codes
from pydicom.uid import JPEGLSLossless, RLELossless
from seg_files import LIVER, TUMOUR, hd, write_seg
from volume_cases import affines

from ynet3d.datasets import Case, LabelFile, check_case, open_dataset
from ynet3d.errors import InputError, MissingExtraError
from ynet3d.labels import Label
from ynet3d.volumes import (
    Volume,
    find_labels,
    placed_on,
    read_label,
    read_label_pair,
    read_volume,
    turned_like,
    write_label,
)
from ynet3d.volumes.dicom_segments import Segment, classes_of
from ynet3d.volumes.itk import LPS_TO_RAS

SHAPE = (7, 6, 9)
AFFINE = np.array([[-0.8, 0, 0, 90], [0, -0.8, 0, 70], [0, 0, 2.5, -40], [0, 0, 0, 1.0]])


def organ() -> npt.NDArray[np.bool_]:
    """A liver unlike any of its mirror images, with empty planes below and above."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:5, 1:4, 2:6] = True
    mask[1, 1, 6] = True
    return mask


def lesion() -> npt.NDArray[np.bool_]:
    """Partly inside the liver, partly beyond it."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:6, 2, 3:5] = True
    return mask


def expected() -> npt.NDArray[np.uint8]:
    label = organ().astype(np.uint8)
    label[lesion()] = 2
    return label


@pytest.fixture
def both(tmp_path: Path) -> Path:
    return write_seg(tmp_path / "seg.dcm", {LIVER: organ(), TUMOUR: lesion()}, AFFINE)


def test_own_grid_is_that_of_the_frames(both: Path) -> None:
    label = read_label(both)
    assert label.array.dtype == np.uint8
    np.testing.assert_array_equal(label.array, expected()[:, :, 2:7])
    np.testing.assert_allclose(label.affine[:3, 3], (AFFINE @ [0, 0, 2, 1])[:3], atol=1e-6)
    np.testing.assert_allclose(label.affine[:3, :3], AFFINE[:3, :3], atol=1e-6)
    peer = hd.seg.segread(both).get_volume(segment_numbers=[1])
    found = Volume((peer.array[..., 0] > 0).astype(np.uint8), LPS_TO_RAS @ peer.affine)
    np.testing.assert_array_equal(placed_on(found, label).array, organ()[:, :, 2:7])


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("keep_empty", [False, True])
def test_types(tmp_path: Path, kind: str, keep_empty: bool) -> None:
    masks = {LIVER: organ() & ~lesion(), TUMOUR: lesion()}
    if kind == "FRACTIONAL":  # a half counts, less does not
        masks = {LIVER: np.where(masks[LIVER], 0.5, 0.49), TUMOUR: np.where(lesion(), 1.0, 0.2)}
    path = write_seg(tmp_path / "a.dcm", masks, AFFINE, kind=kind, keep_empty=keep_empty)
    ct = read_volume(tmp_path / "a-ct")
    label = read_label(path, like=ct)
    assert label.same_grid(ct)
    np.testing.assert_array_equal(label.array, expected())
    if keep_empty:
        np.testing.assert_array_equal(read_label(path).array, expected())


def test_compressed(tmp_path: Path) -> None:
    path = write_seg(
        tmp_path / "a.dcm",
        {LIVER: organ() * 1.0, TUMOUR: lesion() * 1.0},
        AFFINE,
        kind="FRACTIONAL",
        transfer_syntax=RLELossless,
    )
    np.testing.assert_array_equal(read_label(path).array, expected()[:, :, 2:7])


@settings(max_examples=12, deadline=None)
@given(affine=affines(), axes=st.permutations((0, 1, 2)), flips=st.tuples(*[st.booleans()] * 3))
def test_on_a_reference_grid_of_any_orientation(
    tmp_path_factory: pytest.TempPathFactory,
    affine: npt.NDArray[np.float64],
    axes: list[int],
    flips: tuple[bool, ...],
) -> None:
    folder = tmp_path_factory.mktemp("seg")
    path = write_seg(folder / "a.dcm", {LIVER: organ(), TUMOUR: lesion()}, affine)
    # The same scan, with its axes in another order and direction.
    change = np.eye(4)
    change[:3, :3] = np.eye(3)[:, axes]
    reference = Volume(expected().transpose(axes), affine @ change)
    signs = [-1.0 if flip else 1.0 for flip in flips]
    ends = [size - 1.0 if flip else 0.0 for flip, size in zip(flips, reference.shape, strict=True)]
    turned = np.diag([*signs, 1.0])
    turned[:3, 3] = ends
    steps = tuple(slice(None, None, -1 if flip else None) for flip in flips)
    reference = Volume(reference.array[steps], reference.affine @ turned)
    label = read_label(path, like=reference)
    np.testing.assert_array_equal(label.array, reference.array)
    np.testing.assert_array_equal(label.affine, reference.affine)
    shutil.rmtree(folder)


def test_planes_with_gaps(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:3, 1:5, [1, 3, 8]] = True
    path = write_seg(tmp_path / "a.dcm", {LIVER: mask}, AFFINE)
    np.testing.assert_array_equal(read_label(path).array, mask[:, :, 1:9])
    ct = read_volume(tmp_path / "a-ct")
    np.testing.assert_array_equal(read_label(path, like=ct).array, mask)
    # Without a stated distance, the grid of the scan is needed to know that 5 mm is two steps.
    data = pydicom.dcmread(path)
    measures = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    del measures.SliceThickness
    if "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices
    data.save_as(path)
    with pytest.raises(InputError, match=r"uneven steps \(of 5, 12\.5 mm\)"):
        read_label(path)
    np.testing.assert_array_equal(read_label(path, like=ct).array, mask)


def test_tilted_gantry(tmp_path: Path) -> None:
    tilted = AFFINE.copy()
    tilted[1, 2] = 0.6
    path = write_seg(tmp_path / "a.dcm", {LIVER: organ(), TUMOUR: lesion()}, tilted)
    ct = read_volume(tmp_path / "a-ct")
    np.testing.assert_allclose(read_label(path).affine[:3, :3], tilted[:3, :3], atol=1e-6)
    np.testing.assert_array_equal(read_label(path, like=ct).array, expected())


def test_a_single_plane(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:3, 1:5, 4] = True
    path = write_seg(tmp_path / "a.dcm", {LIVER: mask}, AFFINE)
    np.testing.assert_array_equal(read_label(path).array, mask[:, :, 4:5])
    np.testing.assert_array_equal(read_label(path, like=read_volume(tmp_path / "a-ct")).array, mask)


def test_another_scan(both: Path, tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[2, 3] += 1.0
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), moved, source="other.nii")
    with pytest.raises(InputError, match=r"does not lie on voxels of other\.nii .* 0\.4 voxels"):
        read_label(both, like=empty)
    moved[2, 3] += 9.0  # four whole planes up, so that the two lowest of the mask fall off
    below = np.count_nonzero(expected()[:, :, :4])
    with pytest.raises(InputError, match=rf"has {below} labelled voxels outside of other\.nii"):
        read_label(both, like=empty)


def test_folder_zip_and_what_is_refused(both: Path, tmp_path: Path) -> None:
    folder = tmp_path / "seg-ct"
    shutil.copy(both, folder / "mask.dcm")
    assert read_volume(folder).shape == SHAPE
    np.testing.assert_array_equal(read_label(folder).array, read_label(both).array)
    with zipfile.ZipFile(tmp_path / "seg.zip", "w") as archive:
        archive.write(both, "1-1.dcm")
    np.testing.assert_array_equal(read_label(tmp_path / "seg.zip").array, read_label(both).array)
    shutil.copy(both, folder / "again.dcm")
    with pytest.raises(InputError, match=r"holds 2 DICOM SEG files \(again\.dcm, mask\.dcm\)"):
        read_label(folder)
    with pytest.raises(InputError, match="is a DICOM SEG, a mask, where a scan is expected"):
        read_volume(both)
    assert [path.name for path in find_labels(tmp_path)] == ["seg.dcm"]
    both.write_bytes(both.read_bytes()[:-40])
    with pytest.raises(InputError, match="is a damaged DICOM"):
        read_label(both)


def test_a_decoder_that_is_not_installed(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pydicom.dcmread(both)
    data.PixelData = encapsulate([b"\0\0"])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEGLSLossless
    data.save_as(both)
    monkeypatch.setattr("ynet3d.volumes.dicom_seg.decodable", lambda syntax: False)
    with pytest.raises(MissingExtraError, match=r"seg\.dcm .*pip install 'ynet3d\[dicom-codecs\]'"):
        read_label(both)


def test_frames_without_place(both: Path) -> None:
    data = pydicom.dcmread(both)
    del data.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
    data.save_as(both)
    with pytest.raises(InputError, match="do not say where they lie"):
        read_label(both)
    del data.PerFrameFunctionalGroupsSequence
    data.save_as(both)
    with pytest.raises(InputError, match="is a DICOM SEG without segments, frames or a type"):
        read_label(both)


def test_pairs_of_label_maps(both: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.nii.gz"
    write_label(turned_like(Volume(expected(), AFFINE), Volume(expected(), np.eye(4))), whole)
    for one, other in ((both, whole), (whole, both)):
        first, second = read_label_pair(one, other)
        assert first.same_grid(second)
        np.testing.assert_array_equal(first.array, second.array)
        assert first.shape == SHAPE
    liver = write_seg(tmp_path / "liver.dcm", {LIVER: organ()}, AFFINE)
    spot = write_seg(tmp_path / "spot.dcm", {TUMOUR: lesion()}, AFFINE)
    first, second = read_label_pair(spot, liver)
    assert first.same_grid(second)
    assert first.shape == (7, 6, 5)
    np.testing.assert_array_equal(first.array, lesion()[:, :, 2:7] * 2)
    np.testing.assert_array_equal(second.array, organ()[:, :, 2:7])


def test_evaluate_a_seg(both: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference = tmp_path / "reference.nii.gz"
    write_label(Volume(expected(), AFFINE), reference)
    for words in ((both, reference), (reference, both)):
        outcome = run(capsys, "evaluate", *words, "-o", tmp_path / "out", "-q")
        assert outcome.code == 0, outcome
        row = next(line for line in outcome.out.splitlines() if line.startswith("dice"))
        assert row.split()[1:] == ["1.000"] * 3
    (tmp_path / "p").mkdir()
    (tmp_path / "r").mkdir()
    shutil.copy(both, tmp_path / "p" / "case1.dcm")
    shutil.copy(reference, tmp_path / "r" / "case1.nii.gz")
    outcome = run(capsys, "evaluate", tmp_path / "p", tmp_path / "r", "-o", tmp_path / "out", "-q")
    assert outcome.code == 0, outcome


def test_evaluate_a_seg_of_another_grid(
    both: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused with both grids, until --resample asks for the nearest voxels."""
    reference = tmp_path / "reference.nii.gz"
    thin = np.repeat(expected(), 2, axis=2)
    affine = AFFINE.copy()
    affine[2, 2] /= 2
    affine[2, 3] -= affine[2, 2] / 2 - 0.01  # two slices for each of the SEG's, none on its centre
    write_label(Volume(thin, affine), reference)
    words = ("evaluate", both, reference, "-o", tmp_path / "out")
    run(capsys, *words).assert_refused(match="does not lie on voxels of")
    outcome = run(capsys, *words, "--resample")
    assert outcome.code == 0, outcome
    assert "brought from its grid" in outcome.err
    row = next(line for line in outcome.out.splitlines() if line.startswith("dice"))
    assert row.split()[1:] == ["1.000"] * 3


def test_seg_as_the_label_of_a_case(both: Path, tmp_path: Path) -> None:
    case = Case("a", "a", tmp_path / "seg-ct", LabelFile(both))
    np.testing.assert_array_equal(case.read_label().array, expected())
    assert check_case(case).labels == (0, 1, 2)
    shutil.move(tmp_path / "seg-ct", tmp_path / "scans" / "a")
    shutil.move(both, tmp_path / "scans" / "a_seg.dcm")
    dataset = open_dataset(tmp_path / "scans")
    assert (dataset.kind, [case.name for case in dataset.labelled]) == ("pairs", ["a"])
    np.testing.assert_array_equal(dataset.case("a").read_label().array, expected())


def test_placed_on_never_loses_voxels() -> None:
    label = Volume(expected(), AFFINE, source="a")
    np.testing.assert_array_equal(placed_on(label, label).array, label.array)
    far = AFFINE.copy()
    far[2, 3] += 2.5 * 100
    with pytest.raises(InputError, match="labelled voxels outside of the other grid"):
        placed_on(label, Volume(label.array, far))
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), AFFINE)
    assert not placed_on(empty, Volume(label.array, far)).array.any()


S = codes.SCT


@pytest.mark.parametrize(
    ("label", "code", "region", "means"),
    [
        ("Liver", S.Liver, None, Label.LIVER),
        ("Segment_1", S.Liver, None, Label.LIVER),
        ("liver", S.Tissue, None, Label.LIVER),
        ("Liver without tumor", S.Liver, None, Label.LIVER),
        ("non-tumour liver", S.Tissue, None, Label.LIVER),
        ("LiverTumor01", S.Tissue, None, Label.TUMOUR),
        ("Mass", S.Mass, S.Liver, Label.TUMOUR),
        ("Segment 2", S.Metastasis, None, Label.TUMOUR),
        ("HCC", S.Tissue, S.Abdomen, Label.TUMOUR),
        ("Liver", S.Mass, None, None),
        ("Tumour", S.Liver, None, None),
        ("Mass", S.Mass, S.Kidney, None),
        ("pancreas lesion", S.Lesion, None, None),
        ("Liver cyst", S.Cyst, None, None),
        ("GTV", S.Tissue, None, None),
        ("Portal vein", S.Tissue, None, Label.BACKGROUND),
        ("Spleen", S.Spleen, None, Label.BACKGROUND),
    ],
)
def test_what_a_segment_means(label: str, code: Any, region: Any, means: Label | None) -> None:
    segment = Segment(
        7,
        label,
        meaning=code.meaning,
        code=(code.scheme_designator, code.value),
        region="" if region is None else region.meaning,
    )
    liver = Segment(1, "Liver")
    if means is None:
        with pytest.raises(InputError, match=r"has the segment 7 '.*it is not clear whether"):
            classes_of([liver, segment], "a.dcm")
    else:
        assert classes_of([liver, segment], "a.dcm")[7] is means


def test_no_liver_among_segments() -> None:
    with pytest.raises(InputError, match=r"only the segments 1 'Spleen', 2 'Aorta'"):
        classes_of([Segment(1, "Spleen"), Segment(2, "Aorta")], "a.dcm")
    with pytest.raises(InputError, match=r"and 3 more, and it is not clear"):
        classes_of([Segment(n, f"Segment_{n}") for n in range(8)], "a.dcm")


def test_several_lesions_and_regions_in_a_file(tmp_path: Path) -> None:
    masks = {
        LIVER: organ(),
        ("Lesion 1", S.Lesion): lesion(),
        ("Lesion 2", S.NeoplasmSecondary): organ() & ~lesion(),
        ("Portal vein", S.PortalVein): organ(),
    }
    path = write_seg(tmp_path / "a.dcm", masks, AFFINE, regions=[None, S.Liver, S.Liver, None])
    union = np.where(organ() | lesion(), 2, 0)
    np.testing.assert_array_equal(read_label(path).array, union[:, :, 2:7])
    path = write_seg(tmp_path / "b.dcm", masks, AFFINE, regions=[None, S.Kidney, S.Liver, None])
    with pytest.raises(InputError, match=r"has the segment 2 'Lesion 1' \(Lesion, Kidney\)"):
        read_label(path)


@pytest.mark.real
def test_real_seg_agrees_with_its_nrrd(real_data: Path) -> None:
    folder = real_data / "dicom_seg_3slices"
    seg, nrrd = read_label(folder / "liver.dcm"), read_label(folder / "liver_seg.nrrd")
    assert seg.same_grid(nrrd)
    assert seg.array.any()
    np.testing.assert_array_equal(seg.array, nrrd.array)
    np.testing.assert_array_equal(read_label(folder).array, nrrd.array)
    assert read_volume(folder).same_grid(seg)
