"""Surface distances: shapes with known answers, all pairs by brute force, and other libraries."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk  # noqa: N813 - the name everybody uses
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from monai.metrics.utils import get_surface_distance
from scipy import ndimage

from ynet3d.evaluation import surface
from ynet3d.evaluation.surface import SurfaceDistances, surface_distances, surface_voxels

Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
ANISOTROPIC: Spacing = (0.7, 0.8, 2.5)


def boxed(shape: tuple[int, int, int], *boxes: tuple[slice, slice, slice]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[box] = True
    return mask


def ball(side: int, radius_mm: float, spacing: Spacing, centre: float | None = None) -> Mask:
    index = np.indices((side, side, side)).reshape(3, -1) - (
        side // 2 if centre is None else centre
    )
    far = np.linalg.norm(index * np.array(spacing)[:, None], axis=0)
    return (far <= radius_mm).reshape(side, side, side)


def blob(shape: tuple[int, int, int], density: float, seed: int) -> Mask:
    """Lumps of all sizes with holes, some touching the border."""
    noise = np.random.default_rng(seed).random(shape)
    return np.asarray(ndimage.uniform_filter(noise, 2, mode="nearest") < density)


def measured(prediction: Mask, reference: Mask, spacing: Spacing = (1, 1, 1)) -> SurfaceDistances:
    distances = surface_distances(prediction, reference, spacing)
    assert distances is not None
    return distances


def surface_points(mask: Mask, spacing: Spacing) -> npt.NDArray[np.float64]:
    eroded = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(3, 2))
    return np.argwhere(mask ^ eroded) * np.array(spacing)


def all_pairs(
    prediction: Mask, reference: Mask, spacing: Spacing
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    one, other = surface_points(prediction, spacing), surface_points(reference, spacing)
    apart = np.linalg.norm(one[:, None] - other[None], axis=-1)
    return apart.min(axis=1), apart.min(axis=0)


def assert_equal(one: SurfaceDistances, other: SurfaceDistances, tolerance: float = 1e-5) -> None:
    """The same distances, in whatever order."""
    for name in ("prediction_to_reference_mm", "reference_to_prediction_mm"):
        first, second = np.sort(getattr(one, name)), np.sort(getattr(other, name))
        assert first.shape == second.shape
        np.testing.assert_allclose(first, second, atol=tolerance)


shapes = st.tuples(*[st.integers(1, 9)] * 3)
densities = st.floats(0.2, 0.8)
seeds = st.integers(0, 2**32 - 1)
sides = st.floats(0.3, 5.0)
spacings = st.tuples(sides, sides, sides)


# Shapes with known answers.


def test_cubes_shifted_by_two_voxels() -> None:
    """Along k, by 2 voxels of 2.5 mm.

    The cube has 6 x 6 x 6 voxels, the ones not on its surface are 4 x 4 x 4: 152 surface voxels.
    One end face sticks out of the other cube, the opposite one lies inside it.
    """
    one = boxed((20, 20, 20), np.s_[5:11, 5:11, 5:11])
    other = boxed((20, 20, 20), np.s_[5:11, 5:11, 7:13])
    distances = measured(one, other, ANISOTROPIC)
    for direction in (distances.prediction_to_reference_mm, distances.reference_to_prediction_mm):
        assert direction.dtype == np.float32
        assert direction.size == 152
    # Open end: 36 voxels at 5 mm, then 20 of the rim at 2.5 mm. Covered end: the inner 16 lie in
    # the other cube, 1 or 2 steps from its side faces, of 0.7 mm along i or of 0.8 mm along j.
    inner = [min(0.7 * a, 0.8 * b) for a in (1, 2, 2, 1) for b in (1, 2, 2, 1)]
    expected = [5.0] * 36 + [2.5] * 20 + inner + [0.0] * (152 - 36 - 20 - 16)
    np.testing.assert_allclose(np.sort(distances.prediction_to_reference_mm), np.sort(expected))
    assert distances.assd_mm == pytest.approx(sum(expected) / 152)
    assert distances.rmsd_mm == pytest.approx(math.sqrt(sum(d * d for d in expected) / 152))
    assert distances.msd_mm == pytest.approx(5.0)
    assert distances.hd95_mm == pytest.approx(5.0)
    assert distances.nsd(2.0) == pytest.approx(96 / 152)
    assert distances.nsd(2.5) == pytest.approx(116 / 152)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("shift", [1, 3, 7])
def test_flat_plates_shifted_along_each_axis(axis: int, shift: int) -> None:
    """One-voxel plates through the whole array: every distance is the shift."""
    one, other = np.zeros((2, 9, 10, 11), np.bool_)
    np.moveaxis(one, axis, 0)[1] = True
    np.moveaxis(other, axis, 0)[1 + shift] = True
    distances = measured(one, other, ANISOTROPIC)
    far = shift * ANISOTROPIC[axis]
    for value in (distances.assd_mm, distances.rmsd_mm, distances.msd_mm, distances.hd95_mm):
        assert value == pytest.approx(far)
    assert distances.nsd(far - 0.01) == 0.0
    assert distances.nsd(far + 0.01) == 1.0


def test_concentric_cubes() -> None:
    """5 x 5 x 5 in the middle of 9 x 9 x 9: two steps between the faces.

    The inner cube's 98 surface voxels are each 2 mm from a face. Of the outer cube's 386, each of
    the 6 x 25 opposite the inner cube is 2 mm off; towards edges and corners, the distance is that
    to the clamped position.
    """
    inner = boxed((13, 13, 13), np.s_[4:9, 4:9, 4:9])
    outer = boxed((13, 13, 13), np.s_[2:11, 2:11, 2:11])
    distances = measured(inner, outer)
    assert distances.prediction_to_reference_mm.tolist() == [2.0] * 98
    axis = np.arange(-4, 5)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.abs(grid).max(axis=1) == 4]
    expected = np.linalg.norm(np.maximum(np.abs(grid) - 2, 0), axis=1)
    assert expected.size == 386
    np.testing.assert_allclose(
        np.sort(distances.reference_to_prediction_mm), np.sort(expected), rtol=1e-6
    )
    assert distances.msd_mm == pytest.approx(2 * math.sqrt(3))
    assert distances.hd95_mm == pytest.approx(np.percentile(expected, 95))


def test_hole_in_a_solid_has_a_surface_too() -> None:
    """A cube with an empty middle against the solid cube: only the hole's wall is off."""
    solid = boxed((9, 9, 9), np.s_[1:8, 1:8, 1:8])
    hollow = solid.copy()
    hollow[4, 4, 4] = False
    distances = measured(hollow, solid)
    assert np.count_nonzero(distances.prediction_to_reference_mm) == 18
    assert distances.msd_mm == pytest.approx(2.0)
    assert not distances.reference_to_prediction_mm.any()


