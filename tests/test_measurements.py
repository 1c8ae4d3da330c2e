"""Diameters, densities, depths and boxes: shapes known by geometry, naive counting, SimpleITK."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name it has everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from lesion_cases import Mask, affines, masks
from scipy import ndimage

from ynet3d.evaluation.bidimensional import bidimensional
from ynet3d.evaluation.depth import depths
from ynet3d.evaluation.greatest_diameter import greatest_diameters
from ynet3d.evaluation.lesion_geometry import find_lesions
from ynet3d.reporting.lesion_table import write_lesions_csv
from ynet3d.reporting.statistics import statistics
from ynet3d.volumes import Volume

EVERY_NEIGHBOUR = np.ones((3, 3, 3))


def rotation(axis: int, degrees: float) -> np.ndarray:
    a, b = [other for other in range(3) if other != axis]
    result = np.eye(3)
    angle = math.radians(degrees)
    result[a, a] = result[b, b] = math.cos(angle)
    result[a, b], result[b, a] = -math.sin(angle), math.sin(angle)
    return result


def affine_of(turn: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = (12.0, -7.0, 30.0)
    return affine


def positions(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """Patient mm (RAS+) of each voxel from the middle of the grid."""
    middle = (np.array(shape) - 1) / 2
    return (np.stack(np.indices(shape), axis=-1) - middle) @ affine[:3, :3].T


@pytest.mark.parametrize("degrees", [0, 25, -70])
def test_ellipsoid(degrees: float) -> None:
    """Axes in patient mm: 24 to the right, 15 to the front, 18 to the head, turned in its slice."""
    shape, spacing = (72, 72, 30), (0.8, 0.8, 1.4)
    affine = affine_of(rotation(2, 10), spacing)
    own = positions(shape, affine) @ rotation(2, degrees)
    organ = np.linalg.norm(own / [28.0, 24.0, 20.0], axis=-1) <= 1
    inside = np.linalg.norm(own / [24.0, 15.0, 18.0], axis=-1) <= 1
    (lesion,) = statistics(Volume((organ + inside.astype(np.uint8)), affine))["lesions"]
    diagonal = math.hypot(0.8, 0.8)
    assert 48 - 0.8 < lesion["longest_axial_diameter_mm"] < 48 + diagonal
    assert 30 - 1.0 < lesion["perpendicular_diameter_mm"] < 30 + diagonal
    assert 48 - 0.8 < lesion["greatest_diameter_mm"] < 48 + math.hypot(diagonal, 1.4)
    assert lesion["ml"] == pytest.approx(4 / 3 * math.pi * 24 * 15 * 18 / 1000, rel=0.01)
    # 4 mm at the ends of the long axis, 2 mm at the poles.
    assert lesion["surface_distance_mm"] == pytest.approx(2.0, abs=0.8)


def test_the_greatest_diameter_may_stand_upright() -> None:
    shape, affine = (30, 30, 40), affine_of(np.eye(3), (1.0, 1.0, 1.0))
    own = positions(shape, affine)
    labels = 2 * (np.linalg.norm(own / [8.0, 6.0, 17.0], axis=-1) <= 1).astype(np.uint8)
    (lesion,) = statistics(Volume(labels, affine))["lesions"]
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(16, abs=1.5)
    assert lesion["perpendicular_diameter_mm"] == pytest.approx(12, abs=1.5)
    assert lesion["greatest_diameter_mm"] == pytest.approx(34, abs=1.8)


@pytest.mark.parametrize("turn", [rotation(2, 30), rotation(0, 20), rotation(1, -15)])
def test_box_in_an_oblique_scan(turn: np.ndarray) -> None:
    labels = np.zeros((30, 24, 14), np.uint8)
    labels[3:28, 2:21, 1:12] = 1
    labels[10:20, 8:12, 4:9] = 2
    affine = affine_of(turn, (0.7, 0.9, 2.0))
    found = statistics(Volume(labels, affine))
    (lesion,) = found["lesions"]
    wide, high, deep = 10 * 0.7, 4 * 0.9, 5 * 2.0
    diagonal = math.hypot(wide, high)
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(diagonal)
    # Across the diagonal of a rectangle the longest line runs from a long side to the other.
    assert lesion["perpendicular_diameter_mm"] == pytest.approx(high * diagonal / wide)
    assert lesion["greatest_diameter_mm"] == pytest.approx(math.hypot(wide, high, deep))
    assert lesion["surface_distance_mm"] == pytest.approx(min(7 * 0.7, 6 * 0.9, 3 * 2.0))
    measured = lesion["diameters"]
    assert measured["slice"] in range(4, 9)
    ends = np.array(measured["longest_lps_mm"]), np.array(measured["perpendicular_lps_mm"])
    lines = [one[1] - one[0] for one in ends]
    assert np.linalg.norm(lines, axis=1) == pytest.approx(
        [lesion["longest_axial_diameter_mm"], lesion["perpendicular_diameter_mm"]]
    )
    assert lines[0] @ lines[1] == pytest.approx(0, abs=1e-6)
    voxels = (ends[0] * [-1, -1, 1] - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    corners = {(9.5, 7.5), (9.5, 11.5), (19.5, 7.5), (19.5, 11.5)}
    assert {tuple(np.round(voxel[:2], 6)) for voxel in voxels} < corners
    assert voxels[:, 2] == pytest.approx([measured["slice"]] * 2)
    box = found["liver_box"]
    assert (box["first"], box["last"]) == ([3, 2, 1], [27, 20, 11])
    reach = np.array(list(itertools.product((2.5, 27.5), (1.5, 20.5), (0.5, 11.5))))
    places = (reach @ affine[:3, :3].T + affine[:3, 3]) * [-1, -1, 1]
    assert box["lowest_lps_mm"] == pytest.approx(places.min(axis=0))
    assert box["highest_lps_mm"] == pytest.approx(places.max(axis=0))


def test_the_box_of_a_ball_is_the_ball_s_however_the_scan_is_turned() -> None:
    for turn in (np.eye(3), rotation(2, 40), rotation(0, 30) @ rotation(1, 20)):
        affine = affine_of(turn, (1.0, 1.0, 1.0))
        labels = (np.linalg.norm(positions((44, 44, 44), affine), axis=-1) <= 18).astype(np.uint8)
        box = statistics(Volume(labels, affine))["liver_box"]
        size = np.subtract(box["highest_lps_mm"], box["lowest_lps_mm"])
        assert size == pytest.approx([36] * 3, abs=1.8)


def test_a_crescent_is_measured_where_there_is_lesion() -> None:
    """Its long diameter spans the hollow; across it, only what it is made of counts."""
    place = positions((60, 60, 1), np.eye(4))
    ring = np.abs(np.linalg.norm(place, axis=-1) - 22) <= 3
    labels = 2 * (ring & (place[..., 1] > 0)).astype(np.uint8)
    (lesion,) = statistics(Volume(labels, np.eye(4)))["lesions"]
    assert lesion["longest_axial_diameter_mm"] == pytest.approx(50, abs=1.5)
    # Where the line is a tangent of the inner edge: of the convex hull it would have 25 mm.
    assert lesion["perpendicular_diameter_mm"] == pytest.approx(math.sqrt(25**2 - 19**2), abs=2)


def naive_across(mask: Mask, affine: np.ndarray, axes: tuple[int, int, int]) -> list[float]:
    """The longest axial diameter, and the longest line across any that is as long, by voxels."""
    best = [0.0, 0.0]
    axial, steps = mask.transpose(axes), affine[:3, list(axes)]
    for plane in axial:
        voxels = np.argwhere(plane)
        squares = [
            [(v + corner) @ steps[:, 1:].T for corner in ((0, 0), (0, 1), (1, 1), (1, 0))]
            for v in voxels
        ]
        corners = np.array(squares).reshape(-1, 3)
        for p, q in itertools.combinations(np.unique(np.round(corners, 9), axis=0), 2):
            longest = float(np.linalg.norm(q - p))
            if longest < best[0] - 1e-5:
                continue
            if longest > best[0] + 1e-5:
                best = [longest, 0.0]
            along = (q - p) / longest
            for at in corners @ along:
                cut = []
                for square in squares:
                    for a, b in zip(square, square[1:] + square[:1], strict=True):
                        low, high = a @ along - at, b @ along - at
                        if abs(low) < 1e-7:
                            cut.append(a)
                        if low * high < 0 and min(abs(low), abs(high)) > 1e-7:
                            cut.append(a + (b - a) * low / (low - high))
                across = max(float(np.linalg.norm(a - b)) for a in cut for b in cut)
                best[1] = max(best[1], across)
    return best


@settings(deadline=None, max_examples=25)
@given(masks(largest=4), affines(), st.sampled_from([0.0, 0.3]))
def test_both_diameters_agree_with_naive_cuts(mask: Mask, affine: np.ndarray, shear: float) -> None:
    affine[:3, 0] += shear * affine[:3, 1]
    labels, number = ndimage.label(mask, EVERY_NEIGHBOUR)
    found = find_lesions(mask, affine, numbering="place")
    measured = bidimensional(found, affine)
    for index in range(min(number, 3)):
        longest, across = naive_across(labels == index + 1, affine, found.axes)
        assert measured[index].longest_mm == pytest.approx(longest)
        assert measured[index].longest_mm == pytest.approx(found.lesions[index].diameter_mm)
        assert measured[index].across_mm == pytest.approx(across, abs=1e-5)


def test_a_ragged_lesion_of_many_rows_is_cut_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest places are tried first, and the rest left out once they cannot win."""
    random = np.random.default_rng(2)
    mask = random.random((30, 26, 1)) < 0.7
    affine = affine_of(rotation(2, 12), (0.7, 0.7, 2.0))
    found = find_lesions(mask, affine)
    whole = bidimensional(found, affine)[0].across_mm
    monkeypatch.setattr("ynet3d.evaluation.bidimensional._MOST_CUTS", 2000)
    assert bidimensional(found, affine)[0].across_mm == pytest.approx(whole)


