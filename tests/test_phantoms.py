"""Phantoms: the same seed gives the same patient, and its geometry, labels and HU are right."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import pydantic
import pytest
from scipy import ndimage

from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.phantoms import Phantom, PhantomOptions, make_phantom, write_phantoms
from ynet3d.phantoms.fields import SmoothField, resample, resampling_matrix
from ynet3d.volumes import read_label, read_volume
from ynet3d.volumes.orientation import Reorientation

SMALL = PhantomOptions(matrix=64, slices=24, coverage_mm=260, noise_hu=5)


@cache
def small(seed: int, **changes: object) -> Phantom:
    return make_phantom(seed, SMALL.model_copy(update=changes))


def canonical(phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    turn = Reorientation.of(phantom.image.affine)
    return turn.apply(phantom.image.array), turn.apply(phantom.label.array)


def test_same_seed_same_voxels_and_another_seed_another_patient() -> None:
    again = make_phantom(3, SMALL)
    np.testing.assert_array_equal(again.image.array, small(3).image.array)
    np.testing.assert_array_equal(again.label.array, small(3).label.array)
    np.testing.assert_array_equal(again.image.affine, small(3).image.affine)
    assert (small(4).label.array.shape != small(3).label.array.shape) or (
        small(4).label.array != small(3).label.array
    ).any()


def test_types_shape_and_options() -> None:
    phantom = small(3, pixel_mm=6.0, slice_mm=8.0, orientation="LPS")
    assert phantom.image.array.dtype == np.int16
    assert phantom.label.array.dtype == np.uint8
    assert phantom.image.shape == (64, 64, 24)
    assert phantom.image.spacing == pytest.approx((6.0, 6.0, 8.0))
    assert phantom.image.orientation == "LPS"
    assert phantom.label.same_grid(phantom.image)
    assert phantom.image.array.min() >= -1024


def test_defaults_are_those_of_a_clinical_scan() -> None:
    for seed in range(3):
        phantom = make_phantom(seed, PhantomOptions(matrix=32))
        turn = Reorientation.of(phantom.image.affine)
        between_slices, row, column = turn.spacing(phantom.image.spacing)
        assert 0.649 <= row / 16 <= 0.901  # 32 pixels stand for 512
        assert row == pytest.approx(column)
        assert 1.499 <= between_slices <= 5.001
        assert 240 <= between_slices * turn.apply(phantom.image.array).shape[0] <= 290


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "SPL", "AIR"])
def test_orientations_describe_the_same_patient(orientation: str) -> None:
    first, second = small(5, orientation="LPS"), small(5, orientation=orientation)
    assert second.image.orientation == orientation
    for a, b in zip(canonical(first), canonical(second), strict=True):
        np.testing.assert_array_equal(a, b)
    # The same voxel, found through the two affines, lies at the same place.
    for phantom in (first, second):
        liver = np.argwhere(phantom.label.array > 0).mean(0)
        centre = (phantom.image.affine @ (*liver, 1))[:3]
        assert centre[0] > 15  # the liver is on the patient's right (RAS+)
        other = np.argwhere(first.label.array > 0).mean(0)
        np.testing.assert_allclose(centre, (first.image.affine @ (*other, 1))[:3], atol=1e-6)


def test_patient_does_not_depend_on_the_grid() -> None:
    fine = make_phantom(5, PhantomOptions(matrix=128, slices=60, coverage_mm=260))
    assert fine.liver_ml == pytest.approx(small(5).liver_ml, rel=0.04)
    assert fine.tumours == small(5).tumours


@pytest.mark.parametrize("seed", range(2, 8))
def test_liver_volume_and_place(seed: int) -> None:
    phantom = small(seed)
    assert 900 <= phantom.liver_ml <= 2200
    image, label = canonical(phantom)
    pieces, count = ndimage.label(label > 0)
    assert np.bincount(pieces.ravel())[1:].max() >= 0.985 * (label > 0).sum(), count
    # Radiological view: the liver lies to the left of the picture, the spleen to the right.
    assert np.argwhere(label > 0)[:, 2].mean() < 30
    # Lung over the liver, none in it.
    assert np.median(image[label == Label.LIVER]) == pytest.approx(110, abs=16)
    assert (image[label == Label.LIVER] < -300).mean() < 0.01


def test_tissues_have_their_hu() -> None:
    image, label = canonical(small(2, noise_hu=0.0, tumours=0, field_of_view_circle=False))
    assert image[0, 0, 0] == -1000
    body = ndimage.binary_fill_holes(image[12] > -300)
    inside = image[12][ndimage.binary_erosion(body, iterations=2)]
    fat = inside[(inside > -130) & (inside < -80)]
    assert fat.size > 100
    assert np.median(fat) == pytest.approx(-106, abs=6)
    assert 450 > image[ndimage.binary_dilation(label > 0, iterations=1)].max() > 120
    assert image.max() > 300  # cortical bone, over voxels of 6 x 6 x 11 mm
    lung = image[-2][(image[-2] > -900) & (image[-2] < -760)]
    assert np.median(lung) == pytest.approx(-825, abs=25)


def test_neighbours_share_the_density_of_the_liver() -> None:
    image, label = canonical(small(2))
    liver = image[label == Label.LIVER]
    low, high = np.percentile(liver, (5, 95))
    others = ((image >= low) & (image <= high) & (label == 0)).sum()
    assert others > 0.15 * liver.size  # a threshold alone does not find the liver


def test_tumours_are_in_the_liver_and_can_be_seen() -> None:
    options = PhantomOptions(matrix=192, slices=80, coverage_mm=260, noise_hu=10, tumours=3)
    phantom = make_phantom(11, options)
    image, label = canonical(phantom)
    assert len(phantom.tumours) == 3
    assert all(6 <= t.diameter_mm <= 60 for t in phantom.tumours)
    assert all(25 <= abs(t.contrast_hu) <= 60 for t in phantom.tumours)
    drawn = sum(t.diameter_mm**3 * np.pi / 6000 for t in phantom.tumours)
    assert phantom.tumour_ml == pytest.approx(drawn, rel=0.4)
    tumour = label == Label.TUMOUR
    liver = label > 0
    holes_filled = ndimage.binary_closing(liver, iterations=2)
    assert holes_filled[tumour].all()
    assert phantom.tumour_ml < 0.35 * phantom.liver_ml
    largest = max(phantom.tumours, key=lambda t: t.diameter_mm)
    pieces, _ = ndimage.label(tumour)
    biggest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    contrast = np.median(image[biggest]) - np.median(image[label == Label.LIVER])
    assert contrast == pytest.approx(largest.contrast_hu, abs=15)


def test_no_tumour_on_request_and_in_about_one_case_of_five() -> None:
    for seed in (5, 6):
        healthy = small(seed, tumours=0)
        assert healthy.tumours == ()
        assert healthy.tumour_ml == 0
        assert not (healthy.label.array == Label.TUMOUR).any()
        # The rest of the patient is the same.
        np.testing.assert_array_equal(healthy.label.array > 0, small(seed).label.array > 0)
    from ynet3d.phantoms.body import Body
    from ynet3d.phantoms.liver import place_tumours

    body = Body(np.random.default_rng(0))
    counts = [len(place_tumours(body, np.random.default_rng(s), None)) for s in range(150)]
    assert 0.1 < np.mean(np.array(counts) == 0) < 0.32
    assert max(counts) >= 4


def test_noise_has_the_standard_deviation_asked_for() -> None:
    options = {"tumours": 0, "matrix": 128}
    quiet = small(7, noise_hu=0.0, **options).image.array.astype(float)
    noisy = small(7, noise_hu=14.0, **options)
    difference = canonical(noisy)[0].astype(float) - Reorientation.of(noisy.image.affine).apply(
        quiet
    )
    assert difference[:, 56:72, 56:72].std() == pytest.approx(14, rel=0.15)
    assert abs(difference[:, 56:72, 56:72].mean()) < 1


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LAS"])
def test_dicom_read_by_simpleitk_is_the_nifti(tmp_path: Path, orientation: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    options = SMALL.model_copy(update={"orientation": orientation})
    paths = write_phantoms(tmp_path, cases=1, seed=9, options=options, dicom=True)
    assert paths == [tmp_path / "volume-0.nii.gz"]
    reader = sitk.ImageSeriesReader()
    (series,) = reader.GetGDCMSeriesIDs(str(tmp_path / "dicom-0"))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "dicom-0"), series))
    dicom = reader.Execute()
    array = sitk.GetArrayFromImage(dicom).transpose(2, 1, 0)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(dicom.GetDirection(), (3, 3)) * dicom.GetSpacing()
    affine[:3, 3] = dicom.GetOrigin()
    affine = np.diag([-1.0, -1, 1, 1]) @ affine
    nifti = nibabel.load(paths[0])
    a, b = Reorientation.of(affine), Reorientation.of(nifti.affine)
    np.testing.assert_array_equal(a.apply(array), b.apply(np.asarray(nifti.dataobj)))
    # Every corner at the same place in the patient.
    for corner in np.ndindex(2, 2, 2):
        index = np.array(corner) * (np.array([24, 64, 64]) - 1)
        places = []
        for turn, matrix, shape in ((a, affine, array.shape), (b, nifti.affine, nifti.shape)):
            source = np.zeros(4)
            source[3] = 1
            for axis, (along, flip) in enumerate(zip(turn.permutation, turn.flips, strict=True)):
                source[along] = shape[along] - 1 - index[axis] if flip else index[axis]
            places.append((matrix @ source)[:3])
        np.testing.assert_allclose(places[0], places[1], atol=2e-3)


def test_dicom_files_are_ct_images_with_stable_identifiers(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    for name in ("a", "b"):
        write_phantoms(tmp_path / name, cases=1, seed=9, options=SMALL, dicom=True)
    files = sorted((tmp_path / "a" / "dicom-0").iterdir())
    assert len(files) == 24
    for file in (files[0], files[-1]):
        data = pydicom.dcmread(file)
        assert data.SOPClassUID == pydicom.uid.CTImageStorage
        assert data.RescaleIntercept == -1024
        assert data.SOPInstanceUID.is_valid
        assert len(data.SOPInstanceUID) <= 64
        assert file.read_bytes() == (tmp_path / "b" / "dicom-0" / file.name).read_bytes()
    assert len({pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in files}) == 24


def test_written_cases_read_back_and_are_not_made_again(tmp_path: Path) -> None:
    write_phantoms(tmp_path, cases=2, seed=3, options=SMALL)
    names = ["segmentation-0.nii.gz", "segmentation-1.nii.gz", "volume-0.nii.gz", "volume-1.nii.gz"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phantoms.json", *names]
    image = read_volume(tmp_path / "volume-1.nii.gz")
    label = read_label(tmp_path / "segmentation-1.nii.gz")
    np.testing.assert_array_equal(image.array, small(4).image.array)
    np.testing.assert_array_equal(label.array, small(4).label.array)
    assert image.same_grid(small(4).image)
    stamp = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    (tmp_path / "volume-1.nii.gz").unlink()
    write_phantoms(tmp_path, cases=2, seed=3, options=SMALL)
    assert (tmp_path / "volume-1.nii.gz").exists()
    for name in ("volume-0.nii.gz", "segmentation-0.nii.gz"):
        assert (tmp_path / name).stat().st_mtime_ns == stamp[tmp_path / name]


def test_what_is_there_is_never_taken_for_what_was_asked(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "p", cases=1, seed=3, options=SMALL)
    before = (tmp_path / "p" / "volume-0.nii.gz").read_bytes()
    with pytest.raises(InputError, match="another seed"):
        write_phantoms(tmp_path / "p", cases=1, seed=4, options=SMALL)
    assert (tmp_path / "p" / "volume-0.nii.gz").read_bytes() == before
    write_phantoms(tmp_path / "p", cases=1, seed=4, options=SMALL, overwrite=True)
    assert (tmp_path / "p" / "volume-0.nii.gz").read_bytes() != before
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "volume-0.nii.gz").write_bytes(b"a patient's")
    with pytest.raises(InputError, match="not phantoms of ours"):
        write_phantoms(scans, cases=1, seed=0, options=SMALL, overwrite=True)
    assert (scans / "volume-0.nii.gz").read_bytes() == b"a patient's"


def test_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_phantoms(tmp_path / "taken", cases=1, seed=0, options=SMALL)


@pytest.mark.parametrize(
    "wrong", [{"orientation": "LLS"}, {"orientation": "LP"}, {"matrix": 4}, {"tumours": -1}]
)
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        PhantomOptions(**wrong)


def test_smooth_field_is_the_same_on_any_grid_and_of_unit_variance() -> None:
    field = SmoothField(np.random.default_rng(0), scale_mm=10)
    z, y, x = np.arange(-200, 50, 3.0), np.arange(-150, 150, 3.0), np.arange(-150, 150, 3.0)
    values = field.on_grid(z, y, x)
    assert values.std() == pytest.approx(1, abs=0.1)
    points = np.array([[z[5], y[60], x[31]], [z[80], y[2], x[99]]])
    np.testing.assert_allclose(field.at(points), [values[5, 60, 31], values[80, 2, 99]], atol=1e-4)


def test_resampling_keeps_a_ramp_and_a_constant() -> None:
    source, target = np.arange(0, 40, 2.0), np.arange(3, 30, 0.7)
    matrix = resampling_matrix(source, target, 0.7)
    np.testing.assert_allclose(matrix @ source, target, rtol=1e-5)
    ones = np.ones((20, 20, 20), dtype=np.float32)
    np.testing.assert_allclose(resample(ones, (matrix, matrix, matrix)), 1, rtol=1e-5)