@pytest.mark.parametrize(("radius", "other_radius"), [(6.0, 10.0), (10.0, 12.0), (12.0, 5.0)])
def test_concentric_balls(radius: float, other_radius: float) -> None:
    """Each distance is the difference of the radii, to within the voxels' own extent."""
    spacing = (0.5, 0.8, 1.0)
    distances = measured(ball(55, radius, spacing), ball(55, other_radius, spacing), spacing)
    gap, voxel = abs(radius - other_radius), math.hypot(*spacing)
    assert distances.msd_mm == pytest.approx(gap, abs=voxel)
    assert distances.assd_mm == pytest.approx(gap, abs=voxel / 2)
    assert float(distances.prediction_to_reference_mm.min()) > gap - voxel
    assert distances.nsd(gap - voxel) == 0.0
    assert distances.nsd(gap + voxel) == 1.0


def test_one_voxel_against_one_voxel() -> None:
    one, other = np.zeros((2, 5, 6, 7), np.bool_)
    one[0, 1, 2] = other[4, 4, 6] = True
    distances = measured(one, other, ANISOTROPIC)
    far = math.hypot(4 * 0.7, 3 * 0.8, 4 * 2.5)
    assert distances.prediction_to_reference_mm.tolist() == pytest.approx([far])
    assert distances.hd95_mm == pytest.approx(far)


