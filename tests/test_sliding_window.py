"""Sliding window: as MONAI's, and it does not import MONAI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from monai.data.utils import dense_patch_slices
from monai.inferers import sliding_window_inference
from small_runs import save_small_weights, small_recipe
from torch import nn

from ynet3d.errors import InputError
from ynet3d.inference import network_logits
from ynet3d.inference.sliding_window import (
    Weighting,
    sliding_window,
    window_corners,
    window_weights,
)
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.weights import load_weights

Shape = tuple[int, int, int]
CPU = torch.device("cpu")


class Context(nn.Module):
    """Its output depends on where in the window a voxel lies, and on its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv3d(1, 3, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        place = torch.linspace(-1, 1, image.shape[-1])
        return self.convolution(image) + place


def windowed(size: Shape, **inference: object) -> Recipe:
    return small_recipe(
        patches={"size": size}, inference=inference, training={"mixed_precision": False}
    )


side, patch_side = st.integers(1, 14), st.integers(1, 8)


@settings(max_examples=80, deadline=None)
@given(
    shape=st.tuples(side, side, side),
    size=st.tuples(patch_side, patch_side, patch_side),
    overlap=st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9]) | st.floats(0.0, 0.8),
    weighting=st.sampled_from(["gaussian", "constant"]),
    seed=st.integers(0, 99),
)
@torch.no_grad()
def test_as_monai(
    shape: Shape, size: Shape, overlap: float, weighting: Weighting, seed: int
) -> None:
    assume(len(window_corners(shape, size, overlap=overlap)) <= 400)
    image = torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))
    network = Context()
    ours = sliding_window(network, image, size, overlap=overlap, weighting=weighting)
    theirs = sliding_window_inference(
        image[None, None], size, 2, network, overlap=overlap, mode=weighting
    )
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs[0], rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(side, side, side),
    size=st.tuples(patch_side, patch_side, patch_side),
    overlap=st.floats(0.0, 0.95),
)
def test_windows_lie_where_monai_has_them(shape: Shape, size: Shape, overlap: float) -> None:
    padded = tuple(map(max, zip(shape, size, strict=True)))
    steps = tuple(
        want if want == have else max(1, int(want * (1 - overlap)))
        for have, want in zip(padded, size, strict=True)
    )
    theirs = [tuple(s.start for s in place) for place in dense_patch_slices(padded, size, steps)]
    assert window_corners(shape, size, overlap=overlap) == theirs


def test_weights_fall_from_the_middle_to_a_thousandth() -> None:
    weights = window_weights((9, 16, 5), "gaussian")
    assert weights.shape == (9, 16, 5)
    assert weights.argmax() in (4 * 80 + 7 * 5 + 2, 4 * 80 + 8 * 5 + 2)
    assert weights.min() == pytest.approx(1e-3)
    # One standard deviation is an eighth of the side: 1/8 of 16 voxels from the middle.
    assert weights[4, 5, 2] / weights[4, 7, 2] == pytest.approx(
        np.exp(-0.5 * (2.5**2 - 0.5**2) / 4)
    )
    assert (window_weights((2, 3, 4), "constant") == 1).all()


def test_whether_weights_are_gaussian_is_the_recipes() -> None:
    image = np.random.default_rng(0).random((12, 9, 10), dtype=np.float32)
    for weighting in ("gaussian", "constant"):
        recipe = windowed((8, 8, 8), overlap=0.5, window_weights=weighting)
        found = network_logits(Context(), image, recipe)
        expected = sliding_window_inference(
            torch.from_numpy(image)[None, None], (8, 8, 8), 2, Context(), 0.5, weighting
        )
        torch.testing.assert_close(found, expected[0].detach(), rtol=1e-5, atol=1e-5)


def test_mirroring_is_the_mean_over_all_mirror_images() -> None:
    image = np.random.default_rng(0).random((8, 9, 10), dtype=np.float32)
    network = Context()

    def logits(values: np.ndarray, *mirror: str) -> torch.Tensor:
        recipe = small_recipe(inference={"mirror": mirror}, training={"mixed_precision": False})
        return network_logits(network, np.ascontiguousarray(values), recipe)

    four = [
        logits(np.flip(image, axes)).flip([axis + 1 for axis in axes])
        for axes in [(), (0,), (2,), (0, 2)]
    ]
    once = logits(image, "D", "W")
    torch.testing.assert_close(once, torch.stack(four).mean(0), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(once, logits(image))
    assert not torch.allclose(once, logits(image, "D"))


def test_mirrored_windows_are_counted_once() -> None:
    done: list[int] = []
    recipe = windowed((8, 8, 8), mirror=["D", "H", "W"])
    image = np.zeros((8, 8, 14), np.float32)
    network_logits(Context(), image, recipe, after_window=done.append)
    assert sum(done) == 2


def test_the_bias_is_added_to_the_logit_of_tumour_alone() -> None:
    image = np.random.default_rng(0).random((8, 9, 10), dtype=np.float32)
    plain, biased = (
        network_logits(Context(), image, windowed((8, 8, 8), tumour_bias=bias))
        for bias in (0.0, 1.5)
    )
    expected = torch.tensor([0, 0, 1.5])[:, None, None, None].expand_as(plain)
    torch.testing.assert_close(biased - plain, expected)


@pytest.mark.parametrize("value", ["[D, D]", "[X]", "D"])
def test_what_mirror_may_not_be(value: str) -> None:
    with pytest.raises(InputError, match=r"inference\.mirror"):
        load_recipe("demo", changes=[f"inference.mirror={value}"])


def test_prediction_does_not_import_monai(tmp_path: Path) -> None:
    """It takes two seconds to import."""
    recipe = small_recipe(patches={"size": (16, 16, 16)})
    save_small_weights(tmp_path / "best.safetensors", recipe)
    assert load_weights(tmp_path).recipe.patches is not None
    code = f"""
import sys
import numpy as np
import ynet3d, ynet3d.inference, ynet3d.pipelines.prediction
scan = ynet3d.Volume(np.zeros((20, 20, 20), np.int16) + np.arange(20, dtype=np.int16), np.eye(4))
assert ynet3d.predict(scan, weights={str(tmp_path)!r}).shape == (20, 20, 20)
print([name for name in sys.modules if name.split(".")[0] == "monai"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory")])
def test_fewer_windows_at_once_where_memory_does_not_suffice(error: Exception) -> None:
    network, image, sizes = Context().eval(), torch.rand(9, 12, 14), []

    def little_memory(windows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(windows))
        if len(windows) > 1:
            raise error
        return network(windows)

    with torch.inference_mode():
        expected = sliding_window(network, image, (6, 6, 6), overlap=0.5, at_once=4)
        found = sliding_window(little_memory, image, (6, 6, 6), overlap=0.5, at_once=4)
    torch.testing.assert_close(found, expected)
    assert sizes[:3] == [4, 2, 1]
    assert set(sizes[3:]) == {1}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("shapes differ")])
def test_what_smaller_portions_do_not_help(error: Exception) -> None:
    tried = []

    def fail(windows: torch.Tensor) -> torch.Tensor:
        tried.append(len(windows))
        raise error

    with pytest.raises(type(error)):
        sliding_window(fail, torch.zeros(6, 6, 9), (6, 6, 6), overlap=0.5, at_once=2)
    assert tried == ([2, 1] if isinstance(error, MemoryError) else [2])
