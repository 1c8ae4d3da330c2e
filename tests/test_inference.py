"""Inference: windows that are counted, cleaning by its rules, labels on the scan's own grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_runs import dice, save_constant_weights, save_small_weights, small_recipe, small_scan
from torch import nn
from volume_cases import AXIS_MATRICES, affines, hu_array, rotation

import ynet3d
from ynet3d.errors import InputError, YnetError
from ynet3d.inference import Predictor, count_windows, network_logits, predict
from ynet3d.inference.postprocessing import postprocess
from ynet3d.progress import Progress
from ynet3d.recipes import Inference, Preprocessing, Recipe
from ynet3d.volumes import Reorientation, Volume
from ynet3d.weights import Weights, build_network, load_weights

Shape = tuple[int, int, int]
CPU = torch.device("cpu")
FLOAT32 = {"mixed_precision": False}


class ByBrightness(nn.Module):
    """Logits of each voxel from its own brightness: 0.2 is background, 0.5 liver, 0.8 tumour."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([-10 * (image - centre) ** 2 for centre in (0.2, 0.5, 0.8)], dim=1)


class TooLarge(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.empty(10**14)


def windowed(size: Shape, overlap: float) -> Recipe:
    return small_recipe(patches={"size": size}, inference={"overlap": overlap}, training=FLOAT32)


def random_image(seed: int, shape: Shape) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


side, patch_side = st.integers(1, 14), st.integers(1, 8)


@settings(max_examples=80, deadline=None)
@given(
    shape=st.tuples(side, side, side),
    size=st.tuples(patch_side, patch_side, patch_side),
    overlap=st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9]) | st.floats(0.0, 0.8),
    seed=st.integers(0, 999),
)
def test_windows_are_counted_as_they_run_and_blended_without_a_trace(
    shape: Shape, size: Shape, overlap: float, seed: int
) -> None:
    recipe, image = windowed(size, overlap), random_image(seed, shape)
    count = count_windows(shape, recipe)
    assume(count <= 600)
    done: list[int] = []
    logits = network_logits(ByBrightness(), image, recipe, after_window=done.append)
    assert sum(done) == count
    assert max(done) <= 2
    assert (logits.dtype, logits.device) == (torch.float32, CPU)
    expected = ByBrightness()(torch.from_numpy(image)[None, None])[0]
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)


def test_every_window_has_the_size_of_the_recipe() -> None:
    seen = []

    class Spy(ByBrightness):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(image.shape[1:]))
            return super().forward(image)

    network_logits(Spy(), random_image(0, (20, 5, 9)), windowed((8, 6, 4), 0.25))
    assert set(seen) == {(1, 8, 6, 4)}


def test_whole_scans_go_through_at_once() -> None:
    recipe = small_recipe(training=FLOAT32)
    torch.manual_seed(0)
    network = build_network(recipe).eval()
    image = random_image(0, (17, 20, 33))
    done: list[int] = []
    logits = network_logits(network, image, recipe, after_window=done.append)
    with torch.no_grad():
        expected = network(torch.from_numpy(image)[None, None])[0]
    torch.testing.assert_close(logits, expected)
    assert done == [1] == [count_windows((17, 20, 33), recipe)]
    assert not logits.requires_grad


@pytest.mark.parametrize("patches", [None, {"size": (8, 8, 8)}])
def test_a_network_that_does_not_fit_is_one_sentence(patches: dict[str, Shape] | None) -> None:
    recipe = small_recipe(patches=patches)
    with pytest.raises(YnetError, match=r"^Out of memory: .*smaller patches\.$") as caught:
        network_logits(TooLarge(), random_image(0, (9, 9, 9)), recipe)
    assert caught.value.exit_code == 1


def labels(**boxes: list[tuple[slice | int, ...]]) -> Volume:
    """A label map of 1 mm voxels with boxes of liver and tumour."""
    array = np.zeros((12, 12, 12), np.uint8)
    for value, places in ((1, boxes.get("liver", [])), (2, boxes.get("tumour", []))):
        for place in places:
            array[place] = value
    return Volume(array, np.eye(4))