def test_beyond_the_array_is_outside() -> None:
    """A mask that fills the array has a surface along its border, and only there."""
    full = np.ones((5, 5, 5), np.bool_)
    middle = boxed((5, 5, 5), np.s_[2:3, 2:3, 2:3])
    distances = measured(full, middle)
    assert distances.prediction_to_reference_mm.size == 5**3 - 3**3
    assert distances.reference_to_prediction_mm.tolist() == [2.0]


@pytest.mark.parametrize("neighbour", [(0, 0, 1), (0, 1, 1), (1, 1, 1)])
def test_neighbours_across_faces_and_edges_count_and_across_corners_do_not(
    neighbour: tuple[int, int, int],
) -> None:
    mask = np.ones((3, 3, 3), np.bool_)
    mask[tuple(1 + step for step in neighbour)] = False
    assert surface_voxels(mask)[2, 2, 2] == (sum(neighbour) < 3)


@pytest.mark.parametrize("side", [0.4, 0.4 * (1 + 1e-7), float(np.float32(0.4)), 0.39999997])
@pytest.mark.parametrize("tolerance", [2.0, np.float64(2.0), np.float32(2.0)])
def test_tolerance_holds_whatever_the_header_rounded(side: float, tolerance: float) -> None:
    """Five voxels of 0.4 mm are within 2 mm, and not within 1.999 mm."""
    one, other = np.zeros((2, 9, 3, 3), np.bool_)
    one[1], other[6] = True, True
    distances = measured(one, other, (side, 1, 1))
    assert distances.nsd(tolerance) == 1.0
    assert distances.nsd(tolerance - 0.001) == 0.0


@pytest.mark.parametrize("which", ["prediction", "reference", "both"])
def test_empty_mask_has_no_distances(which: str) -> None:
    empty, full = np.zeros((4, 4, 4), np.bool_), np.ones((4, 4, 4), np.bool_)
    prediction = full if which == "reference" else empty
    reference = full if which == "prediction" else empty
    assert surface_distances(prediction, reference, (1, 1, 1)) is None


def test_wrong_shapes_and_spacings_are_refused() -> None:
    mask = np.ones((2, 2, 2), np.bool_)
    with pytest.raises(ValueError, match=r"\(2, 2, 1\)"):
        surface_distances(mask, mask[..., :1], (1, 1, 1))
    with pytest.raises(ValueError, match="3D"):
        surface_distances(mask[0], mask[0], (1, 1, 1))
    for spacing in [(1, 1, 0), (1, -1, 1), (1, 1, math.nan), (1, 1, math.inf), (1, 1)]:
        with pytest.raises(ValueError, match="spacing"):
            surface_distances(mask, mask, spacing)  # type: ignore[arg-type]


# Properties.


@settings(max_examples=60, deadline=None)
@given(shape=shapes, density=densities, seed=seeds, spacing=spacings)
def test_all_pairs_agree(
    shape: tuple[int, int, int], density: float, seed: int, spacing: Spacing
) -> None:
    prediction, reference = blob(shape, density, seed), blob(shape, density, seed + 1)
    assume(prediction.any() and reference.any())
    there, back = all_pairs(prediction, reference, spacing)
    distances = measured(prediction, reference, spacing)
    found = distances.prediction_to_reference_mm, distances.reference_to_prediction_mm
    for got, expected in zip(found, (there, back), strict=True):
        np.testing.assert_allclose(np.sort(got), np.sort(expected), atol=1e-5)
    pooled = np.concatenate([there, back])
    assert distances.assd_mm == pytest.approx(pooled.mean(), abs=1e-5)
    assert distances.rmsd_mm == pytest.approx(math.sqrt((pooled**2).mean()), abs=1e-5)
    assert distances.msd_mm == pytest.approx(pooled.max(), abs=1e-5)
    assert distances.hd95_mm == pytest.approx(
        max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-5
    )
    tolerance = float(spacing[0]) * 1.37 + 1e-3
    assume(np.abs(pooled - tolerance).min() > 1e-5)
    assert distances.nsd(tolerance) == pytest.approx((pooled <= tolerance).mean())


