"""To the network grid: HU window, geometry in mm, any order of axes, other resizers' opinion."""

from __future__ import annotations

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from volume_cases import AXIS_MATRICES, affines, hu_array, rotation

from ynet3d.preprocessing import label_to_network_grid, network_shape, to_network_grid
from ynet3d.recipes import Preprocessing
from ynet3d.volumes import CANONICAL, Volume

Shape = tuple[int, int, int]
WINDOW = (-175.0, 250.0)
#: Affine of arrays that lie along (S, P, L) already, as the network grid does.
ALONG_CANONICAL = np.array([[0, 0, -1.0, 0], [0, -1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]])

sides = st.integers(1, 20)
shapes = st.tuples(sides, sides, sides)
#: torch 2.13 enlarges wrongly where the result has a single column.
two_columns = st.tuples(sides, sides, st.integers(2, 20))


def canonical_volume(array: npt.NDArray[np.generic]) -> Volume:
    return Volume(array, ALONG_CANONICAL)


def stored_in_all_orders(
    array: npt.NDArray[np.generic], affine: npt.NDArray[np.float64]
) -> list[Volume]:
    """The same patient with voxel axes in all 48 orders and directions."""
    volumes = []
    for matrix in AXIS_MATRICES:
        order = np.abs(matrix).argmax(axis=0)
        flips = matrix.sum(axis=0) < 0
        steps = tuple(slice(None, None, -1 if flip else None) for flip in flips)
        moved = np.ascontiguousarray(array.transpose(order)[steps])
        to_old = np.eye(4)
        to_old[:3, :3] = matrix
        to_old[order, 3] = np.where(flips, np.array(moved.shape) - 1, 0)
        volumes.append(Volume(moved, affine @ to_old))
    return volumes


def test_window_ends_are_0_and_1() -> None:
    hu = np.array([-3024, -176, -175, -174, 37, 38, 249, 250, 251, 3071], np.int16)
    seen = to_network_grid(
        canonical_volume(hu.reshape(5, 2, 1)), Preprocessing(window_hu=WINDOW, size=(5, 2, 1))
    ).ravel()
    assert seen.dtype == np.float32
    assert (seen[:3] == 0).all()
    assert (seen[-3:] == 1).all()
    assert seen[3:7] == pytest.approx([1 / 425, 212 / 425, 213 / 425, 424 / 425], abs=1e-6)


def test_clipping_comes_before_mixing() -> None:
    """Metal beside air counts as the brightest tissue, or it would outshine its neighbours."""
    hu = np.array([-1000, 3000], np.int16).reshape(2, 1, 1)
    for axis in range(3):
        volume = canonical_volume(np.moveaxis(hu, 0, axis))
        seen = to_network_grid(volume, Preprocessing(window_hu=WINDOW, size=(1, 1, 1)))
        assert seen.item() == pytest.approx(0.5, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, size=shapes, hu=st.integers(-1024, 3071))