def cleaned(volume: Volume, **inference: object) -> npt.NDArray[np.uint8]:
    return postprocess(volume, Inference.model_validate(inference)).array


def test_the_largest_organ_keeps_its_tumour() -> None:
    """The tumour cuts the liver in two, and is the larger part of neither."""
    left, cut, right = np.s_[1:4, 1:6, 1:6], np.s_[4:6, 1:6, 1:6], np.s_[6:10, 1:6, 1:6]
    islands = {"liver": [np.s_[0:3, 8:11, 8:11]], "tumour": [np.s_[8:11, 8:11, 8:11]]}
    whole = labels(liver=[left, right, *islands["liver"]], tumour=[cut, *islands["tumour"]])
    expected = labels(liver=[left, right], tumour=[cut]).array
    assert np.array_equal(cleaned(whole, largest_liver_component=True), expected)


def test_organs_that_touch_at_an_edge_are_two() -> None:
    whole = labels(liver=[np.s_[0:4, 0:4, 0:4], np.s_[4:6, 4:6, 0:4]])
    kept = cleaned(whole, largest_liver_component=True)
    assert np.array_equal(kept, labels(liver=[np.s_[0:4, 0:4, 0:4]]).array)


def test_small_tumours_become_liver() -> None:
    """Voxels of 1 mm: 8 of them are 0.008 mL. Voxels that touch at a corner are one tumour."""
    liver, small, corner = np.s_[:, :, :], np.s_[1:2, 1:8, 1], np.s_[6:8, 6:8, 6]
    tail = np.s_[8:10, 8:10, 7]
    before = labels(liver=[liver], tumour=[small, corner, tail])
    after = cleaned(before, minimum_tumour_ml=0.008)
    assert np.array_equal(after, labels(liver=[liver], tumour=[corner, tail]).array)


@settings(max_examples=80, deadline=None)
@given(spacing=st.tuples(*[st.floats(0.3, 6.0)] * 3), voxels=st.integers(1, 12))
def test_a_tumour_of_exactly_the_minimum_is_kept(
    spacing: tuple[float, float, float], voxels: int
) -> None:
    array = np.ones((12, 3, 3), np.uint8)
    array[:voxels, 1, 1] = 2
    volume = Volume(array.copy(), np.diag([*spacing, 1.0]))
    exactly = voxels * (spacing[0] * spacing[1] * spacing[2] / 1000)
    assert np.array_equal(cleaned(volume, minimum_tumour_ml=exactly), array)
    assert (cleaned(volume, minimum_tumour_ml=exactly + volume.voxel_ml / 2) == 1).all()


@pytest.mark.parametrize("value", [0, 1])
def test_nothing_to_clean(value: int) -> None:
    volume = Volume(np.full((4, 5, 6), value, np.uint8), np.eye(4))
    result = cleaned(volume, largest_liver_component=True, minimum_tumour_ml=1.0)
    assert (result == value).all()


def test_nothing_is_cleaned_unless_asked_for() -> None:
    array = np.random.default_rng(0).integers(0, 3, (7, 6, 5)).astype(np.uint8)
    assert np.array_equal(cleaned(Volume(array.copy(), np.eye(4))), array)


@settings(max_examples=20, deadline=None)
@given(affine=affines(), order=st.sampled_from("CF"), seed=st.integers(0, 99))
def test_prediction_is_on_the_grid_of_the_scan(
    untrained: Weights, affine: npt.NDArray[np.float64], order: str, seed: int
) -> None:
    array = np.asarray(hu_array(seed, (9, 11, 7)), order=order)
    before, bits = array.copy(), affine.tobytes()
    mask = Predictor(untrained, device="cpu")(Volume(array, affine, "scan.nii"))
    assert mask.shape == array.shape
    assert mask.array.dtype == np.uint8
    assert mask.affine.tobytes() == bits
    assert mask.source == "scan.nii"
    assert np.array_equal(array, before)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return load_weights(save_small_weights(tmp_path_factory.mktemp("w") / "best.safetensors"))


