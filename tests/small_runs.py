"""Scans, data sets, recipes and weights small enough to train and predict on within a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.recipes import Recipe
from ynet3d.volumes import Volume, write_label, write_volume
from ynet3d.weights import build_network, save_weights

AFFINE = np.array([[-3.0, 0, 0, 40], [0, -3.0, 0, 50], [0, 0, 4.0, -60], [0, 0, 0, 1]])
SHAPE = (24, 20, 18)
AIR_HU, SOFT_TISSUE_HU, LIVER_HU, TUMOUR_HU = -1000, 30, 110, 60


def small_scan(seed: int = 0, *, tumour: bool = True) -> tuple[Volume, Volume]:
    """A body in air with a box of a liver and, if asked, a tumour in it: CT (HU) and label map."""
    generator = np.random.default_rng(seed)
    label = np.zeros(SHAPE, np.uint8)
    start = 5 + generator.integers(0, 3, 3)
    liver = tuple(slice(int(s), int(s) + 9) for s in start)
    label[liver] = 1
    if tumour:
        label[tuple(slice(int(s) + 3, int(s) + 7) for s in start)] = 2
    hu = np.full(SHAPE, AIR_HU, np.float64)
    hu[3:-3, 3:-3] = SOFT_TISSUE_HU
    hu[label == 1] = LIVER_HU
    hu[label == 2] = TUMOUR_HU
    hu += generator.normal(0, 8, SHAPE)
    return Volume(np.rint(hu).astype(np.int16), AFFINE), Volume(label, AFFINE)


def write_small_dataset(folder: Path, cases: int = 4) -> Path:
    """A data set in LiTS's layout; the last case has no tumour."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in range(cases):
        image, label = small_scan(case, tumour=case < cases - 1)
        write_volume(image, folder / f"volume-{case}.nii.gz")
        write_label(label, folder / f"segmentation-{case}.nii.gz")
    return folder


def small_recipe(**changes: object) -> Recipe:
    """A network of a few thousand parameters on whole scans of 16 x 16 x 32."""
    content: dict[str, object] = {
        "name": "small",
        "network": {"name": "3dynet", "options": {"width": 2, "normalisation": "instance"}},
        "preprocessing": {"window_hu": [-100, 200], "size": [16, 16, 32]},
        "training": {"epochs": 3, "learning_rate": 1e-3},
    }
    return Recipe.model_validate(content | changes)


def save_small_weights(path: Path, recipe: Recipe | None = None, *, seed: int = 0) -> Path:
    """Untrained weights, as a file."""
    recipe = recipe or small_recipe()
    torch.manual_seed(seed)
    tensors = build_network(recipe).state_dict()
    save_weights(path, tensors, recipe, training_data={"name": "none"}, metrics={})
    return path


def save_constant_weights(path: Path, label: int, recipe: Recipe | None = None) -> Path:
    """Weights that call every voxel `label`."""
    recipe = recipe or small_recipe()
    tensors = {name: torch.zeros_like(t) for name, t in build_network(recipe).state_dict().items()}
    tensors["head.bias"][label] = 1.0
    save_weights(path, tensors, recipe, training_data={"name": "none"}, metrics={})
    return path


def dice(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Overlap of two masks that are not both empty."""
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))
