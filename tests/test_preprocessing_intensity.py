"""Grey values: each change by hand or by SciPy, drawn from the range that the recipe says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ynet3d.preprocessing.augmentation import Augmenter
from ynet3d.preprocessing.intensity import blur, power, scale, spread
from ynet3d.recipes import Augmentation

SIZE = (6, 7, 8)


def texture() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((1, *SIZE), dtype=np.float32))


def test_each_change_is_its_formula() -> None:
    image = texture()
    before = image.clone()
    torch.testing.assert_close(power(image, 2.0), image**2)
    torch.testing.assert_close(scale(image, 1.5), image * 1.5)
    spreaded = spread(image, 1.4)
    torch.testing.assert_close(spreaded.mean(), image.mean())
    torch.testing.assert_close(spreaded.std(), 1.4 * image.std())
    assert torch.equal(image, before)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 1.7])
def test_blur_is_a_gaussian_filter(sigma: float) -> None:
    image = texture()
    reach = int(np.ceil(3 * sigma))
    expected = gaussian_filter(image[0].numpy(), sigma, mode="nearest", truncate=reach / sigma)
    torch.testing.assert_close(blur(image, sigma)[0], torch.from_numpy(expected))
    assert torch.equal(image, texture())


def test_no_blur_at_all_changes_nothing() -> None:
    assert torch.equal(blur(texture(), 0.0), texture())


@pytest.mark.parametrize("name", ["gamma", "contrast", "brightness"])
def test_factors_lie_evenly_on_both_sides_of_one(name: str) -> None:
    """With 0.25: from 1/1.25 to 1.25. Found again from two voxels."""
    recipe = Augmentation.model_validate({name: 0.25, f"{name}_probability": 1.0})
    augmenter = Augmenter(recipe, size=(1, 1, 2))
    image = torch.tensor([0.3, 0.5]).reshape(1, 1, 1, 2)
    label = torch.zeros(1, 1, 1, 2, dtype=torch.uint8)
    factors = []
    for seed in range(300):
        low, high = augmenter(image.clone(), label, seed=seed)[0].flatten().tolist()
        factors.append(
            {
                "gamma": np.log(low) / np.log(0.3),
                "contrast": (high - low) / 0.2,
                "brightness": low / 0.3,
            }[name]
        )
    assert 0.8 - 1e-4 <= min(factors) < 0.81
    assert 1.23 < max(factors) <= 1.25 + 1e-4
    assert np.mean(np.array(factors) > 1) == pytest.approx(0.5, abs=0.1)


def test_how_often_is_the_recipes() -> None:
    recipe = Augmentation(brightness=0.5, brightness_probability=0.3)
    augmenter = Augmenter(recipe, size=SIZE)
    label = torch.zeros(1, *SIZE, dtype=torch.uint8)
    changed = [
        not torch.equal(augmenter(texture(), label, seed=seed)[0], texture()) for seed in range(400)
    ]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.07)