def patient(along: Shape) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """A liver with a tumour, not symmetric, as HU in a window of [0, 100] and as labels."""
    place = np.indices(along) - np.array([7, 9, 8])[:, None, None, None]
    label = (np.linalg.norm(place, axis=0) < 6).astype(np.uint8)
    label[np.linalg.norm(place - np.array([1, 2, -2])[:, None, None, None], axis=0) < 3] = 2
    return np.array([20, 50, 80], np.int16)[label], label


@pytest.mark.parametrize("patches", [None, {"size": (9, 8, 10)}])
@pytest.mark.parametrize("number", range(0, 48, 3))
def test_what_is_seen_is_labelled_where_it_is(
    number: int, patches: dict[str, Shape] | None
) -> None:
    """With a network that knows HU: exact on the scan's own grid, close on a coarser one."""
    along = (16, 20, 18)
    hu, label = patient(along)
    affine = np.eye(4)
    affine[:3, :3] = rotation(0.2, -0.15, 0.3) @ AXIS_MATRICES[number]
    turn = Reorientation.of(affine)
    shape = tuple(along[turn.permutation.index(axis)] for axis in range(3))
    scan = Volume(np.empty(shape, np.int16), affine)
    turn.apply(scan.array)[...] = hu
    for size, least in ((along, 1.0), ((12, 16, 15), 0.8)):
        recipe = small_recipe(
            preprocessing={"window_hu": (0, 100), "size": size}, patches=patches, training=FLOAT32
        )
        mask = predict(scan, weights=Weights(ByBrightness(), recipe), device="cpu")
        found = turn.apply(mask.array)
        for value in (1, 2):
            assert dice(found == value, label == value) >= least


@pytest.mark.parametrize("name", ["best.safetensors", "best.json", ""])
def test_predict_from_a_path(tmp_path: Path, name: str) -> None:
    scan = small_scan()[0]
    weights = save_small_weights(tmp_path / "best.safetensors")
    expected = Predictor(load_weights(weights), device="cpu")(scan)
    mask = ynet3d.predict(scan, weights=str(tmp_path / name), device="cpu")
    assert np.array_equal(mask.array, expected.array)
    assert len(np.unique(mask.array)) > 1


@pytest.mark.parametrize("label", [0, 1, 2])
def test_weights_decide(tmp_path: Path, label: int) -> None:
    weights = save_constant_weights(tmp_path / "w.safetensors", label)
    assert (ynet3d.predict(small_scan()[0], weights=weights).array == label).all()


def test_the_recipe_of_the_weights_cleans() -> None:
    hu = np.full((10, 10, 10), 20, np.int16)
    hu[1:5, 1:5, 1:5], hu[2, 2, 2], hu[7:9, 7:9, 7:9] = 50, 80, 50
    recipe = small_recipe(
        preprocessing={"window_hu": (0, 100), "size": (10, 10, 10)},
        inference={"largest_liver_component": True, "minimum_tumour_ml": 0.002},
        training=FLOAT32,
    )
    mask = predict(Volume(hu, np.eye(4)), weights=Weights(ByBrightness(), recipe)).array
    expected = np.zeros_like(mask)
    expected[1:5, 1:5, 1:5] = 1
    assert np.array_equal(mask, expected)


def test_progress_counts_every_window(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = windowed((8, 8, 8), 0.25).model_copy(
        update={"preprocessing": Preprocessing(size=(14, 20, 8))}
    )
    scan = Volume(hu_array(0, (10, 10, 10)), np.eye(4))
    Predictor(Weights(ByBrightness(), recipe), device="cpu")(scan, progress=Progress())
    assert capsys.readouterr().err.startswith("Predicting 6/6, 0 s left")
    Predictor(Weights(ByBrightness(), recipe), device="cpu")(scan)
    assert capsys.readouterr().err == ""


def test_what_cannot_be_used_is_said_first(tmp_path: Path, untrained: Weights) -> None:
    with pytest.raises(InputError, match="no device 'gpu'"):
        Predictor(untrained, device="gpu")
    with pytest.raises(InputError, match="There are no weights at"):
        Predictor(tmp_path / "best.safetensors")
