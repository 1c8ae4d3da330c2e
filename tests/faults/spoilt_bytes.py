"""Every byte of a checkpoint, of a cache entry and of weights, changed one after the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from small_runs import save_small_weights, small_recipe

from faults.killed_writing import same_case
from faults.outcomes import RECOVERED, REFUSED, WRONG, Outcome, Task
from ynet3d.cache_entries import CHECKSUMS
from ynet3d.datasets import Case, LabelFile
from ynet3d.errors import InputError
from ynet3d.preprocessing import CaseCache
from ynet3d.recipes import Preprocessing
from ynet3d.training.checkpoint import FILE, RunState, load_checkpoint, save_checkpoint
from ynet3d.volumes import Volume, write_label, write_volume
from ynet3d.weights import load_weights


def checkpoint(task: Task) -> Iterator[Outcome]:
    """A checkpoint: refused, or what is read is what was written."""
    network, optimiser, state = _trained()
    average = {name: value.clone() for name, value in network.state_dict().items()}
    save_checkpoint(task.folder, state, network, optimiser, average)
    wanted = _everything(state, network, optimiser, average)

    def read() -> bool:
        fresh = copy.deepcopy(network)
        for weight in fresh.parameters():
            weight.data.zero_()
        other = torch.optim.Adam(fresh.parameters())
        into = {name: torch.zeros_like(value) for name, value in average.items()}
        found = load_checkpoint(task.folder, fresh, other, into)
        return _everything(found, fresh, other, into) == wanted

    yield from _spoilt(task.folder / FILE, read, task)


def weights(task: Task) -> Iterator[Outcome]:
    """The tensors of weights: refused, or those that were written."""
    recipe = small_recipe(network={"name": "unet3d", "options": {"width": 1}})
    path = save_small_weights(task.folder / "w.safetensors", recipe)
    wanted = _bytes_of(load_weights(path).network.state_dict())
    yield from _spoilt(
        path, lambda: _bytes_of(load_weights(path).network.state_dict()) == wanted, task
    )


def cache_entry(task: Task) -> Iterator[Outcome]:
    """A cache entry: prepared anew, or what is read is what was written."""
    preprocessing = Preprocessing(window_hu=(-100, 200), size=(2, 3, 4))
    case = _small_case(task.folder)
    folder = task.folder / "cache"
    reference = CaseCache(task.folder / "reference", preprocessing).get(case)
    entry = CaseCache(folder, preprocessing).get(case).folder

    def read() -> bool:
        return same_case(CaseCache(folder, preprocessing).get(case), reference)

    parts = [*sorted(path.name for path in entry.glob("*.npy")), CHECKSUMS]
    share = Task(task.folder, -(-task.times // len(parts)), task.random, task.until)
    for part in parts:
        yield from _spoilt(entry / part, read, share)


def _spoilt(path: Path, read: Callable[[], bool], task: Task) -> Iterator[Outcome]:
    """One byte changed to another at a time, at every place or at `times` of them; and cut short.

    `read` says whether what it read is right.
    """
    data = path.read_bytes()
    step = max(1, 2 * len(data) // task.times)
    places = range(task.random.randrange(step), len(data), step)
    for place in places:
        for changed, how in (
            (_changed(data, place, task.random), "changed"),
            (data[:place], "cut"),
        ):
            if not task.time_left:
                return
            path.write_bytes(changed)
            try:
                right = read()
            except InputError as error:
                clear = str(error).endswith(".") and str(path) in str(error)
                yield Outcome(REFUSED) if clear else Outcome(WRONG, f"unclear: {error}")
            except Exception as error:
                yield Outcome(WRONG, f"{how} at byte {place} of {path.name}: {error!r}")
            else:
                detail = f"{how} at byte {place} of {path.name}: taken for whole"
                yield Outcome(RECOVERED) if right else Outcome(WRONG, detail)
    path.write_bytes(data)


def _changed(data: bytes, place: int, random: Random) -> bytes:
    other = data[place] ^ random.randrange(1, 256)
    return data[:place] + bytes([other]) + data[place + 1 :]


def _trained() -> tuple[torch.nn.Module, torch.optim.Optimizer, RunState]:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.randn(4, 2)).square().sum().backward()
    optimiser.step()
    row = {"epoch": 1, "train_loss": 0.5, "dice_liver": None}
    return network, optimiser, RunState(1, 2, 0.75, 3.5, 0.25, 1000, history=[row])


def _everything(
    state: RunState,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
) -> tuple[Any, ...]:
    moments = optimiser.state_dict()["state"]
    return (
        asdict(state),
        _bytes_of(network.state_dict()),
        _bytes_of({f"{i}/{k}": v for i, values in moments.items() for k, v in values.items()}),
        _bytes_of(average),
    )


def _bytes_of(tensors: dict[str, Any]) -> dict[str, bytes]:
    return {name: torch.as_tensor(value).numpy().tobytes() for name, value in tensors.items()}


def _small_case(folder: Path) -> Case:
    """Air, soft tissue and a liver of a few voxels: quick to prepare a thousand times."""
    hu = np.full((6, 6, 6), -1000, np.int16)
    hu[1:5, 1:5] = 40
    label = np.zeros(hu.shape, np.uint8)
    label[2:4, 2:4, 1:5] = 1
    label[3, 3, 2] = 2
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    write_volume(Volume(hu, affine), folder / "volume.nii")
    write_label(Volume(label, affine), folder / "label.nii")
    return Case("small", "small", folder / "volume.nii", LabelFile(folder / "label.nii"))
