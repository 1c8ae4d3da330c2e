"""The lesions of a mask, against scipy: components, numbers, sizes, places, overlaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lesion_cases import Mask, affines, masks, pairs
from scipy import ndimage

from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES, Lesion, find_lesions
from ynet3d.evaluation.overlaps import find_overlaps
from ynet3d.evaluation.runs import find_runs

AFFINE = np.diag([-0.7, -0.9, 2.5, 1.0])
EVERY_NEIGHBOUR = np.ones((3, 3, 3))


@settings(deadline=None, max_examples=50)
@given(masks())
def test_runs_are_the_mask(mask: Mask) -> None:
    runs = find_runs(mask)
    again = np.zeros_like(mask)
    for plane, row, start, stop in zip(runs.plane, runs.row, runs.start, runs.stop, strict=True):
        assert not again[plane, row, max(start - 1, 0) : stop + 1].any()  # none touches another
        again[plane, row, start:stop] = True
    np.testing.assert_array_equal(again, mask)
    assert runs.length.sum() == mask.sum()


@settings(deadline=None, max_examples=60)
@given(masks(), affines(), st.sampled_from([6, 26]))
def test_lesions_are_those_of_scipy_with_its_numbers(
    mask: Mask, affine: np.ndarray, connectivity: int
) -> None:
    structure = None if connectivity == 6 else EVERY_NEIGHBOUR
    labels, number = ndimage.label(mask, structure)
    found = find_lesions(mask, affine, connectivity=connectivity, numbering="place")
    assert [lesion.number for lesion in found.lesions] == list(range(1, number + 1))
    whole = np.stack([np.zeros(3, int), [mask.shape[axis] for axis in found.axes]], axis=1)
    for lesion in found.lesions:
        expected = labels == lesion.number
        again = found.mask([lesion.number], whole)
        np.testing.assert_array_equal(again, expected.transpose(found.axes))
        assert lesion.voxels == expected.sum()
        assert lesion.volume_ml == pytest.approx(expected.sum() * 0.7 * 0.9 * 2.5 / 1000)
        assert lesion.centroid == pytest.approx(ndimage.center_of_mass(expected))
        (box,) = ndimage.find_objects(expected.transpose(found.axes).astype(int))
        assert found.boxes[lesion.number - 1].tolist() == [[side.start, side.stop] for side in box]


@settings(deadline=None, max_examples=50)
@given(masks())
def test_lesions_are_numbered_by_volume(mask: Mask) -> None:
    by_volume = find_lesions(mask, AFFINE).lesions
    assert [lesion.number for lesion in by_volume] == list(range(1, len(by_volume) + 1))
    sizes = [lesion.voxels for lesion in by_volume]
    assert sizes == sorted(sizes, reverse=True)
    by_place = find_lesions(mask, AFFINE, numbering="place").lesions
    assert {lesion.centroid for lesion in by_volume} == {lesion.centroid for lesion in by_place}


@settings(deadline=None, max_examples=50)
@given(masks())
def test_means_are_those_of_scipy(mask: Mask) -> None:
    values = np.random.default_rng(0).normal(size=mask.shape)
    labels, number = ndimage.label(mask, EVERY_NEIGHBOUR)
    found = find_lesions(mask, AFFINE, numbering="place")
    expected = ndimage.mean(values, labels, range(1, number + 1))
    np.testing.assert_allclose(found.means(values), expected)


def test_size_classes_have_10_and_20_mm_in_the_middle() -> None:
    def size(diameter: float) -> str:
        return Lesion(1, 1, 0.001, diameter, (0, 0, 0)).size_class

    assert SIZE_CLASSES == ("<10", "10-20", ">20")
    assert [size(d) for d in (1, 9.99, 10, 20, 20.01, 90)] == [
        "<10",
        "<10",
        "10-20",
        "10-20",
        ">20",
        ">20",
    ]


@settings(deadline=None, max_examples=50)
@given(pairs(), affines())
def test_overlaps_are_counted_exactly(pair: tuple[Mask, Mask], affine: np.ndarray) -> None:
    p, r = (ndimage.label(mask, EVERY_NEIGHBOUR)[0] for mask in pair)
    prediction, reference = (find_lesions(mask, affine, numbering="place") for mask in pair)
    overlaps = find_overlaps(prediction, reference)
    both = (p > 0) & (r > 0)
    codes, voxels = np.unique(np.stack([p[both], r[both]]), axis=1, return_counts=True)
    expected = dict(zip(map(tuple, codes.T.tolist()), voxels.tolist(), strict=True))
    assert overlaps.common == expected
    assert overlaps.shared(range(1, p.max() + 1), range(1, r.max() + 1)) == both.sum()