@settings(max_examples=40, deadline=None)
@given(shape=shapes, density=densities, seed=seeds, spacing=spacings)
def test_tree_and_map_agree(
    shape: tuple[int, int, int], density: float, seed: int, spacing: Spacing
) -> None:
    """Whatever is searched by tree, nearby, far off or not at all, the distances are the same."""
    prediction, reference = blob(shape, density, seed), blob(shape, density, seed + 1)
    assume(prediction.any() and reference.any())
    results = []
    for map_ns, near, threads in [(1e9, 6, 0), (1e9, 0.5, 10**9), (0, 6, 0)]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(surface, "_NS_PER_MAP_VOXEL", map_ns)
            patch.setattr(surface, "_NEAR_VOXELS", near)
            patch.setattr(surface, "_QUERIES_FOR_THREADS", threads)
            results.append(measured(prediction, reference, spacing))
    assert_equal(results[0], results[1])
    assert_equal(results[0], results[2])


def test_near_by_tree_and_far_by_map() -> None:
    """Enough far voxels, beside near ones, that a map is drawn for them: as by brute force."""
    prediction = boxed((40, 20, 20), np.s_[2:12, 2:18, 2:18], np.s_[35:37, 5:15, 5:15])
    reference = boxed((40, 20, 20), np.s_[3:13, 2:18, 2:18])
    maps = []
    drawn: Callable[..., Any] = surface.edt.edt
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surface, "_NS_PER_FAR_QUERY", 10_000)
        patch.setattr(surface, "_NS_PER_MAP_VOXEL", 60)
        patch.setattr(surface.edt, "edt", lambda *a, **k: maps.append(drawn(*a, **k)) or maps[-1])
        distances = measured(prediction, reference, ANISOTROPIC)
    assert len(maps) == 1
    there, back = all_pairs(prediction, reference, ANISOTROPIC)
    np.testing.assert_allclose(
        np.sort(distances.prediction_to_reference_mm), np.sort(there), atol=1e-5
    )
    np.testing.assert_allclose(
        np.sort(distances.reference_to_prediction_mm), np.sort(back), atol=1e-5
    )


@settings(max_examples=40, deadline=None)
@given(shape=shapes, density=densities, seed=seeds, spacing=spacings, data=st.data())
def test_place_order_and_direction_do_not_matter(
    shape: tuple[int, int, int], density: float, seed: int, spacing: Spacing, data: st.DataObject
) -> None:
    """Swapped masks, flips, permuted axes, padding and memory order: the same distances."""
    prediction, reference = blob(shape, density, seed), blob(shape, density, seed + 1)
    assume(prediction.any() and reference.any())
    expected = measured(prediction, reference, spacing)
    swapped = measured(reference, prediction, spacing)
    assert_equal(
        expected,
        SurfaceDistances(swapped.reference_to_prediction_mm, swapped.prediction_to_reference_mm),
    )
    for metric in ("assd_mm", "rmsd_mm", "msd_mm", "hd95_mm"):
        assert getattr(swapped, metric) == pytest.approx(getattr(expected, metric))
    axes = data.draw(st.permutations(range(3)))
    flips = data.draw(st.tuples(*[st.sampled_from([1, -1])] * 3))
    widths = data.draw(st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 3))
    layouts = data.draw(st.tuples(*[st.sampled_from("CF")] * 2))

    def moved(mask: Mask, layout: Any) -> Mask:
        turned = np.pad(mask, widths)[tuple(slice(None, None, step) for step in flips)]
        return np.array(turned.transpose(axes), order=layout)

    again = measured(
        moved(prediction, layouts[0]),
        moved(reference, layouts[1]),
        (spacing[axes[0]], spacing[axes[1]], spacing[axes[2]]),
    )
    assert_equal(expected, again)


