"""Surface distances: shapes with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from surface_masks import (
    ANISOTROPIC,
    ball,
    boxed,
    measured,
)

from ynet3d.evaluation.surface import surface_distances, surface_voxels


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
