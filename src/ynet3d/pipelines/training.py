"""A data set on disk to trained weights: open, split, train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ynet3d.datasets import make_split, open_dataset, read_split, write_split
from ynet3d.files import ensure_output_folder
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.training import TrainingData, TrainingResult, train
from ynet3d.training.log import read_recipe

_SPLIT = "split.json"


def train_on_dataset(
    dataset_path: Path,
    out: Path,
    *,
    recipe: str | None = None,
    network: str | None = None,
    changes: Sequence[str] = (),
    split_file: Path | None = None,
    fold: int | None = None,
    kind: str = "auto",
    resume: bool = False,
    cache: Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> TrainingResult:
    """Train on the training part of a data set's split, validate on its validation part.

    The split is that of the run when resuming, else `split_file`, else the paper's 100/15/15 by
    patient, seeded as the recipe is; it is saved in `out`.

    Raises:
        InputError: data set, split, recipe or folder cannot be used.
    """
    dataset = open_dataset(dataset_path, kind=kind)
    chosen = _recipe(out, recipe, network, changes, resume)
    ensure_output_folder(out)
    stored = out / _SPLIT
    if split_file is not None or (resume and stored.is_file()):
        split = read_split(split_file or stored, dataset=dataset)
    else:
        split = make_split(dataset, seed=chosen.training.seed)
    if fold is not None:
        split = split.with_fold(fold)
    data = TrainingData(
        dataset.name,
        [dataset.case(name) for name in split.train],
        [dataset.case(name) for name in split.validation],
        dataset.licence,
    )
    write_split(split, stored)
    return train(data, out, chosen, device=device, resume=resume, cache=cache, progress=progress)


def _recipe(
    out: Path, name: str | None, network: str | None, changes: Sequence[str], resume: bool
) -> Recipe:
    if resume and name is None and network is None and not changes:
        return read_recipe(out)
    changed = [*changes]
    recipe = load_recipe(name or "paper")
    if network is not None and network != recipe.network.name:
        # Options belong to a network: those that the other one does not have are left behind.
        from ynet3d.networks import network_entry

        kept = {
            key: value
            for key, value in recipe.network.options.items()
            if key in network_entry(network).options
        }
        changed = [f"network.name={network}", f"network.options={kept}", *changed]
    return load_recipe(name or "paper", changes=changed)
