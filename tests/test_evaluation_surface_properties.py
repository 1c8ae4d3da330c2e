"""Surface distances: all pairs by brute force, and what must not matter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from surface_masks import (
    ANISOTROPIC,
    Mask,
    Spacing,
    all_pairs,
    assert_equal,
    blob,
    boxed,
    measured,
)

from ynet3d.evaluation import surface
from ynet3d.evaluation.surface import SurfaceDistances, surface_voxels

shapes = st.tuples(*[st.integers(1, 9)] * 3)
densities = st.floats(0.2, 0.8)
seeds = st.integers(0, 2**32 - 1)
sides = st.floats(0.3, 5.0)
spacings = st.tuples(sides, sides, sides)


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
