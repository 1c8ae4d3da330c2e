"""Tumours inside the closed liver: the closing is SciPy's, lesions go or stay as a whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_closing, binary_fill_holes

from ynet3d.inference.liver_closing import closed_mask, drop_tumours_outside
from ynet3d.inference.postprocessing import postprocess
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume


def ball(shape: tuple[int, int, int], centre: tuple[int, int, int], radius: float):
    place = np.indices(shape) - np.reshape(centre, (3, 1, 1, 1))
    return np.linalg.norm(place, axis=0) < radius


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    share=st.sampled_from([0.0, 0.03, 0.2, 0.6]),
    spacing=st.sampled_from([(1.0, 1.0, 1.0), (0.8, 1.3, 2.5)]),
    radius=st.sampled_from([0.5, 1.7, 3.1]),
)
def test_closing_is_scipys(
    seed: int, share: float, spacing: tuple[float, float, float], radius: float
) -> None:
    mask = np.random.default_rng(seed).random((7, 8, 9)) < share
    reach = [int(radius / size) for size in spacing]
    grid = np.meshgrid(*[np.arange(-r, r + 1) for r in reach], indexing="ij")
    away = np.sqrt(sum((g * s) ** 2 for g, s in zip(grid, spacing, strict=True)))
    padded = np.pad(mask, 8)
    expected = binary_fill_holes(binary_closing(padded, away <= radius))[8:-8, 8:-8, 8:-8]
    assert np.array_equal(closed_mask(mask, spacing, radius), expected)


def patient() -> npt.NDArray[np.uint8]:
    """A ball of a liver with a tumour within, one in a dent of its surface, one beside it."""
    shape = (60, 60, 70)
    label = ball(shape, (30, 30, 30), 20).astype(np.uint8)
    label[ball(shape, (30, 30, 30), 6)] = 2
    label[ball(shape, (30, 13, 30), 4)] = 2  # its middle is 17 of 20 voxels out
    label[ball(shape, (30, 30, 56), 7)] = 2  # touches the liver
    return label


@pytest.mark.parametrize("order", ["C", "F"])
def test_lesions_outside_go_as_a_whole(order: str) -> None:
    label = np.asarray(patient(), order=order)
    expected = label.copy()
    expected[ball(label.shape, (30, 30, 56), 7) & (label == 2)] = 0
    assert (expected != label).any()
    on = Inference(tumours_inside_liver=True)
    assert np.array_equal(postprocess(Volume(label.copy(), np.eye(4)), on).array, expected)
    assert np.array_equal(postprocess(Volume(label.copy(), np.eye(4)), Inference()).array, label)


def test_the_rest_of_the_volume_does_not_matter() -> None:
    label = patient()
    wide = np.pad(label, 5)
    drop_tumours_outside(label, (1, 1, 1))
    drop_tumours_outside(wide, (1, 1, 1))
    assert np.array_equal(wide[5:-5, 5:-5, 5:-5], label)


def test_a_scan_without_liver_has_no_tumour() -> None:
    label = 2 * (patient() == 2).astype(np.uint8)
    drop_tumours_outside(label, (1, 1, 1))
    assert not label.any()


def test_millimetres_count() -> None:
    """A ball of 30 mm radius does not get into a shaft 10 mm wide, but into one of 80 mm."""
    dented = np.zeros((30, 30, 30), np.uint8)
    dented[3:27, 3:27, 3:27] = 1
    dented[10:20, 10:20, 3:15] = 2  # a shaft of 10 voxels from the surface
    for spacing, kept in ((1.0, True), (8.0, False)):
        label = dented.copy()
        drop_tumours_outside(label, (spacing,) * 3)
        assert (label == 2).any() == kept