@settings(max_examples=20, deadline=None)
@given(shape=shapes, density=densities, seed=seeds, spacing=spacings)
def test_identical_masks_are_zero_apart(
    shape: tuple[int, int, int], density: float, seed: int, spacing: Spacing
) -> None:
    mask = blob(shape, density, seed)
    assume(mask.any())
    distances = measured(mask, mask.copy(), spacing)
    assert not distances.prediction_to_reference_mm.any()
    assert (distances.assd_mm, distances.rmsd_mm, distances.msd_mm, distances.hd95_mm) == (0,) * 4
    assert distances.nsd(0.0) == 1.0


@settings(max_examples=60, deadline=None)
@given(
    shape=shapes,
    density=densities,
    seed=seeds,
    layout=st.sampled_from("CF"),
    slab=st.sampled_from([1, 150, 2**20]),
)
def test_surface_is_what_an_erosion_takes_away(
    shape: tuple[int, int, int], density: float, seed: int, layout: Any, slab: int
) -> None:
    """In one slab, in several, and plane by plane."""
    mask = np.array(blob(shape, density, seed), order=layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surface, "_SLAB_BYTES", slab)
        found = surface_voxels(mask)
    eroded = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(3, 2))
    assert np.array_equal(found, np.pad(mask ^ eroded, 1))


def test_masks_are_left_alone() -> None:
    prediction, reference = blob((9, 9, 9), 0.4, 1), blob((9, 9, 9), 0.4, 2)
    before = prediction.copy(), reference.copy()
    measured(prediction, reference)
    assert np.array_equal(prediction, before[0])
    assert np.array_equal(reference, before[1])


# Second opinions.

blob_seeds = pytest.mark.parametrize("seed", range(6))


def random_boxes(seed: int) -> tuple[Mask, Mask]:
    """Two masks of two boxes each, a gap between them: no concave edge anywhere."""
    random = np.random.default_rng(seed)

    def one() -> Mask:
        halves = []
        for low, high in ((0, 11), (13, 24)):
            ends = [np.sort(random.choice(np.arange(0, 25), 2, replace=False)) for _ in range(3)]
            ends[0] = np.sort(random.choice(np.arange(low, high), 2, replace=False))
            halves.append(tuple(slice(int(a), int(b)) for a, b in ends))
        return boxed((24, 24, 24), *halves)  # type: ignore[arg-type]

    return one(), one()


def monai_metrics(prediction: Mask, reference: Mask, spacing: Spacing) -> dict[str, float]:
    one = torch.from_numpy(prediction.astype(np.float32))[None, None]
    other = torch.from_numpy(reference.astype(np.float32))[None, None]
    options: dict[str, Any] = {"include_background": True, "spacing": list(spacing)}
    hausdorff = compute_hausdorff_distance
    return {
        "assd": float(compute_average_surface_distance(one, other, symmetric=True, **options)),
        "msd": float(hausdorff(one, other, **options)),
        "hd95": float(hausdorff(one, other, percentile=95, **options)),
        "nsd": float(compute_surface_dice(one, other, class_thresholds=[2.0], **options)),
    }


