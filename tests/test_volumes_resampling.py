"""Label maps brought to another grid by nearest voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_cases import affines

from ynet3d.volumes import Volume, nearest_on_grid


def random_label(seed: int, shape: tuple[int, int, int] = (5, 6, 7)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, shape, dtype=np.uint8)


@settings(deadline=None, max_examples=25)
@given(affines(), st.integers(0, 9))
def test_own_grid_changes_nothing(affine: np.ndarray, seed: int) -> None:
    label = Volume(random_label(seed), affine)
    moved = nearest_on_grid(label, label)
    assert np.array_equal(moved.array, label.array)
    assert moved.array.dtype == np.uint8


@pytest.mark.parametrize("seed", range(5))
def test_voxel_by_voxel(seed: int) -> None:
    """Each voxel of the new grid gets the label of the voxel whose centre is nearest in mm."""
    random = np.random.default_rng(seed)
    spacing = random.uniform(0.7, 2.5, 3)
    label = Volume(random_label(seed), np.diag([*spacing, 1.0]))
    angle = random.uniform(-0.5, 0.5)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = random.uniform(-2, 2, 3)
    grid = Volume(np.zeros((6, 5, 4), np.uint8), turn @ np.diag([*random.uniform(0.7, 2.5, 3), 1]))
    moved = nearest_on_grid(label, grid).array
    for index in np.ndindex(grid.shape):
        at_mm = (grid.affine @ [*index, 1])[:3]
        nearest = np.rint(at_mm / spacing).astype(int)
        inside = (nearest >= 0).all() and (nearest < label.shape).all()
        assert moved[index] == (label.array[tuple(nearest)] if inside else 0)


def test_memory_order_does_not_matter() -> None:
    array = random_label(1)
    grid = Volume(np.zeros((4, 4, 4), np.uint8), np.diag([1.3, 1.1, 0.9, 1.0]))
    one, other = (
        nearest_on_grid(Volume(np.array(array, order=order), np.eye(4)), grid)  # type: ignore[call-overload]
        for order in "CF"
    )
    assert np.array_equal(one.array, other.array)
