"""Augmentation: decided by the seed alone, image and label together, always in range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ynet3d.preprocessing.augmentation import Augmenter
from ynet3d.recipes import Augmentation

SIZE = (24, 28, 32)
MOVING = Augmentation(
    flip_probability=0.5,
    affine_probability=1.0,
    shift_fraction=0.1,
    scale_fraction=0.1,
    rotation_degrees=15,
)
GREY = Augmentation(
    intensity_shift=0.5,
    intensity_shift_probability=0.7,
    noise=0.5,
    noise_probability=0.7,
    low_resolution_probability=0.7,
)
STRONG = Augmentation(
    gamma=0.5,
    gamma_probability=0.7,
    contrast=0.5,
    contrast_probability=0.7,
    brightness=0.3,
    brightness_probability=0.7,
    blur_voxels=1.5,
    blur_probability=0.7,
)
EVERYTHING = Augmentation(
    **MOVING.model_dump(exclude_defaults=True),
    **GREY.model_dump(exclude_defaults=True),
    **STRONG.model_dump(exclude_defaults=True),
)
SOME = {"moving": MOVING, "grey": GREY, "strong": STRONG, "everything": EVERYTHING}


def liver_with_tumour() -> tuple[torch.Tensor, torch.Tensor]:
    """A ball off the centre with another inside; the image is half the label."""
    place = np.indices(SIZE) - np.array([11, 13, 15])[:, None, None, None]
    label = (np.linalg.norm(place, axis=0) < 9).astype(np.uint8)
    inner = place - np.array([2, 3, 0])[:, None, None, None]
    label[np.linalg.norm(inner, axis=0) < 4] = 2
    tensor = torch.from_numpy(label)[None]
    return tensor.float() / 2, tensor


def texture() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((1, *SIZE), dtype=np.float32))


def flipped_axes(before: torch.Tensor, after: torch.Tensor) -> tuple[int, ...]:
    for axes in [(), (1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)]:
        if torch.equal(before.flip(axes) if axes else before, after):
            return axes
    raise AssertionError("neither the image nor a mirror image of it")


@pytest.mark.parametrize("name", sorted(SOME))
def test_the_seed_decides_whatever_came_before(name: str) -> None:
    image, label = texture(), liver_with_tumour()[1]
    first, second = Augmenter(SOME[name], size=SIZE), Augmenter(SOME[name], size=SIZE)
    for seed in (0, 1, 2**31 - 1, 2**40 + 7):
        np.random.seed(1)
        torch.manual_seed(1)
        once = first(image.clone(), label.clone(), seed=seed)
        np.random.seed(2)
        torch.manual_seed(2)
        second(image.clone(), label.clone(), seed=seed + 1)
        again = second(image.clone(), label.clone(), seed=seed)
        assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def test_global_random_states_are_left_alone() -> None:
    image, label = liver_with_tumour()
    augmenter = Augmenter(EVERYTHING, size=SIZE)
    np.random.seed(3)
    torch.manual_seed(3)
    expected = np.random.random(), torch.rand(1).item()
    np.random.seed(3)
    torch.manual_seed(3)
    augmenter(image, label, seed=5)
    assert (np.random.random(), torch.rand(1).item()) == expected


def test_other_seeds_give_other_results() -> None:
    image, label = texture(), liver_with_tumour()[1]
    augmenter = Augmenter(EVERYTHING, size=SIZE)
    results = [augmenter(image.clone(), label.clone(), seed=seed) for seed in range(8)]
    assert len({result[0].numpy().tobytes() for result in results}) == 8
    assert len({result[1].numpy().tobytes() for result in results}) == 8


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**63), name=st.sampled_from(sorted(SOME)))
def test_results_are_in_range_and_of_plain_types(seed: int, name: str) -> None:
    image, label = texture(), liver_with_tumour()[1]
    new_image, new_label = Augmenter(SOME[name], size=SIZE)(image, label, seed=seed)
    assert (type(new_image), type(new_label)) == (torch.Tensor, torch.Tensor)
    assert (new_image.dtype, new_label.dtype) == (torch.float32, torch.uint8)
    assert new_image.shape == new_label.shape == (1, *SIZE)
    assert new_image.min() >= 0
    assert new_image.max() <= 1
    assert set(new_label.unique().tolist()) <= {0, 1, 2}
    assert torch.equal(image, texture())
    assert torch.equal(label, liver_with_tumour()[1])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_image_and_label_move_together(seed: int) -> None:
    """Where the image is one value and no mixture of two, the label is the one that it was."""
    image, label = Augmenter(MOVING, size=SIZE)(*liver_with_tumour(), seed=seed)
    twice = 2 * image
    pure = (twice - twice.round()).abs() < 1e-3
    assert torch.equal(twice.round()[pure], label[pure].float())
    for value in (0, 1, 2):
        assert pure[label == value].float().mean() > 0.3
    assert not torch.equal(label, liver_with_tumour()[1])


@pytest.mark.parametrize("name", ["grey", "strong"])
def test_grey_values_change_and_labels_do_not(name: str) -> None:
    image, label = texture(), liver_with_tumour()[1]
    augmenter = Augmenter(SOME[name], size=SIZE)
    for seed in range(5):
        new_image, new_label = augmenter(image.clone(), label.clone(), seed=seed)
        assert torch.equal(new_label, label)
        assert not torch.equal(new_image, image)


def test_flips_along_all_three_axes() -> None:
    image, label = texture(), liver_with_tumour()[1]
    always = Augmenter(Augmentation(flip_probability=1.0), size=SIZE)
    for whole, flipped in zip((image, label), always(image, label, seed=0), strict=True):
        assert torch.equal(flipped, whole.flip(1, 2, 3))
    sometimes = Augmenter(Augmentation(flip_probability=0.5), size=SIZE)
    seen = {flipped_axes(image, sometimes(image, label, seed=seed)[0]) for seed in range(60)}
    assert len(seen) == 8


def test_shifts_are_a_fraction_of_each_side() -> None:
    recipe = Augmentation(affine_probability=1.0, shift_fraction=0.1)
    image, label = liver_with_tumour()
    middle = label[0].nonzero().double().mean(0)
    augmenter = Augmenter(recipe, size=SIZE)
    shifts = np.array(
        [
            (augmenter(image, label, seed=seed)[1][0].nonzero().double().mean(0) - middle).numpy()
            for seed in range(60)
        ]
    )
    largest = 0.1 * np.array(SIZE)
    assert (np.abs(shifts) <= largest + 0.5).all()
    assert (shifts.max(axis=0) > 0.6 * largest).all()
    assert (shifts.min(axis=0) < -0.6 * largest).all()


def test_scales_are_a_fraction_of_the_size() -> None:
    recipe = Augmentation(affine_probability=1.0, scale_fraction=0.1)
    image, label = liver_with_tumour()
    augmenter = Augmenter(recipe, size=SIZE)
    volumes = [int((augmenter(image, label, seed=s)[1] > 0).sum()) for s in range(40)]
    factors = (np.array(volumes) / int((label > 0).sum())) ** (1 / 3)
    assert 0.89 < factors.min() < 0.96
    assert 1.04 < factors.max() < 1.12


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_turns_are_bounded(axis: int) -> None:
    """A needle from the middle along one axis, which the turns about the other two lead away."""
    size = (41, 41, 41)
    augmenter = Augmenter(Augmentation(affine_probability=1.0, rotation_degrees=10), size=size)
    needle = torch.zeros(*size, dtype=torch.uint8)
    needle[20:37, 18:23, 18:23] = 1
    label = needle.movedim(0, axis)[None]
    angles = []
    for seed in range(20):
        turned = augmenter(label / 2, label, seed=seed)[1][0]
        along = (turned.nonzero().double().mean(0) - 20).roll(-axis)
        angles.append(torch.rad2deg(torch.atan2(along[1:].norm(), along[0])).item())
    assert 4 < max(angles) < 10 * 2**0.5 + 1


def test_nothing_asked_for_changes_nothing() -> None:
    image, label = texture(), liver_with_tumour()[1]
    new_image, new_label = Augmenter(Augmentation(), size=SIZE)(image, label, seed=1)
    assert torch.equal(new_image, texture())
    assert torch.equal(new_label, liver_with_tumour()[1])