def test_constant_stays_constant(shape: Shape, size: Shape, hu: int) -> None:
    volume = canonical_volume(np.full(shape, hu, np.int16))
    seen = to_network_grid(volume, Preprocessing(window_hu=WINDOW, size=size))
    assert seen.shape == size
    np.testing.assert_allclose(seen, (np.clip(hu, *WINDOW) + 175) / 425, rtol=0, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    affine=affines(),
    shape=st.tuples(*[st.integers(6, 16)] * 3),
    size=st.tuples(*[st.integers(4, 24)] * 3),
    gradient=st.tuples(*[st.floats(-1, 1)] * 3),
)
def test_a_ramp_in_the_patient_stays_where_it_is(
    affine: npt.NDArray[np.float64],
    shape: Shape,
    size: Shape,
    gradient: tuple[float, float, float],
) -> None:
    """HU that grow linearly in mm: the network grid has the HU of its voxels' own places.

    A triangle filter between whole factors is up to 0.09 voxels off its centre, no more.
    """
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    hu = (index @ affine[:3, :3].T + affine[:3, 3]) @ gradient
    window = (float(hu.min()) - 1.0, float(hu.max()) + 1.0)
    seen = to_network_grid(Volume(hu, affine), Preprocessing(window_hu=window, size=size))
    seen_hu = seen.astype(np.float64) * (window[1] - window[0]) + window[0]

    # nibabel turns the grid; each axis is then cut in `size` equal parts from face to face.
    image = nibabel.Nifti1Image(hu, affine)
    start = nibabel.orientations.io_orientation(affine)
    end = nibabel.orientations.axcodes2ornt(CANONICAL)
    turned = image.as_reoriented(nibabel.orientations.ornt_transform(start, end))
    factors = np.array(turned.shape) / size
    grid = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    places = (grid + 0.5) * factors - 0.5
    expected = (places @ turned.affine[:3, :3].T + turned.affine[:3, 3]) @ gradient

    reach = np.maximum(factors, 1)
    inside = ((places >= reach - 1) & (places <= turned.shape - reach)).all(axis=-1)
    per_voxel = np.abs(turned.affine[:3, :3].T @ gradient)
    uneven = (factors > 1) & (factors % 1 != 0)
    allowed = 0.09 * (per_voxel * uneven).sum() + 1e-5 * (window[1] - window[0]) + 1e-3
    np.testing.assert_allclose(seen_hu[inside], expected[inside], rtol=0, atol=allowed)


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(window_hu=(-1000, 2000), size=(6, 12, 15)),
        Preprocessing(window_hu=(-1000, 2000), size=None, spacing_mm=(3.0, 1.0, 0.5)),
    ],
)
def test_all_48_orders_of_one_patient_look_the_same(
    preprocessing: Preprocessing, oblique: bool
) -> None:
    affine = np.diag([0.75, 1.25, 2.5, 1.0])
    if oblique:
        affine[:3, :3] = rotation(0.2, -0.15, 0.3) @ affine[:3, :3]
    array = hu_array(1, (9, 11, 8))
    volumes = stored_in_all_orders(array, affine)
    assert len({volume.orientation for volume in volumes}) == 48
    reference = to_network_grid(volumes[0], preprocessing)
    labels = [volume.with_array((volume.array % 3).astype(np.uint8)) for volume in volumes]
    reference_label = label_to_network_grid(labels[0], preprocessing)
    for volume, label in zip(volumes, labels, strict=True):
        assert network_shape(volume, preprocessing) == reference.shape
        np.testing.assert_allclose(
            to_network_grid(volume, preprocessing), reference, rtol=0, atol=1e-6
        )
        seen = label_to_network_grid(label, preprocessing)
        assert np.array_equal(seen, reference_label)
        assert seen.flags.c_contiguous


def test_first_slice_is_at_the_feet_first_row_in_front_first_column_at_the_right() -> None:
    array = np.zeros((4, 5, 6), np.int16)
    array[3, 4, 0] = 250  # axes run to the right, front and head
    array[0, 4, 0] = 200
    seen = to_network_grid(
        Volume(array, np.diag([0.8, 0.8, 3.0, 1.0])),
        Preprocessing(window_hu=(0, 250), size=(6, 5, 4)),
    )
    assert seen[0, 0, 0] == 1
    assert seen[0, 0, 3] == pytest.approx(0.8)
    assert np.count_nonzero(seen) == 2


@settings(max_examples=60, deadline=None)
@given(shape=two_columns, grow=st.tuples(*[st.integers(0, 9)] * 3), seed=st.integers(0, 999))
def test_growing_is_torchs_linear_interpolation(shape: Shape, grow: Shape, seed: int) -> None:
    size = tuple(old + more for old, more in zip(shape, grow, strict=True))
    array = hu_array(seed, shape)
    preprocessing = Preprocessing(window_hu=WINDOW, size=size)
    seen = to_network_grid(canonical_volume(array), preprocessing)
    windowed = torch.from_numpy((array.astype(np.float32).clip(*WINDOW) + 175) / 425)
    expected = F.interpolate(
        windowed[None, None], size=size, mode="trilinear", align_corners=False
    )[0, 0]
    np.testing.assert_allclose(seen, expected.numpy(), rtol=0, atol=1e-5)


