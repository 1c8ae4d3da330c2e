"""Back to the source grid: what torch's interpolation of the whole grid says, in any order."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import dice
from volume_cases import AXIS_MATRICES, affines, rotation

from ynet3d.preprocessing import (
    label_to_network_grid,
    labels_and_confidence,
    labels_on_source_grid,
    restore,
)
from ynet3d.recipes import Preprocessing
from ynet3d.volumes import Reorientation, Volume

Shape = tuple[int, int, int]
Labels = npt.NDArray[np.uint8]
#: Affine of arrays that lie along (S, P, L) already, as the network grid does.
ALONG_CANONICAL = np.array([[0, 0, -1.0, 0], [0, -1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]])

sides = st.integers(1, 14)
shapes = st.tuples(sides, sides, sides)


def scan(shape: Shape, affine: npt.NDArray[np.float64] = ALONG_CANONICAL) -> Volume:
    return Volume(np.zeros(shape, np.int16), affine)


def random_logits(
    seed: int, shape: Shape, *, classes: int = 3, background: float = 0.0
) -> torch.Tensor:
    """Normal noise; the larger `background`, the fewer voxels have a label."""
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(classes, *shape)))
    logits[0] += background
    return logits.float()


def one_hot(labels: Labels) -> torch.Tensor:
    hot = F.one_hot(torch.from_numpy(labels.astype(np.int64)), 3)
    return hot.permute(3, 0, 1, 2).float() * 10


def assert_largest_of_the_interpolated(labels: Labels, logits: torch.Tensor) -> None:
    """`labels` (D, H, W) against torch on the whole grid; where two logits tie, either is right."""
    whole = F.interpolate(logits[None], size=labels.shape, mode="trilinear", align_corners=False)[0]
    first, second = whole.topk(2, dim=0).values
    differs = torch.from_numpy(labels.astype(np.int64)) != whole.argmax(0)
    assert ((first - second)[differs] < 1e-5).all()


def liver_with_tumours(shape: Shape, affine: npt.NDArray[np.float64]) -> Labels:
    """Two balls in a third, placed in mm, so that every grid holds the same patient."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    middle = affine @ [*(np.array(shape) / 2 - 0.5), 1.0]
    place = index @ affine[:3, :3].T + affine[:3, 3] - middle[:3]
    labels = (np.linalg.norm(place, axis=-1) < 30).astype(np.uint8)
    labels[np.linalg.norm(place - [8, 4, -6], axis=-1) < 12] = 2
    labels[np.linalg.norm(place - [-12, -8, 0], axis=-1) < 8] = 2
    return labels


