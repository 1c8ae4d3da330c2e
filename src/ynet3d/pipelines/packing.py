"""Weights of a run, or of several, to one small file that is known to give the same masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ynet3d.errors import YnetError
from ynet3d.inference.ensemble import load_members
from ynet3d.inference.network_pass import pass_shape
from ynet3d.inference.runtimes.parity import Parity, compare_labels
from ynet3d.inference.runtimes.sample import phantom_sample, sample_words
from ynet3d.preprocessing import to_network_grid
from ynet3d.recipes import Recipe
from ynet3d.volumes import read_volume
from ynet3d.weights.packing import joined, packed_tensors, read_facts, save_packed, unpacked
from ynet3d.weights.storage import Storage

#: Of the window that is compared on, where neither recipe nor scan says a size.
_SIDE = (64, 128, 128)


def pack_files(
    sources: Sequence[str | Path],
    target: Path,
    *,
    storage: Storage = "float16",
    evaluation: Path | None = None,
    training: Path | None = None,
    check_on: Path | None = None,
) -> Parity:
    """Write the weights `sources` to `target` (.safetensors), several as one network.

    Held against what they were in full precision, on a phantom or on windows of `check_on` (a CT);
    the figures go into the JSON.

    Args:
        evaluation, training: JSON files of what was measured, and of how they were trained.

    Raises:
        InputError: weights that cannot be used, alone or together, or a file that cannot be read.
        YnetError: the packed network gives other masks; nothing is written.
    """
    members = load_members(sources)
    facts = [None if path is None else read_facts(path) for path in (evaluation, training)]
    tensors = packed_tensors(members, storage)
    sample, words = _sample(members[0].recipe, check_on)
    with torch.inference_mode():
        parity = compare_labels(
            joined(members)(sample),
            unpacked(members, tensors)(sample),
            precision="int8" if storage == "int8" else "fp16",
            on=words,
        )
    if not parity.passed:
        agreement, dice = parity.limits
        raise YnetError(
            f"Packed as {storage}, these weights give other masks ({parity.words}), expected "
            f"{agreement:.1%} of voxels alike and Dice {dice}: pack them as float16, or leave them "
            "as they are."
        )
    save_packed(
        members,
        tensors,
        target,
        storage=storage,
        evaluation=facts[0],
        training=facts[1],
        more={"packing_parity": parity.as_json()},
    )
    return parity


def _sample(recipe: Recipe, scan: Path | None) -> tuple[torch.Tensor, str]:
    """Windows to compare on, and what they are in words."""
    preprocessing = recipe.preprocessing
    if scan is None:
        shape = pass_shape(preprocessing.size or _SIDE, recipe)
        return phantom_sample(shape, preprocessing), sample_words(shape)
    volume = read_volume(scan)
    image = to_network_grid(volume, preprocessing)
    return torch.from_numpy(image)[None, None], f"the scan {scan.name}"
