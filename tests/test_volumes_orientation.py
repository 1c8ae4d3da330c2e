"""Reorientation: views along (S, P, L) for all 48 grids, and the properties of Volume."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from volume_cases import AXIS_MATRICES, hu_array, rotation

from ynet3d.volumes import CANONICAL, Reorientation, Volume

TOWARDS = np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]])  # S, P, L in RAS
SPACING = np.array([0.75, 1.25, 3.0])


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("number", range(48))
def test_axes_run_to_head_back_and_left(number: int, oblique: bool) -> None:
    turn = rotation(0.2, -0.15, 0.3) if oblique else np.eye(3)
    affine = np.eye(4)
    affine[:3, :3] = turn @ AXIS_MATRICES[number] * SPACING
    # An array that holds each voxel's position, projected on the three canonical directions.
    shape = (4, 5, 6)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    position = index @ affine[:3, :3].T
    reorientation = Reorientation.of(affine)
    for axis, direction in enumerate(turn @ TOWARDS.T @ np.eye(3)[:, axis] for axis in range(3)):
        view = reorientation.apply(position @ direction)
        steps = np.diff(view, axis=axis)
        assert (steps > 0).all()
        expected = reorientation.spacing((0.75, 1.25, 3.0))[axis]
        assert np.allclose(steps, expected)
    assert CANONICAL == ("S", "P", "L")


@pytest.mark.parametrize("number", range(48))
def test_writing_to_the_view_writes_to_the_source(number: int) -> None:
    affine = np.eye(4)
    affine[:3, :3] = AXIS_MATRICES[number]
    array = hu_array(number)
    before = array.copy()
    reorientation = Reorientation.of(affine)
    view = reorientation.apply(array)
    assert np.shares_memory(view, array)
    # nibabel's own reorientation as a second opinion.
    image = nibabel.Nifti1Image(before, affine).as_reoriented(
        nibabel.orientations.ornt_transform(
            nibabel.orientations.io_orientation(affine),
            nibabel.orientations.axcodes2ornt(CANONICAL),
        )
    )
    assert np.array_equal(view, np.asarray(image.dataobj))
    view += 1
    assert np.array_equal(array, before + 1)
    again = np.empty_like(array)
    reorientation.apply(again)[...] = view
    assert np.array_equal(again, array)


def test_volume_properties() -> None:
    affine = np.array([[0, -0.5, 0, 1], [2.0, 0, 0, 2], [0, 0, 3.0, 3], [0, 0, 0, 1]])
    volume = Volume(hu_array(0), affine)
    assert volume.spacing == (2.0, 0.5, 3.0)
    assert volume.orientation == "ALS"
    assert volume.voxel_ml == pytest.approx(0.003)
    assert volume.same_grid(Volume(hu_array(1), affine + 1e-6))
    moved = affine.copy()
    moved[0, 3] += 0.02
    assert not volume.same_grid(Volume(hu_array(1), moved))
    assert volume.grid_distance_mm(Volume(hu_array(1), moved)) == pytest.approx(0.02)
    with pytest.raises(ValueError, match="shape"):
        volume.with_array(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="3D"):
        Volume(np.zeros((2, 2)), affine)


def test_grid_distance_is_that_of_the_worst_corner() -> None:
    affine = np.diag([2.0, 0.5, 3.0, 1.0])
    volume = Volume(np.zeros((11, 5, 7)), affine)
    stretched = affine.copy()
    stretched[0, 0], stretched[2, 2] = 2.3, 3.0 + 4 / 6
    # Nothing apart at voxel (0, 0, 0); 10 * 0.3 = 3 mm and 6 * 4 / 6 = 4 mm at the far corner.
    assert volume.grid_distance_mm(Volume(volume.array, stretched)) == pytest.approx(5)
    assert volume.grid_distance_mm(Volume(volume.array[:-1], affine)) == np.inf