@blob_seeds
def test_monai_agrees_where_the_surfaces_are_the_same(seed: int) -> None:
    """MONAI's surface voxels have a neighbour outside across a face (6), ours also across an edge.

    Without concave edges both are the same voxels, and so are all metrics: ASSD pooled, HD95 the
    larger of two linear percentiles, NSD by counting.
    """
    prediction, reference = random_boxes(seed)
    distances = measured(prediction, reference, ANISOTROPIC)
    expected = monai_metrics(prediction, reference, ANISOTROPIC)
    assert distances.assd_mm == pytest.approx(expected["assd"], rel=1e-5)
    assert distances.msd_mm == pytest.approx(expected["msd"], rel=1e-5)
    assert distances.hd95_mm == pytest.approx(expected["hd95"], rel=1e-5)
    assert distances.nsd(2.0) == pytest.approx(expected["nsd"], rel=1e-5)


@blob_seeds
def test_monai_is_within_a_voxel_side_on_any_blob(seed: int) -> None:
    """Between MONAI's maximum and ours lies at most the second largest voxel side.

    A voxel that is ours alone has its face neighbours inside and an edge neighbour outside; either
    voxel between them belongs to MONAI's surface, and the nearer one lies the smaller of two sides
    away. So the two surfaces of one mask, and with them the maxima, differ by no more.
    """
    prediction, reference = blob((14, 15, 16), 0.45, seed), blob((14, 15, 16), 0.45, 100 + seed)
    distances = measured(prediction, reference, ANISOTROPIC)
    expected = monai_metrics(prediction, reference, ANISOTROPIC)
    assert abs(distances.msd_mm - expected["msd"]) <= sorted(ANISOTROPIC)[1] + 1e-5


@blob_seeds
def test_monai_measures_the_same_between_our_surfaces(seed: int) -> None:
    prediction, reference = blob((14, 15, 16), 0.45, seed), blob((14, 15, 16), 0.45, 100 + seed)
    one, other = surface_voxels(prediction), surface_voxels(reference)
    expected = get_surface_distance(one, other, spacing=ANISOTROPIC)
    distances = measured(prediction, reference, ANISOTROPIC)
    np.testing.assert_allclose(
        np.sort(distances.prediction_to_reference_mm), np.sort(np.asarray(expected)), atol=1e-5
    )


def itk_image(mask: Mask, spacing: Spacing) -> sitk.Image:
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    image.SetSpacing(spacing)
    return image


@blob_seeds
def test_simpleitk_hausdorff_between_our_surfaces(seed: int) -> None:
    """SimpleITK's Hausdorff filter measures between all voxels given to it: here, the surfaces.

    Given whole masks it measures sets, not surfaces: a voxel inside the other mask is 0 mm away.
    Its average is the mean of the two directed means, ours pools both directions.
    """
    prediction, reference = blob((14, 15, 16), 0.45, seed), blob((14, 15, 16), 0.45, 100 + seed)
    distances = measured(prediction, reference, ANISOTROPIC)
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(
        itk_image(surface_voxels(prediction), ANISOTROPIC),
        itk_image(surface_voxels(reference), ANISOTROPIC),
    )
    assert distances.msd_mm == pytest.approx(hausdorff.GetHausdorffDistance(), rel=1e-5)
    means = (
        distances.prediction_to_reference_mm.mean(),
        distances.reference_to_prediction_mm.mean(),
    )
    assert np.mean(means) == pytest.approx(hausdorff.GetAverageHausdorffDistance(), rel=1e-5)


@blob_seeds
def test_simpleitk_distance_map_of_our_surface(seed: int) -> None:
    """Maurer's exact distance map of the reference's surface, read at the prediction's."""
    prediction, reference = blob((14, 15, 16), 0.45, seed), blob((14, 15, 16), 0.45, 100 + seed)
    image = itk_image(surface_voxels(reference), ANISOTROPIC)
    distance = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    outside = np.maximum(sitk.GetArrayFromImage(distance).T, 0)
    expected = outside[surface_voxels(prediction)]
    distances = measured(prediction, reference, ANISOTROPIC)
    np.testing.assert_allclose(
        np.sort(distances.prediction_to_reference_mm), np.sort(expected), atol=1e-4
    )