def test_lesions_of_one_shape_are_measured_each_in_its_place() -> None:
    labels = np.ones((30, 30, 12), np.uint8)
    for i, j, k in ((2, 3, 1), (20, 15, 7)):
        labels[i : i + 4, j : j + 2, k] = 2
    affine = affine_of(rotation(2, 12)[:, [2, 0, 1]], (2.0, 0.7, 0.9))
    one, other = statistics(Volume(labels, affine))["lesions"]
    apart = np.subtract(other["centroid_lps_mm"], one["centroid_lps_mm"])
    assert one["perpendicular_diameter_mm"] == other["perpendicular_diameter_mm"] > 0
    for name in ("longest_lps_mm", "perpendicular_lps_mm"):
        moved = np.subtract(other["diameters"][name], one["diameters"][name])
        np.testing.assert_allclose(moved, [apart, apart], atol=1e-9)
    assert abs(other["diameters"]["slice"] - one["diameters"]["slice"]) == 18


@settings(deadline=None, max_examples=25)
@given(masks(largest=6), affines())
def test_greatest_diameter_agrees_with_all_pairs(mask: Mask, affine: np.ndarray) -> None:
    labels, number = ndimage.label(mask, EVERY_NEIGHBOUR)
    found = greatest_diameters(find_lesions(mask, affine, numbering="place"), affine)
    for index in range(number):
        corners = [
            voxel + np.array(corner)
            for voxel in np.argwhere(labels == index + 1)
            for corner in itertools.product((0, 1), repeat=3)
        ]
        places = np.unique(corners, axis=0) @ affine[:3, :3].T
        apart = np.linalg.norm(places[:, None] - places, axis=-1)
        assert found[index] == pytest.approx(apart.max())


