"""Surface distances: MONAI, SimpleITK, MedPy and surface-distance as second opinions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk  # noqa: N813 - the name everybody uses
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from monai.metrics.utils import get_surface_distance
from surface_masks import (
    ANISOTROPIC,
    Mask,
    Spacing,
    ball,
    blob,
    boxed,
    measured,
)

from ynet3d.evaluation.surface import surface_voxels

blob_seeds = pytest.mark.parametrize("seed", range(6))


def box(ends: list[npt.NDArray[np.intp]]) -> tuple[slice, slice, slice]:
    """From the first and last index along each axis."""
    first, second, third = (slice(int(low), int(high)) for low, high in ends)
    return first, second, third


def random_boxes(seed: int) -> tuple[Mask, Mask]:
    """Two masks of two boxes each, a gap between them: no concave edge anywhere."""
    random = np.random.default_rng(seed)

    def one() -> Mask:
        halves = []
        for low, high in ((0, 11), (13, 24)):
            ends = [np.sort(random.choice(np.arange(0, 25), 2, replace=False)) for _ in range(3)]
            ends[0] = np.sort(random.choice(np.arange(low, high), 2, replace=False))
            halves.append(box(ends))
        return boxed((24, 24, 24), *halves)

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
        masks.append(boxed((24, 24, 24), box(ends)))
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