@blob_seeds
def test_simpleitk_hausdorff_of_whole_convex_masks(seed: int) -> None:
    """Of convex sets, the Hausdorff distance is that of their surfaces."""
    random = np.random.default_rng(seed)
    masks = []
    for _ in range(2):
        ends = [np.sort(random.choice(25, 2, replace=False)) for _ in range(3)]
        masks.append(boxed((24, 24, 24), tuple(slice(int(a), int(b)) for a, b in ends)))  # type: ignore[arg-type]
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*(itk_image(mask, ANISOTROPIC) for mask in masks))
    distances = measured(*masks, ANISOTROPIC)
    assert distances.msd_mm == pytest.approx(hausdorff.GetHausdorffDistance(), rel=1e-5)


@blob_seeds
def test_medpy_agrees_with_the_same_neighbourhood(seed: int) -> None:
    """With `connectivity=2` (its default is 1, faces alone), MedPy's surface is ours.

    Its ASSD pools both directions as ours does; so does its HD95, where ours is the larger of the
    two directed percentiles.
    """
    medpy = pytest.importorskip("medpy.metric.binary")
    prediction, reference = blob((14, 15, 16), 0.45, seed), blob((14, 15, 16), 0.45, 100 + seed)
    distances = measured(prediction, reference, ANISOTROPIC)
    there, back = distances.prediction_to_reference_mm, distances.reference_to_prediction_mm
    options = {"voxelspacing": ANISOTROPIC, "connectivity": 2}
    assert medpy.hd(prediction, reference, **options) == pytest.approx(distances.msd_mm, rel=1e-5)
    assert medpy.asd(prediction, reference, **options) == pytest.approx(there.mean(), rel=1e-5)
    assert medpy.asd(reference, prediction, **options) == pytest.approx(back.mean(), rel=1e-5)
    assert medpy.assd(prediction, reference, **options) == pytest.approx(
        distances.assd_mm, rel=1e-5
    )
    assert medpy.hd95(prediction, reference, **options) == pytest.approx(
        np.percentile(np.concatenate([there, back]), 95), rel=1e-5
    )


@blob_seeds
def test_surface_distance_is_within_a_voxel_diagonal(seed: int) -> None:
    """DeepMind's surface-distance puts its surface on voxel corners, not on voxel centres.

    Each of its surface elements touches a voxel of our surface, and each of ours touches one of its
    elements: half a voxel diagonal from centre to corner, at both ends. It weights by area, so that
    means and percentiles differ without a bound.
    """
    deepmind = pytest.importorskip("surface_distance")
    # Its crop is right only for masks that do not touch the border: it says so itself.
    prediction, reference = (
        np.pad(blob((14, 15, 16), 0.45, which), 1) for which in (seed, 100 + seed)
    )
    theirs = deepmind.compute_surface_distances(reference, prediction, ANISOTROPIC)
    maximum = deepmind.compute_robust_hausdorff(theirs, 100)
    distances = measured(prediction, reference, ANISOTROPIC)
    assert abs(distances.msd_mm - maximum) <= math.hypot(*ANISOTROPIC)


def test_surface_distance_on_smooth_shapes() -> None:
    """Two balls of 12 mm, shifted: counting voxels and weighting by area differ by under 10 %."""
    deepmind = pytest.importorskip("surface_distance")
    spacing = (0.75, 0.75, 1.0)
    prediction = ball(48, 12, spacing, 22.0)
    reference = ball(48, 12, spacing, 24.0)
    theirs = deepmind.compute_surface_distances(reference, prediction, spacing)
    distances = measured(prediction, reference, spacing)
    mean = np.mean(deepmind.compute_average_surface_distance(theirs))
    assert distances.assd_mm == pytest.approx(mean, rel=0.1)
    assert distances.hd95_mm == pytest.approx(
        deepmind.compute_robust_hausdorff(theirs, 95), rel=0.1
    )
    assert distances.nsd(1.5) == pytest.approx(
        deepmind.compute_surface_dice_at_tolerance(theirs, 1.5), rel=0.1
    )
