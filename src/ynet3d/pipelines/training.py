"""A data set on disk to trained weights: open, split, train."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.datasets import DataSet, Split, make_split, open_dataset, read_split, write_split
from ynet3d.datasets.overlaps import names_of_patient
from ynet3d.datasets.split_file import SPLIT_FILE
from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.synthesis import MaskSource, find_masks
from ynet3d.training import TrainingData, TrainingResult, check_run, train
from ynet3d.training.distributed import Group, alone
from ynet3d.training.log import read_recipe

if TYPE_CHECKING:
    from ynet3d.weights.members import Member

_START = "start.json"


def train_on_dataset(
    dataset_path: Path,
    out: Path,
    *,
    recipe: str | None = None,
    network: str | None = None,
    changes: Sequence[str] = (),
    split_file: Path | None = None,
    fold: int | None = None,
    on_all: bool = False,
    kind: str = "auto",
    labels: Path | None = None,
    licence: str | None = None,
    resume: bool = False,
    start: str | Path | None = None,
    member: int | None = None,
    cache: Path | None = None,
    masks: Path | None = None,
    leave_masks: Sequence[str] = (),
    device: str = "auto",
    group: Group | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train on the training part of a data set's split, validate on its validation part.

    The split is that of the run when resuming, else `split_file`, else the paper's 100/15/15 by
    patient, seeded as the recipe is; it is saved in `out`. `labels`: a folder of labels elsewhere;
    `licence`: of the data, where the data set does not say it. `on_all`: every labelled case is
    trained on, none validates. `masks`: a data set whose masks wholly synthetic samples are made
    of, less the patients named in `leave_masks` and those of the split's other cases. `start`:
    weights to begin with, instead of random ones; `member`: which network of several, from 1.
    `group`: the processes that train together, each of which calls this with the same arguments.

    Raises:
        InputError: data set, split, recipe or folder cannot be used.
    """
    group = group or alone(device)
    dataset = open_dataset(dataset_path, kind=kind, labels=labels)
    chosen = _recipe(out, recipe, network, changes, resume)
    if group.first:
        ensure_output_folder(out)
    stored = out / SPLIT_FILE
    earlier = read_split(stored, dataset=dataset) if resume and stored.is_file() else None
    split = _split(dataset, split_file, fold, earlier, chosen.training.seed, on_all=on_all)
    if earlier and (split.train, split.validation) != (earlier.train, earlier.validation):
        raise InputError(
            f"The run {out} was started with another split than the one given: resume without "
            "--split and --fold, or train into a new folder."
        )
    left = [case for case in dataset.cases if case.name not in split.train]
    held_out = {name for case in left for name in names_of_patient(case)}
    before = None
    if start is not None and not resume:
        before = _start(start, member, chosen, split)
    data = TrainingData(
        dataset.name,
        [dataset.case(name) for name in split.train],
        [dataset.case(name) for name in split.validation],
        licence or dataset.licence,
        on_all=not split.validation and (on_all or earlier is not None),
        masks=_masks(masks, leave_masks, held_out),
        started_from=_started_from(out, before, resume),
    )
    check_run(data, out, chosen, resume=resume)  # before the split of a run is overwritten
    if group.first:
        write_split(split, stored)
    if group.first and before is not None:
        write_json(out / _START, before.as_json())
    return train(
        data,
        out,
        chosen,
        group=group,
        resume=resume,
        start=None if before is None else before.weights,
        cache=cache,
        progress=progress if group.first else Progress(quiet=True),
    )


def _start(path: str | Path, number: int | None, recipe: Recipe, split: Split) -> Member:
    """The network to begin with.

    Raises:
        InputError: another network than the recipe's, or one that has seen what will judge it.
    """
    from ynet3d.weights.members import load_member

    found = load_member(path, number)
    ours, theirs = recipe.network, found.weights.recipe.network
    if (ours.name, ours.options) != (theirs.name, theirs.options):
        _check_wider(path, found, recipe)
    seen = sorted(found.trained_on & {*split.validation, *split.test})
    if seen:
        raise InputError(
            f"The weights {path} were trained on {', '.join(seen[:3])}"
            f"{f' and {len(seen) - 3} more' if len(seen) > 3 else ''}, which this run is judged "
            "on: give another split, or weights that have not seen them."
        )
    return found


def _check_wider(path: str | Path, found: Member, recipe: Recipe) -> None:
    """Refuse weights of another network than the recipe's, unless it is the same one, wider."""
    import torch

    from ynet3d.weights import build_network
    from ynet3d.weights.widening import growth

    ours, theirs = recipe.network, found.weights.recipe.network
    try:
        if (ours.name, _but_widths(ours.options)) != (theirs.name, _but_widths(theirs.options)):
            raise ValueError
        with torch.device("meta"):
            empty = build_network(recipe)
        growth(found.network.state_dict(), empty)
    except ValueError:
        raise InputError(
            f"The weights {path} are of {theirs.name} with {theirs.options or 'default options'}, "
            f"the recipe wants {ours.name} with {ours.options or 'default options'}: give weights "
            "and recipe of the same network, or of a whole multiple of its width."
        ) from None


def _but_widths(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("width", "widest")}


def _started_from(out: Path, before: Member | None, resume: bool) -> dict[str, Any] | None:
    """What the weights' JSON says of the beginning; a resumed run still knows it."""
    if before is not None:
        return before.as_json()
    if resume and (out / _START).is_file():
        content: dict[str, Any] = json.loads((out / _START).read_text("utf-8"))
        return content
    return None


def _masks(folder: Path | None, leave_out: Sequence[str], held_out: set[str]) -> list[MaskSource]:
    """The masks in `folder`, without those of patients whose scans are not trained on."""
    if folder is None:
        return []
    return [one for one in find_masks(folder, leave_out=leave_out) if one.name not in held_out]


def _split(
    dataset: DataSet,
    file: Path | None,
    fold: int | None,
    earlier: Split | None,
    seed: int,
    *,
    on_all: bool,
) -> Split:
    if on_all:
        if file is not None or fold is not None:
            raise InputError("--all leaves nothing out: give it without --split and --fold.")
        names = tuple(case.name for case in dataset.labelled)
        return Split(dataset.name, seed, (1.0, 0.0), {"train": names, "validation": ()})
    if file is None and fold is None and earlier is not None:
        return earlier
    split = make_split(dataset, seed=seed) if file is None else read_split(file, dataset=dataset)
    return split if fold is None else split.with_fold(fold)


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
        changed = [f"network.name={network}", f"network.options={json.dumps(kept)}", *changed]
    return load_recipe(name or "paper", changes=changed)