def naive_depth(lesion: Mask, organ: Mask, spacing: np.ndarray) -> float:
    """Smallest gap between a voxel of the lesion and one of the outside, all pairs compared."""
    regions, _ = ndimage.label(~organ)
    border = np.ones(organ.shape, bool)
    border[1:-1, 1:-1, 1:-1] = False
    outside = np.isin(regions, np.setdiff1d(regions[border], [0]))
    inner, outer = np.argwhere(lesion), np.argwhere(outside)
    if not len(outer):
        return math.nan
    gaps = np.maximum(np.abs(inner[:, None] - outer) - 1, 0) * spacing
    return float(np.linalg.norm(gaps, axis=-1).min())


@settings(deadline=None, max_examples=60)
@given(masks(largest=7), affines(), st.integers(0, 2**32 - 1))
def test_depth_agrees_with_all_pairs(mask: Mask, affine: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    organ = ndimage.binary_dilation(mask, iterations=2) | (random.random(mask.shape) < 0.7)
    lesions, number = ndimage.label(mask, EVERY_NEIGHBOUR)
    found = depths(find_lesions(mask, affine, numbering="place"), organ, affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    expected = [naive_depth(lesions == n, organ, spacing) for n in range(1, number + 1)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_depth_of_a_ball_in_a_ball() -> None:
    """Radius 24, lesion of radius 6 that lies 10 off the middle: 8 mm below the surface."""
    affine = affine_of(rotation(0, 15), (0.7, 0.7, 1.0))
    own = positions((80, 80, 60), affine)
    labels = (np.linalg.norm(own, axis=-1) <= 24).astype(np.uint8)
    labels[np.linalg.norm(own - [6.0, 8.0, 0.0], axis=-1) <= 6] = 2
    (lesion,) = statistics(Volume(labels, affine))["lesions"]
    assert lesion["surface_distance_mm"] == pytest.approx(24 - 10 - 6, abs=1.2)


def test_depth_at_cavities_and_at_the_edge_of_the_scan() -> None:
    labels = np.ones((20, 20, 20), np.uint8)
    labels[8:10, 8:10, 8:10] = 2
    assert statistics(Volume(labels, np.eye(4)))["lesions"][0]["surface_distance_mm"] is None
    labels[11, 9, 9] = 0  # a cavity is not outside
    assert statistics(Volume(labels, np.eye(4)))["lesions"][0]["surface_distance_mm"] is None
    labels[:, :, 19] = 0
    assert statistics(Volume(labels, np.eye(4)))["lesions"][0]["surface_distance_mm"] == 9
    labels[10, 10, 10:] = 0  # reaches the outside, and touches the lesion by a corner
    assert statistics(Volume(labels, np.eye(4)))["lesions"][0]["surface_distance_mm"] == 0


def test_agrees_with_simpleitk() -> None:
    """Size, place and densities are the same; its Feret diameter runs between voxel centres."""
    random = np.random.default_rng(5)
    field = ndimage.gaussian_filter(random.normal(size=(40, 36, 30)), 2.5)
    labels = np.where(field > np.quantile(field, 0.93), 2, 1).astype(np.uint8)
    affine = affine_of(rotation(2, 20) @ rotation(0, 10), (0.8, 0.9, 1.5))
    hu = (random.normal(80, 20, labels.shape)).astype(np.int16)
    volume = Volume(labels, affine)
    found = statistics(volume, volume.with_array(hu))

    def image_of(array: np.ndarray) -> sitk.Image:
        image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
        lps = np.diag([-1.0, -1.0, 1.0]) @ affine[:3]
        image.SetOrigin(lps[:, 3].tolist())
        image.SetSpacing(volume.spacing)
        image.SetDirection((lps[:, :3] / np.asarray(volume.spacing)).ravel().tolist())
        return image

    components = sitk.ConnectedComponent(image_of((labels == 2).astype(np.uint8)), True)
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputeFeretDiameterOn()
    shapes.Execute(components)
    densities = sitk.LabelIntensityStatisticsImageFilter()
    densities.Execute(components, image_of(hu))
    assert len(found["lesions"]) == shapes.GetNumberOfLabels() > 4
    theirs = {tuple(np.round(shapes.GetCentroid(n), 2)): n for n in shapes.GetLabels()}
    diagonal = float(np.linalg.norm(volume.spacing))
    for lesion in found["lesions"]:
        n = theirs[tuple(np.round(lesion["centroid_lps_mm"], 2))]
        voxels = shapes.GetNumberOfPixels(n)
        assert lesion["ml"] == pytest.approx(shapes.GetPhysicalSize(n) / 1000)
        assert lesion["hu"] == pytest.approx(densities.GetMean(n))
        spread = densities.GetStandardDeviation(n) if voxels > 1 else 0  # n - 1 in the denominator
        share = math.sqrt((voxels - 1) / voxels)
        assert lesion["hu_sd"] == pytest.approx(spread * share, abs=1e-4)
        feret = shapes.GetFeretDiameter(n)
        assert feret < lesion["greatest_diameter_mm"] <= feret + diagonal + 1e-6
    healthy = hu[labels == 1]
    assert found["liver_hu"] == pytest.approx(healthy.mean())
    assert found["liver_hu_sd"] == pytest.approx(healthy.std(), rel=1e-5)


def test_the_table_of_lesions(tmp_path: Path) -> None:
    labels = np.ones((12, 12, 12), np.uint8)
    labels[2:5, 2:4, 3:4] = 2
    labels[9:, 9:, 11] = 2
    volume = Volume(labels, np.diag([-1.0, -1.0, 2.0, 1.0]))
    found = statistics(volume, volume.with_array(labels.astype(np.int16)))
    write_lesions_csv(found, tmp_path / "lesions.csv")
    with open(tmp_path / "lesions.csv", newline="", encoding="utf-8") as stream:
        cut_off, inside = csv.DictReader(stream)
    assert (cut_off["id"], cut_off["touches_border"], inside["touches_border"]) == (
        "1",
        "yes",
        "no",
    )
    assert [inside[f"centroid_{way}_mm"] for way in ("left", "back", "head")] == [
        "3.0",
        "2.5",
        "6.0",
    ]
    assert inside["longest_axial_diameter_mm"] == "3.606"
    assert inside["surface_distance_mm"] == inside["confidence"] == ""  # nothing to say
    assert (inside["hu"], inside["hu_sd"]) == ("2.0", "0.0")