@pytest.mark.parametrize("slab_bytes", [1, 400, restore._SLAB_BYTES])
@settings(max_examples=60, deadline=None)
@given(
    source=shapes,
    network=shapes,
    classes=st.integers(2, 4),
    background=st.floats(0.0, 4.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_labels_are_the_largest_of_the_interpolated_logits(
    slab_bytes: int, source: Shape, network: Shape, classes: int, background: float, seed: int
) -> None:
    """In slabs of one slice, of a few, and in one piece."""
    logits = random_logits(seed, network, classes=classes, background=background)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restore, "_SLAB_BYTES", slab_bytes)
        restored = labels_on_source_grid(logits, scan(source)).array
    assert_largest_of_the_interpolated(restored, logits)


@pytest.mark.parametrize("place", itertools.product((0, 2, 4), repeat=3))
@pytest.mark.parametrize("source", [(15, 13, 11), (5, 5, 5), (3, 4, 2)])
def test_one_labelled_voxel_wherever_it_is(place: Shape, source: Shape) -> None:
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[place] = 2
    restored = labels_on_source_grid(one_hot(labels), scan(source)).array
    assert_largest_of_the_interpolated(restored, one_hot(labels))
    if min(source) >= 5:
        assert set(np.unique(restored)) == {0, 2}


@settings(max_examples=60, deadline=None)
@given(affine=affines(), shape=shapes, order=st.sampled_from("CF"), seed=st.integers(0, 999))
def test_the_grid_is_the_sources(
    affine: npt.NDArray[np.float64], shape: Shape, order: str, seed: int
) -> None:
    source = Volume(np.zeros(shape, np.int16, order=order), affine, "scan.nii", {"key": 1})
    bits = affine.tobytes()
    restored = labels_on_source_grid(random_logits(seed, (4, 5, 6)), source)
    assert restored.shape == shape
    assert restored.array.dtype == np.uint8
    assert restored.affine.tobytes() == bits
    assert restored.array.flags[f"{order}_CONTIGUOUS"]
    assert (restored.source, restored.metadata) == ("scan.nii", {"key": 1})
    assert not source.array.any()


@pytest.mark.parametrize("oblique", [False, True])
def test_all_48_orders_of_one_patient_get_the_same_labels(oblique: bool) -> None:
    logits = random_logits(3, (5, 6, 7), background=1.0)
    along = (9, 8, 11)
    expected = labels_on_source_grid(logits, scan(along)).array
    for matrix in AXIS_MATRICES:
        affine = np.eye(4)
        affine[:3, :3] = rotation(0.2, -0.15, 0.3) @ matrix if oblique else matrix
        turn = Reorientation.of(affine)
        shape = tuple(along[turn.permutation.index(axis)] for axis in range(3))
        restored = labels_on_source_grid(logits, scan(shape, affine))
        assert np.array_equal(turn.apply(restored.array), expected)


@pytest.mark.parametrize("background", [0.1, 100.0])
def test_background_alone_gives_background(background: float) -> None:
    logits = torch.zeros(3, 4, 4, 4)
    logits[0] = background
    restored = labels_on_source_grid(logits, scan((9, 7, 5)))
    assert restored.shape == (9, 7, 5)
    assert not restored.array.any()


@pytest.mark.parametrize("label", [1, 2])
def test_one_label_everywhere_fills_the_scan(label: int) -> None:
    labels = np.full((4, 5, 6), label, np.uint8)
    assert (labels_on_source_grid(one_hot(labels), scan((9, 7, 5))).array == label).all()


@settings(max_examples=30, deadline=None)
@given(affine=affines(), shape=shapes, seed=st.integers(0, 999))
def test_round_trip_on_the_same_grid_is_exact(
    affine: npt.NDArray[np.float64], shape: Shape, seed: int
) -> None:
    array = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    label = Volume(array, affine)
    size = Reorientation.of(affine).apply(array).shape
    seen = label_to_network_grid(label, Preprocessing(size=size))
    assert np.array_equal(labels_on_source_grid(one_hot(seen), label).array, array)


@pytest.mark.parametrize("number", range(0, 48, 5))
@pytest.mark.parametrize(
    "preprocessing",
    [Preprocessing(size=(40, 48, 56)), Preprocessing(size=None, spacing_mm=(3.0, 2.0, 2.0))],
)
def test_round_trip_through_another_grid(preprocessing: Preprocessing, number: int) -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation(0.2, 0.1, -0.15) @ AXIS_MATRICES[number] * [1.6, 1.9, 2.3]
    affine[:3, 3] = [30, -40, 500]
    array = liver_with_tumours((48, 42, 36), affine)
    label = Volume(array, affine)
    seen = label_to_network_grid(label, preprocessing)
    restored = labels_on_source_grid(one_hot(seen), label).array
    assert dice(restored > 0, array > 0) > 0.97
    assert dice(restored == 2, array == 2) > 0.92
    moved = [np.argwhere(labels > 0).mean(axis=0) for labels in (restored, array)]
    np.testing.assert_allclose(*moved, rtol=0, atol=0.25)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_logits_of_any_precision(dtype: torch.dtype) -> None:
    logits = random_logits(5, (4, 5, 6)).to(dtype).requires_grad_()
    restored = labels_on_source_grid(logits, scan((9, 7, 8))).array
    assert_largest_of_the_interpolated(restored, logits.detach().float())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), matrix=st.sampled_from(AXIS_MATRICES))
def test_confidence_is_the_probability_of_tumour(seed: int, matrix: npt.NDArray[Any]) -> None:
    logits = random_logits(seed, (4, 5, 6))
    affine = np.eye(4)
    affine[:3, :3] = matrix
    turned = Reorientation.of(affine)
    # A grid that is the network's own once it is turned: nothing is interpolated.
    source = next(
        scan(shape, affine)
        for shape in itertools.permutations((4, 5, 6))
        if turned.apply(np.zeros(shape)).shape == (4, 5, 6)
    )
    for temperature in (1.0, 3.0):
        labels, sure = labels_and_confidence(logits, source, temperature=temperature)
        assert np.array_equal(labels.array, labels_on_source_grid(logits, source).array)
        expected = (logits / temperature).softmax(0)[2].numpy() * 255
        found, tumour = turned.apply(sure.array), turned.apply(labels.array) == 2
        assert (found[~tumour] == 0).all()
        assert np.abs(found[tumour] - expected[tumour]).max(initial=0) <= 0.51


@pytest.mark.parametrize("most", [1, 2, 5])
def test_thinner_slabs_where_memory_does_not_suffice(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, logits = scan((17, 9, 8)), random_logits(3, (6, 7, 5))
    expected, sure = labels_and_confidence(logits, source)
    largest = restore._largest
    slices: list[int] = []

    def little_memory(slab: torch.Tensor) -> torch.Tensor:
        if slab.shape[1:] == logits.shape[1:]:
            return largest(slab)  # where to look, on the coarse grid
        slices.append(slab.shape[1])
        if slab.shape[1] > most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return largest(slab)

    monkeypatch.setattr(restore, "_largest", little_memory)
    found, also_sure = labels_and_confidence(logits, source)
    assert np.array_equal(found.array, expected.array)
    assert np.array_equal(also_sure.array, sure.array)
    assert slices[0] > most >= slices[-1]


def test_not_even_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    logits = random_logits(3, (6, 7, 5))
    monkeypatch.setattr(restore._Axis, "mix", no_memory)
    with pytest.raises(MemoryError):
        labels_on_source_grid(logits, scan((17, 9, 8)))
