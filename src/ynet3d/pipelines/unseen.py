"""Scans that networks did not see in training, and what those networks say about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ynet3d.datasets import Case, DataSet, read_split
from ynet3d.datasets.split_file import FOLDS_FILE, SPLIT_FILE
from ynet3d.devices import channels_last, choose_device
from ynet3d.errors import InputError
from ynet3d.inference import network_logits
from ynet3d.inference.runtimes import TorchForward
from ynet3d.preprocessing import to_network_grid
from ynet3d.preprocessing.cache import prepared_part
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume, check_ct
from ynet3d.weights import Weights, load_weights


@dataclass(frozen=True)
class Unseen:
    """A network and the cases that it was not trained on."""

    weights: Weights
    cases: tuple[Case, ...]


def unseen_by_run(run: Path, dataset: DataSet) -> Unseen:
    """The best weights of a run of `ynet3d train`, and the validation cases of its split.

    Raises:
        InputError: no run, or its split is not one of `dataset`.
    """
    weights = load_weights(run)
    split = weights.path.parent / SPLIT_FILE
    if not split.is_file():
        raise InputError(
            f"The run {run} has no {SPLIT_FILE}: give a folder made by `ynet3d train`."
        )
    names = read_split(split, dataset=dataset).validation
    return Unseen(weights, tuple(dataset.case(name) for name in names))


def unseen_by_folds(folder: Path, dataset: DataSet) -> list[Unseen]:
    """Of a cross-validation, each finished fold's last weights and its scans.

    The last, not the best: these scans would have chosen the best.

    Raises:
        InputError: no fold is finished, or the folds are not of `dataset`.
    """
    split = read_split(folder / FOLDS_FILE, dataset=dataset)
    found = []
    for fold, names in split.parts.items():
        path = folder / "runs" / fold / "last.safetensors"
        if path.is_file():
            cases = tuple(dataset.case(name) for name in names)
            found.append(Unseen(load_weights(path), cases))
    if not found:
        raise InputError(
            f"The cross-validation in {folder} has no finished fold: go on with it first."
        )
    return found


def logits_of(
    weights: Weights, cases: Sequence[Case], inference: Inference, *, device: str
) -> Iterator[tuple[Case, torch.Tensor, Volume, Volume]]:
    """Each case with its logits (classes, D, H, W), its CT and its label map.

    CT and label map are what the recipe trains on: the whole scan, or the box of its liver.

    Raises:
        InputError: a case cannot be read, is no CT, or has no liver to be cropped to.
    """
    chosen = choose_device(device)
    network = channels_last(weights.network, chosen).eval()
    forward = TorchForward(network, chosen, mixed=weights.recipe.training.mixed_precision)
    recipe = weights.recipe.model_copy(update={"inference": inference})
    for case in cases:
        image = case.read_image()
        check_ct(image)
        label = case.read_label(image=image)
        image, label = prepared_part(image, label, recipe.preprocessing, name=case.name)
        yield (
            case,
            network_logits(forward, to_network_grid(image, recipe.preprocessing), recipe),
            image,
            label,
        )
