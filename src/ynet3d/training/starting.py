"""Whether a run can start or be resumed, alone or as several processes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ynet3d import __version__
from ynet3d.errors import InputError
from ynet3d.recipes import Recipe
from ynet3d.training.checkpoint import FILE as CHECKPOINT
from ynet3d.training.checkpoint import RunState
from ynet3d.training.data import TrainingData
from ynet3d.training.distributed import Group
from ynet3d.training.log import read_recipe
from ynet3d.training.step import is_shared


def check_run(data: TrainingData, folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Make sure that this training can start, or be resumed, in `folder`.

    Raises:
        InputError: no cases, a run is there already, or `recipe` differs from that of the run.
    """
    if not data.training:
        raise InputError(f"The data set {data.name} has no training cases: check the split.")
    if not data.validation and not data.on_all:
        raise InputError(
            f"The data set {data.name} has no validation cases: check the split, or train on all "
            "cases on purpose (--all)."
        )
    if resume:
        stored = read_recipe(folder)
        if stored != recipe:
            raise InputError(
                f"The run {folder} was started with another recipe than the one given: resume "
                "without --recipe, --network and --set, or train into a new folder."
            )
    elif (folder / CHECKPOINT).exists():
        raise InputError(
            f"The folder {folder} holds a run already: add --resume to go on with it, or give "
            "another folder."
        )


def check_sharing(network: nn.Module, recipe: Recipe, group: Group) -> None:
    """Make sure that this network learns the same from a batch in parts as from a whole one.

    Raises:
        InputError: fewer samples than processes, or batch normalisation of parts.
    """
    training = recipe.training
    if training.batch_size < group.size:
        raise InputError(
            f"training.batch_size is {training.batch_size}, fewer than the {group.size} processes "
            "that would share it (it is that of all together): start fewer, or set it higher."
        )
    layers = any(isinstance(module, _BatchNorm) for module in network.modules())
    if layers and is_shared(training, group):
        raise InputError(
            f"The network {recipe.network.name} has batch normalisation, which would see a part of "
            "each batch only: train with one process and without training.micro_batch_size, or "
            "set network.options.normalisation=instance, where the network has that."
        )


def check_agreement(data: TrainingData, recipe: Recipe, state: RunState, group: Group) -> None:
    """Make sure that all processes begin with the same.

    Raises:
        InputError: they do not.
    """
    cases = [[case.name for case in part] for part in (data.training, data.validation)]
    seen = [__version__, recipe.model_dump(mode="json"), cases, asdict(state), group.device.type]
    if not group.same(json.dumps(seen)):
        raise InputError(
            "The processes of this training do not see the same recipe, cases, device and "
            "checkpoint: give all the same words, and a data set and an output folder on storage "
            "that all machines see."
        )