def resized_by_pillow(
    array: npt.NDArray[np.float32], axis: int, length: int
) -> npt.NDArray[np.float32]:
    lines = np.moveaxis(array, axis, 0)
    rest = lines.shape[1:]
    picture = Image.fromarray(np.ascontiguousarray(lines.reshape(len(lines), -1)))
    picture = picture.resize((picture.width, length), Image.Resampling.BILINEAR)
    return np.moveaxis(np.asarray(picture).reshape(length, *rest), 0, axis)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, size=two_columns, seed=st.integers(0, 999))
def test_any_resize_is_pillows_along_each_axis(shape: Shape, size: Shape, seed: int) -> None:
    array = hu_array(seed, shape)
    seen = to_network_grid(canonical_volume(array), Preprocessing(window_hu=WINDOW, size=size))
    expected = (array.astype(np.float32).clip(*WINDOW) + 175) / 425
    for axis, length in enumerate(size):
        expected = resized_by_pillow(expected, axis, length)
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "affine", "spacing_mm", "expected"),
    [
        # (i, j, k) run to right, front, head; (D, H, W) = (k, j, i)
        ((40, 30, 20), np.diag([1.0, 2.0, 3.0, 1.0]), (4.0, 3.0, 2.0), (15, 20, 20)),
        ((40, 30, 20), np.diag([1.0, 2.0, 3.0, 1.0]), (3.0, 2.0, 1.0), (20, 30, 40)),
        # (i, j, k) run to the head, right, front: (D, H, W) = (i, k, j)
        ((20, 40, 30), np.diag([1.0, 2.0, 3.0, 1.0])[[1, 2, 0, 3]], (1.0, 2.0, 4.0), (20, 45, 20)),
        ((40, 30, 2), np.diag([1.0, 2.0, 3.0, 1.0]), (50.0, 3.0, 2.0), (1, 20, 20)),
    ],
)
def test_spacing_decides_the_shape(
    shape: Shape,
    affine: npt.NDArray[np.float64],
    spacing_mm: tuple[float, float, float],
    expected: Shape,
) -> None:
    volume = Volume(np.zeros(shape, np.int16), affine)
    preprocessing = Preprocessing(size=None, spacing_mm=spacing_mm)
    assert network_shape(volume, preprocessing) == expected
    assert to_network_grid(volume, preprocessing).shape == expected
    assert label_to_network_grid(volume, preprocessing).shape == expected


@settings(max_examples=60, deadline=None)
@given(shape=shapes, size=shapes, seed=st.integers(0, 999))
def test_labels_are_those_of_the_voxel_they_lie_in(shape: Shape, size: Shape, seed: int) -> None:
    array = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    seen = label_to_network_grid(canonical_volume(array), Preprocessing(size=size))
    # In whole numbers: voxel i of `new` has its centre at (2 i + 1) / 2 new of the extent.
    lie_in = [
        (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(shape, size, strict=True)
    ]
    assert np.array_equal(seen, array[np.ix_(*lie_in)])
    assert seen.dtype == np.uint8


def test_the_source_is_not_changed() -> None:
    array = hu_array(0)
    before = array.copy()
    preprocessing = Preprocessing(window_hu=(-10, 10), size=array.shape)
    seen = to_network_grid(canonical_volume(array), preprocessing)
    label = label_to_network_grid(canonical_volume(array.view(np.uint16)), preprocessing)
    assert not np.shares_memory(seen, array)
    assert not np.shares_memory(label, array)
    assert np.array_equal(array, before)
