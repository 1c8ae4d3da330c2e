"""Volumes and lesions: boxes and spheres known by geometry, SimpleITK as second opinion."""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name it has everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ynet3d.errors import InputError
from ynet3d.reporting.statistics import statistics
from ynet3d.volumes import Reorientation, Volume, read_label

SPACING = (0.7, 0.9, 2.5)
#: i to the left, j to the back, k to the head.
AFFINE = np.diag([-0.7, -0.9, 2.5, 1.0])
AFFINE[:3, 3] = (120.0, 80.0, -300.0)
VOXEL_ML = 0.7 * 0.9 * 2.5 / 1000


def liver_with(*boxes: tuple[slice, slice, slice]) -> Volume:
    """A liver of 30 x 30 x 16 voxels in a scan of 40 x 40 x 20, with tumours in these boxes."""
    labels = np.zeros((40, 40, 20), np.uint8)
    labels[5:35, 5:35, 2:18] = 1
    for box in boxes:
        labels[box] = 2
    return Volume(labels, AFFINE)


def turn(volume: Volume, axes: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same patient, stored with axes in another order and direction."""
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, list(axes)]
    array = volume.array.transpose(axes)
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return Volume(array, affine)


def brute_force_diameter(mask: np.ndarray, affine: np.ndarray) -> float:
    """Longest distance between any two outer voxel corners of one canonical axial slice."""
    canonical = Reorientation.of(affine)
    slices, row, column = canonical.permutation
    longest = 0.0
    for index in range(mask.shape[slices]):
        points = []
        for voxel in np.argwhere(mask):
            if voxel[slices] != index:
                continue
            for a, b in itertools.product((-0.5, 0.5), repeat=2):
                corner = voxel.astype(float)
                corner[row] += a
                corner[column] += b
                points.append(affine[:3, :3] @ corner)
        for p, q in itertools.combinations(points, 2):
            longest = max(longest, float(np.linalg.norm(p - q)))
    return longest


def test_boxes() -> None:
    result = statistics(
        liver_with(
            (slice(8, 10), slice(8, 11), slice(4, 5)),  # 6 voxels
            (slice(20, 30), slice(10, 14), slice(6, 9)),  # 120 voxels
        )
    )
    assert result["liver_ml"] == pytest.approx(30 * 30 * 16 * VOXEL_ML)
    assert result["tumour_ml"] == pytest.approx(126 * VOXEL_ML)
    assert result["tumour_share"] == pytest.approx(126 / 14400)
    assert result["lesion_count"] == 2
    assert result["connectivity"] == 26
    large, small = result["lesions"]
    assert (large["id"], small["id"]) == (1, 2)
    assert large["ml"] == pytest.approx(120 * VOXEL_ML)
    assert large["longest_axial_diameter_mm"] == pytest.approx(math.hypot(10 * 0.7, 4 * 0.9))
    assert small["longest_axial_diameter_mm"] == pytest.approx(math.hypot(2 * 0.7, 3 * 0.9))
    assert (large["slices"], small["slices"]) == (3, 1)
    # Mean index (24.5, 11.5, 7); in DICOM's axes x grows to the left and y to the back, as i and j.
    assert large["centroid_lps_mm"] == pytest.approx(
        [-120 + 24.5 * 0.7, -80 + 11.5 * 0.9, -300 + 7 * 2.5]
    )
    assert not large["touches_border"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_one_voxel_has_its_diagonal() -> None:
    (lesion,) = statistics(liver_with((slice(9, 10), slice(9, 10), slice(9, 10))))["lesions"]
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(math.hypot(0.7, 0.9))
    assert lesion["ml"] == pytest.approx(VOXEL_ML)


def test_sphere() -> None:
    spacing, radius = np.array([0.6, 0.6, 1.5]), 20.0
    centre = np.array([40, 40, 16]) * spacing
    points = np.stack(np.indices((80, 80, 32)), axis=-1) * spacing - centre
    labels = np.where(np.linalg.norm(points, axis=-1) <= radius, 2, 1).astype(np.uint8)
    (lesion,) = statistics(Volume(labels, np.diag([*spacing, 1.0])))["lesions"]
    assert lesion["ml"] == pytest.approx(4 / 3 * math.pi * radius**3 / 1000, rel=0.01)
    # At most the diagonal of a voxel longer than the sphere, because corners are measured.
    assert 2 * radius - 0.6 < lesion["longest_axial_diameter_mm"] < 2 * radius + 0.85
    assert lesion["centroid_lps_mm"] == pytest.approx([-24, -24, 24], abs=0.01)
    assert lesion["slices"] == 27  # k = 16 ± 13, because 13 * 1.5 <= 20 < 14 * 1.5


def test_diameter_is_measured_in_axial_slices_only() -> None:
    (lesion,) = statistics(liver_with((slice(9, 10), slice(9, 10), slice(3, 17))))["lesions"]
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(math.hypot(0.7, 0.9))
    assert lesion["slices"] == 14


def test_touching_by_a_corner_is_one_lesion() -> None:
    corner = (slice(8, 10),) * 3, (slice(10, 12),) * 3
    apart = (slice(8, 10),) * 3, (slice(11, 13), slice(10, 12), slice(10, 12))
    assert statistics(liver_with(*corner))["lesion_count"] == 1
    assert statistics(liver_with(*apart))["lesion_count"] == 2


@pytest.mark.parametrize(("axis", "place"), itertools.product(range(3), (0, -1)))
def test_lesions_at_each_edge_touch_the_border(axis: int, place: int) -> None:
    volume = liver_with((slice(20, 22),) * 2 + (slice(9, 11),))
    at_edge: list[Any] = [20, 20, 9]
    at_edge[axis] = place
    volume.array[tuple(at_edge)] = 2
    touching = [lesion["touches_border"] for lesion in statistics(volume)["lesions"]]
    assert touching == [False, True]


def test_sentences() -> None:
    nothing = Volume(np.zeros((4, 5, 6), np.uint8), AFFINE)
    assert statistics(nothing)["summary"] == "No liver found."
    assert statistics(nothing)["tumour_share"] is None
    assert statistics(nothing)["lesions"] == []
    assert statistics(liver_with())["summary"] == "Liver 22.7 mL. No tumour found."
    big = np.diag([2.0, 2.0, 5.0, 1.0])
    one = liver_with((slice(8, 18), slice(8, 12), slice(4, 9)))
    assert statistics(Volume(one.array, big))["summary"] == (
        "Liver 288 mL; 1 tumour, 4.0 mL (1.4 % of the liver), 22 mm."
    )
    two = liver_with((slice(8, 18), slice(8, 12), slice(4, 9)), (slice(30, 32),) * 2 + (slice(9),))
    assert statistics(Volume(two.array, big))["summary"] == (
        "Liver 288 mL; 2 tumours, 4.7 mL (1.6 % of the liver), the largest 22 mm."
    )


def test_a_tumour_without_liver_around_it_counts_as_liver() -> None:
    volume = Volume(np.full((3, 3, 3), 2, np.uint8), AFFINE)
    result = statistics(volume)
    assert result["liver_ml"] == result["tumour_ml"] == pytest.approx(27 * VOXEL_ML)
    assert result["tumour_share"] == 1


def test_hu_of_liver_and_lesions() -> None:
    volume = liver_with((slice(8, 12),) * 3, (slice(20, 22),) * 2 + (slice(9, 11),))
    image = np.where(volume.array == 1, 110, -50).astype(np.int16)
    image[8:12, 8:12, 8:12] = 60
    image[20:22, 20:22, 9] = 30
    image[20:22, 20:22, 10] = 50
    result = statistics(volume, volume.with_array(image))
    assert result["liver_hu"] == 110
    assert [lesion["hu"] for lesion in result["lesions"]] == [60, 40]
    assert "liver_hu" not in statistics(volume)
    assert statistics(volume.with_array(volume.array * 0), volume)["liver_hu"] is None


def test_an_image_on_another_grid_is_refused() -> None:
    volume = liver_with()
    with pytest.raises(InputError, match="both on one grid"):
        statistics(volume, Volume(np.zeros((40, 40, 21), np.int16), AFFINE))


MEASURED = (
    "longest_axial_diameter_mm",
    "perpendicular_diameter_mm",
    "greatest_diameter_mm",
    "slices",
    "hu",
    "hu_sd",
)

blobs = npst.arrays(
    np.uint8,
    npst.array_shapes(min_dims=3, max_dims=3, max_side=5),
    elements=st.sampled_from([0, 1, 2]),
)


@settings(deadline=None, max_examples=30)
@given(blobs, st.permutations([0, 1, 2]), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_orientation_changes_nothing(
    labels: np.ndarray, axes: list[int], flips: tuple[bool, bool, bool]
) -> None:
    def content(volume: Volume, image: Volume) -> list[list[float]]:
        found = statistics(volume, image)
        box = found["liver_box"] or {"lowest_lps_mm": [0] * 3, "highest_lps_mm": [0] * 3}
        lesions = sorted(
            [
                *np.round(lesion["centroid_lps_mm"], 6),
                lesion["ml"],
                *(lesion[name] for name in MEASURED),
                lesion["touches_border"],
                -1 if lesion["surface_distance_mm"] is None else lesion["surface_distance_mm"],
            ]
            for lesion in found["lesions"]
        )
        return [
            [*box["lowest_lps_mm"], *box["highest_lps_mm"]],
            [found["liver_hu"] or 0, found["liver_hu_sd"] or 0],
            *lesions,
        ]

    volume = Volume(labels, AFFINE)
    image = volume.with_array(np.random.default_rng(0).integers(-99, 99, labels.shape, np.int16))
    turned = [turn(one, tuple(axes), flips) for one in (volume, image)]
    for one, other in zip(content(*turned), content(volume, image), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(blobs, st.sampled_from(["straight", "oblique", "sheared", "sheared and mirrored"]))
def test_diameter_agrees_with_brute_force(labels: np.ndarray, kind: str) -> None:
    affine = AFFINE.copy()
    if kind == "oblique":
        angle = 0.3
        rotation = np.eye(3)
        rotation[1:, 1:] = [
            [math.cos(angle), -math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
        affine[:3, :3] = rotation @ affine[:3, :3]
    elif kind.startswith("sheared"):
        affine[0, 1] = 0.2
        affine[0, 0] *= -1 if "mirrored" in kind else 1
    lesions = statistics(Volume(labels, affine))["lesions"]
    # The whole mask's largest within-lesion diameter: brute force over each component of SimpleITK.
    components = sitk.GetArrayFromImage(
        sitk.ConnectedComponent(sitk.GetImageFromArray((labels == 2).astype(np.uint8)), True)
    )
    expected = [
        brute_force_diameter(components == number, affine)
        for number in range(1, components.max() + 1)
    ]
    found = [lesion["longest_axial_diameter_mm"] for lesion in lesions]
    assert sorted(found) == pytest.approx(sorted(expected))


@pytest.mark.parametrize("shear", [-0.6, 0.6])
def test_sheared_slices_are_not_passed_over(shear: float) -> None:
    # One diagonal of the square is longer than the row in the next slice, the other is shorter.
    labels = np.zeros((7, 5, 2), np.uint8)
    labels[:4, :4, 0] = 2
    labels[:5, 0, 1] = 2
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[0, 1] = shear
    (lesion,) = statistics(Volume(labels, affine))["lesions"]
    expected = math.hypot(4 + 4 * 0.6, 4)
    assert brute_force_diameter(labels == 2, affine) == pytest.approx(expected)
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(expected)


def test_many_points_take_the_hull_and_give_the_same() -> None:
    random = np.random.default_rng(0)
    labels = np.zeros((60, 60, 3), np.uint8)
    labels[10:50, 10:50, 1] = 2 * (random.random((40, 40)) < 0.7)
    labels[30, 10:50, 1] = 2
    lesion = statistics(Volume(labels, AFFINE))["lesions"][0]
    components = sitk.GetArrayFromImage(
        sitk.ConnectedComponent(sitk.GetImageFromArray(labels), True)
    )
    largest = components == np.argmax(np.bincount(components.ravel())[1:]) + 1
    ends = np.argwhere(largest)[:, :2]
    corners = (ends[:, None] + [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]).reshape(-1, 2)
    corners = np.unique(corners, axis=0) * SPACING[:2]
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(apart.max())


def itk_statistics(volume: Volume) -> tuple[list[float], list[tuple[float, ...]]]:
    """Volumes in mL and centroids in LPS mm of the tumours, by SimpleITK."""
    image = sitk.GetImageFromArray((volume.array == 2).astype(np.uint8).transpose(2, 1, 0))
    lps = np.diag([-1.0, -1.0, 1.0]) @ volume.affine[:3]
    image.SetOrigin(lps[:, 3].tolist())
    image.SetSpacing(volume.spacing)
    image.SetDirection((lps[:, :3] / np.asarray(volume.spacing)).ravel().tolist())
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(sitk.ConnectedComponent(image, True))
    labels = shapes.GetLabels()
    volumes = [shapes.GetPhysicalSize(label) / 1000 for label in labels]
    return volumes, [shapes.GetCentroid(label) for label in labels]


def test_agrees_with_simpleitk_on_noise_in_a_rotated_scan() -> None:
    random = np.random.default_rng(1)
    labels = random.choice(np.array([0, 1, 2], np.uint8), (24, 28, 18), p=[0.3, 0.65, 0.05])
    angle = 0.2
    rotation = np.array(
        [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    )
    affine = AFFINE.copy()
    affine[:3, :3] = rotation @ affine[:3, :3]
    volume = Volume(labels, affine)
    result = statistics(volume)
    volumes, centroids = itk_statistics(volume)
    assert result["lesion_count"] == len(volumes)
    assert [lesion["ml"] for lesion in result["lesions"]] == pytest.approx(sorted(volumes)[::-1])
    found = sorted(lesion["centroid_lps_mm"] for lesion in result["lesions"])
    np.testing.assert_allclose(found, sorted(centroids), atol=1e-3)


def test_five_thousand_lesions_take_seconds() -> None:
    labels = np.zeros((256, 256, 80), np.uint8, order="F")
    places = np.argwhere(np.ones((21, 21, 13)))[:5000]
    labels[tuple((places * [12, 12, 6] + 2).T)] = 2
    labels[tuple((places * [12, 12, 6] + [3, 2, 2]).T)] = 2
    start = time.process_time()
    result = statistics(Volume(labels, AFFINE))
    assert time.process_time() - start < 5
    assert result["lesion_count"] == 5000
    diameters = {round(lesion["longest_axial_diameter_mm"], 9) for lesion in result["lesions"]}
    assert diameters == {round(math.hypot(2 * 0.7, 0.9), 9)}


@pytest.mark.real
def test_real_scan_agrees_with_simpleitk(real_data: Path) -> None:
    volume = read_label(real_data / "lits_subset" / "segmentation-4.nii.gz")
    result = statistics(volume)
    volumes, _ = itk_statistics(volume)
    assert result["lesion_count"] == len(volumes) > 0
    assert [lesion["ml"] for lesion in result["lesions"]] == pytest.approx(sorted(volumes)[::-1])
    assert 800 < result["liver_ml"] < 4000


def test_confidence_is_the_mean_over_the_lesion() -> None:
    label = liver_with(
        (slice(8, 10), slice(8, 10), slice(4, 6)), (slice(20, 22), slice(20, 21), slice(9, 10))
    )
    sure = np.zeros(label.shape, np.uint8)
    sure[8:10, 8:10, 4:5], sure[8:10, 8:10, 5:6] = 255, 153  # 1.0 and 0.6
    sure[20:22, 20:21, 9:10] = 51
    found = statistics(label, confidence=label.with_array(sure))
    assert [lesion["confidence"] for lesion in found["lesions"]] == pytest.approx([0.8, 0.2])
    assert "confidence" not in statistics(label)["lesions"][0]
