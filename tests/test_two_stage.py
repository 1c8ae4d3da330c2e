"""Two stages: the second sees the liver's box alone, and nothing of it is left outside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from command_line import run
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import save_constant_weights, small_recipe, small_scan, write_small_dataset
from torch import nn
from volume_cases import affines

import ynet3d
from ynet3d.datasets import open_dataset
from ynet3d.errors import InputError
from ynet3d.inference import TwoStagePredictor
from ynet3d.preprocessing import CaseCache, label_to_network_grid, to_network_grid
from ynet3d.preprocessing.cropping import cropped, liver_box
from ynet3d.recipes import Recipe
from ynet3d.volumes import Volume, write_label, write_volume
from ynet3d.weights import Weights

Shape = tuple[int, int, int]


class ByBrightness(nn.Module):
    """Logits of each voxel from its own brightness: 0.2 is background, 0.5 liver, 0.8 tumour."""

    def __init__(self, *, tumours: bool = True) -> None:
        super().__init__()
        self.centres = (0.2, 0.5, 0.8) if tumours else (0.2, 0.6, 99.0)
        self.seen: list[Shape] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(image.shape[2:]))
        return torch.cat([-10 * (image - centre) ** 2 for centre in self.centres], dim=1)


def recipe(crop_to_liver_mm: float | None = None) -> Recipe:
    """Windows of [0, 100] HU on voxels of 1 mm."""
    return small_recipe(
        preprocessing={
            "window_hu": (0, 100),
            "size": None,
            "spacing_mm": (1, 1, 1),
            "crop_to_liver_mm": crop_to_liver_mm,
        },
        training={"mixed_precision": False},
    )


def patient() -> npt.NDArray[np.int16]:
    """A liver with a tumour, a bright spot 3 mm beside it and a large one far away, an island."""
    hu = np.full((30, 32, 34), 20, np.int16)
    hu[10:20, 11:21, 12:22] = 50
    hu[12:15, 13:16, 14:17] = 80
    hu[22, 15, 15] = 80
    hu[1:3, 1:30, 1:4] = 80
    hu[27:29, 27:29, 28:30] = 50
    return hu


def expected(margin: int) -> npt.NDArray[np.uint8]:
    labels = np.select([patient() == 50, patient() == 80], [1, 2]).astype(np.uint8)
    inside = np.zeros_like(labels)
    box = tuple(slice(s - margin, s + 10 + margin) for s in (10, 11, 12))
    inside[box] = labels[box]
    return inside


@pytest.mark.parametrize(("margin", "flip"), [(0, 1), (2, -1), (5, 1), (5, -1)])
def test_the_fine_stage_decides_in_the_box_and_nothing_lies_outside(margin: int, flip: int) -> None:
    """To the coarse stage all that is bright is liver; its box is that of the largest piece."""
    hu = patient()
    coarse, fine = ByBrightness(tumours=False), ByBrightness()
    affine = np.diag([flip, 1.0, 1.0, 1.0])
    predictor = TwoStagePredictor(
        Weights(coarse, recipe()), Weights(fine, recipe(margin)), device="cpu"
    )
    truth = expected(margin)
    mask = predictor(Volume(hu[::flip], affine))
    assert np.array_equal(mask.array[::flip], truth)
    assert coarse.seen == [(34, 32, 30)]  # D, H, W: slices, rows, columns
    assert fine.seen == [(10 + 2 * margin,) * 3]
    assert (truth[22] == 2).any() == (margin == 5)
    once = ynet3d.predict(
        Volume(hu[::flip], affine),
        weights=Weights(coarse, recipe()),
        refine=Weights(fine, recipe(margin)),
    )
    assert np.array_equal(once.array, mask.array)


def test_without_a_liver_there_is_nothing_to_refine() -> None:
    coarse, fine = ByBrightness(tumours=False), ByBrightness()
    hu = np.full((12, 13, 14), 20, np.int16)
    hu[0] = 10
    predictor = TwoStagePredictor(Weights(coarse, recipe()), Weights(fine, recipe(5)), device="cpu")
    mask = predictor(Volume(hu, np.eye(4)))
    assert not mask.array.any()
    assert mask.array.dtype == np.uint8
    assert fine.seen == []


def test_weights_for_crops_do_not_predict_alone() -> None:
    with pytest.raises(InputError, match="surroundings of the liver: give weights for whole"):
        ynet3d.Predictor(Weights(ByBrightness(), recipe(5)))
    # Whole-scan weights may well be the second stage.
    TwoStagePredictor(*[Weights(ByBrightness(), recipe())] * 2)


@settings(max_examples=30, deadline=None)
@given(affine=affines(), seed=st.integers(0, 99), margin=st.floats(0, 20))
def test_crops_stay_where_they_were(
    affine: npt.NDArray[np.float64], seed: int, margin: float
) -> None:
    generator = np.random.default_rng(seed)
    array = np.zeros((9, 10, 11), np.uint8)
    first = generator.integers(0, 9, 3)
    array[tuple(first)] = 1
    array[tuple(generator.integers(0, 9, 3))] = 2
    label = Volume(array, affine)
    box = liver_box(label, margin)
    assert box is not None
    part = cropped(label, box)
    assert np.array_equal(
        np.bincount(part.array.ravel(), minlength=3)[1:],
        np.bincount(array.ravel(), minlength=3)[1:],
    )
    start = [side.start for side in box]
    for voxel in np.argwhere(part.array):
        there = affine @ [*(voxel + start), 1]
        np.testing.assert_allclose(part.affine @ [*voxel, 1], there, atol=1e-6)
    where = np.argwhere(array)
    for axis, side in enumerate(box):
        before = (where[:, axis].min() - side.start) * label.spacing[axis]
        assert before >= min(margin, where[:, axis].min() * label.spacing[axis]) - 1e-6
        assert before < margin + label.spacing[axis] + 1e-6
    assert liver_box(label.with_array(np.zeros_like(array)), margin) is None


def test_training_sees_the_crop(tmp_path: Path) -> None:
    folder = write_small_dataset(tmp_path / "data", cases=1)
    case = open_dataset(folder, kind="lits").cases[0]
    chosen = recipe(6.0).preprocessing
    prepared = CaseCache(tmp_path / "cache", chosen).get(case)
    image, label = small_scan(0, tumour=False)
    box = liver_box(label, 6.0)
    assert box is not None
    assert np.array_equal(prepared.image, to_network_grid(cropped(image, box), chosen))
    assert np.array_equal(prepared.label, label_to_network_grid(cropped(label, box), chosen))
    assert prepared.label.shape == (9 * 4 + 16, 9 * 3 + 12, 9 * 3 + 12)
    assert set(prepared.voxels) == {1, 2}


def test_a_case_without_liver_cannot_be_cropped(tmp_path: Path) -> None:
    image, label = small_scan()
    write_volume(image, tmp_path / "volume-0.nii.gz")
    write_label(label.with_array(0 * label.array), tmp_path / "segmentation-0.nii.gz")
    case = open_dataset(tmp_path, kind="lits").cases[0]
    with pytest.raises(InputError, match="has no liver to crop to"):
        CaseCache(tmp_path / "cache", recipe(6.0).preprocessing).get(case)


def test_entries_of_older_caches_stay_good(tmp_path: Path) -> None:
    case = open_dataset(write_small_dataset(tmp_path / "data", cases=1), kind="lits").cases[0]
    old = {"window_hu": (0.0, 100.0), "size": None, "spacing_mm": (1.0, 1.0, 1.0)}
    what = {"layout": 1, "preprocessing": old, "case": case.fingerprint()}
    text = json.dumps(what, sort_keys=True).encode()
    expected = hashlib.blake2b(text, digest_size=16).hexdigest()
    CaseCache(tmp_path / "cache", recipe().preprocessing).get(case)
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [expected]


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    coarse = save_constant_weights(tmp_path / "coarse.safetensors", 1)
    fine = save_constant_weights(tmp_path / "fine.safetensors", 2, recipe(5.0))
    out = tmp_path / "out"
    done = run(capsys, "predict", scan, "-o", out, "-w", coarse, "--refine", fine, "-q")
    assert done.code == 0, done
    content = json.loads((out / "statistics.json").read_text("utf-8"))
    assert content["weights"]["file"] == "coarse.safetensors"
    assert [Path(w["file"]).name for w in content["refined_by"]] == ["fine.safetensors"]
    assert (ynet3d.read_label(out / "segmentation.nii.gz").array == 2).all()
    run(capsys, "predict", scan, "-o", out, "-w", fine).assert_refused(match="--refine")
