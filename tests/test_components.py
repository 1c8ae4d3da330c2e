"""Connected components and boxes against scipy and numpy, for every shape and order in memory."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ynet3d.components import (
    bounding_box,
    joint_bounding_box,
    label_components,
    memory_order,
)

Connectivity = Literal[6, 18, 26]
RANKS: dict[Connectivity, int] = {6: 1, 18: 2, 26: 3}
LAYOUTS = ("C", "F", "transposed", "every second", "backwards")


def laid_out(mask: npt.NDArray[np.bool_], layout: str) -> npt.NDArray[np.bool_]:
    """The same mask, lying in memory in another way."""
    if layout == "F":
        return np.asfortranarray(mask)
    if layout == "transposed":
        return np.ascontiguousarray(mask.transpose(1, 2, 0)).transpose(2, 0, 1)
    if layout == "every second":
        room = np.ones([2 * size for size in mask.shape], np.bool_)
        room[::2, ::2, ::2] = mask
        return room[::2, ::2, ::2]
    if layout == "backwards":
        return np.ascontiguousarray(mask[::-1, :, ::-1])[::-1, :, ::-1]
    return mask


def random_mask(shape: tuple[int, int, int], density: float, seed: int) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(seed).random(shape) < density


def assert_same_parts(
    first: npt.NDArray[np.integer], second: npt.NDArray[np.integer], count: int
) -> None:
    """Both number the same parts from 1 to `count`, perhaps in another order."""
    assert first.shape == second.shape
    assert np.array_equal(first > 0, second > 0)
    pairs = np.unique(np.stack([first.ravel(), second.ravel()])[:, first.ravel() > 0], axis=1)
    numbers = np.arange(1, count + 1)
    assert np.array_equal(np.sort(pairs[0]), numbers)
    assert np.array_equal(np.sort(pairs[1]), numbers)


side = st.integers(1, 9)


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(side, side, side),
    density=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
    layout=st.sampled_from(LAYOUTS),
    connectivity=st.sampled_from(sorted(RANKS)),
)
@example(shape=(1, 1, 1), density=1.0, seed=0, layout="C", connectivity=6)
@example(shape=(5, 7, 9), density=0.3, seed=1, layout="F", connectivity=26)
def test_parts_are_scipys(
    shape: tuple[int, int, int],
    density: float,
    seed: int,
    layout: str,
    connectivity: Connectivity,
) -> None:
    mask = laid_out(random_mask(shape, density, seed), layout)
    before = mask.copy()
    components = label_components(mask, connectivity=connectivity)
    structure = ndimage.generate_binary_structure(3, RANKS[connectivity])
    expected, count = ndimage.label(mask, structure)
    assert_same_parts(components, expected, count)
    assert np.issubdtype(components.dtype, np.unsignedinteger)
    assert np.array_equal(mask, before)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 1, 7), (3, 3, 3), (5, 7, 9), (9, 1, 9)])
def test_lone_voxels_in_odd_shapes(shape: tuple[int, int, int], layout: str) -> None:
    """The masks with the most parts that there can be, which cc3d 4.1.1 alone fails on."""
    mask = np.zeros(shape, np.bool_)
    mask[::2, ::2, ::2] = True
    components = label_components(laid_out(mask, layout))
    count = int(mask.sum())
    assert sorted(components[mask].tolist()) == list(range(1, count + 1))


@pytest.mark.parametrize(
    ("second", "together"),
    [((1, 0, 0), {6, 18, 26}), ((1, 1, 0), {18, 26}), ((1, 1, 1), {26}), ((2, 0, 0), set())],
)
@pytest.mark.parametrize("connectivity", sorted(RANKS))
def test_face_edge_and_corner(
    second: tuple[int, int, int], together: set[int], connectivity: Connectivity
) -> None:
    mask = np.zeros((4, 3, 3), np.bool_)
    mask[0, 0, 0] = mask[second] = True
    components = label_components(mask, connectivity=connectivity)
    assert components.max() == (1 if connectivity in together else 2)


def test_corners_are_neighbours_unless_told_otherwise() -> None:
    mask = np.zeros((3, 3, 3), np.bool_)
    mask[range(3), range(3), range(3)] = True
    assert label_components(mask).max() == 1


def test_numbers_go_by_place() -> None:
    mask = np.zeros((6, 5, 4), np.bool_)
    mask[4, 1, 1] = mask[2, 3, 0] = mask[0, 0, 3] = True
    components = label_components(mask)
    assert [components[0, 0, 3], components[2, 3, 0], components[4, 1, 1]] == [1, 2, 3]


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(side, side, side),
    density=st.floats(0.0, 0.3),
    seed=st.integers(0, 2**32 - 1),
    layout=st.sampled_from(LAYOUTS),
    dtype=st.sampled_from([np.bool_, np.uint8, np.int16]),
)
@example(shape=(1, 1, 1), density=0.0, seed=0, layout="C", dtype=np.bool_)
@example(shape=(4, 4, 4), density=0.0, seed=0, layout="F", dtype=np.uint8)
def test_box_is_the_smallest_that_holds_all(
    shape: tuple[int, int, int],
    density: float,
    seed: int,
    layout: str,
    dtype: type[np.generic],
) -> None:
    mask = random_mask(shape, density, seed)
    labels = laid_out(mask, layout).astype(dtype, order="K") * np.dtype(dtype).type(2)
    box = bounding_box(labels)
    found = np.argwhere(mask)
    if not found.size:
        assert box is None
        return
    assert box is not None
    assert [part.start for part in box] == found.min(axis=0).tolist()
    assert [part.stop for part in box] == (found.max(axis=0) + 1).tolist()


def test_box_of_two() -> None:
    one, other, empty = np.zeros((3, 6, 7, 8), np.bool_)
    one[1, 2, 3] = other[4, 0, 3] = True
    both = (slice(1, 5), slice(0, 3), slice(3, 4))
    assert joint_bounding_box(one, other) == joint_bounding_box(other, one) == both
    assert joint_bounding_box(one, empty) == joint_bounding_box(empty, one) == bounding_box(one)
    assert joint_bounding_box(empty, empty) is None


def test_memory_order_makes_an_array_contiguous() -> None:
    array = np.zeros((2, 3, 4)).transpose(1, 2, 0)
    assert memory_order(array) == (2, 0, 1)
    assert array.transpose(memory_order(array)).flags.c_contiguous
