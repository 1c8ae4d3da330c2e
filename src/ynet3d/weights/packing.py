"""Trained weights made small enough to be shipped: in fewer bytes, several as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ynet3d.documents import DocumentError, read_json
from ynet3d.errors import InputError
from ynet3d.networks import JoinedNetworks
from ynet3d.weights.members import cases_learnt_from
from ynet3d.weights.storage import Storage, restored, stored
from ynet3d.weights.store import Weights, build_network, save_weights


def packed_tensors(weights: Sequence[Weights], storage: Storage) -> dict[str, torch.Tensor]:
    """The tensors of one network, or of several joined (`JoinedNetworks`), in fewer bytes.

    Raises:
        InputError: a value does not fit float16.
    """
    tensors = stored(joined(weights).state_dict(), storage)
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"The tensor {name} of {weights[0].path} holds values beyond float16 (65504): "
                "these weights cannot be packed."
            )
    return tensors


def joined(weights: Sequence[Weights]) -> nn.Module:
    """The network of one, or those of several as one."""
    networks = [member.network for member in weights]
    return networks[0] if len(networks) == 1 else JoinedNetworks(networks).eval()


def unpacked(weights: Sequence[Weights], tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """The network that a file of these `tensors` will give."""
    copies = [Weights(build_network(member.recipe), member.recipe) for member in weights]
    network = joined(copies)
    network.load_state_dict(restored(tensors))
    return network.eval()


def save_packed(
    weights: Sequence[Weights],
    tensors: dict[str, torch.Tensor],
    target: Path,
    *,
    storage: Storage,
    evaluation: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write `tensors` of `weights` to `target` (.safetensors), and their JSON beside it.

    Args:
        evaluation: what was measured on scans they were not trained on; replaces the metrics.
        training: how long they were trained, on what.
        more: further facts.
    """
    first, recipe = weights[0].facts, weights[0].recipe
    tuned = first.get("tuning", {}).get("adopted_values")
    if tuned is not None:  # of folds, which each have what the others chose
        inference = recipe.inference.model_copy(update=tuned)
        recipe = recipe.model_copy(update={"inference": inference})
    data = [member.facts.get("training_data", {}) for member in weights]
    save_weights(
        target,
        tensors,
        recipe,
        training_data=data[0] if len(data) == 1 else _all_data(data),
        metrics=dict(evaluation) if evaluation is not None else first.get("metrics", {}),
        more={
            "members": len(weights),
            "storage": storage,
            "training": dict(training or {}),
            "packed_from": [member.facts.get("sha256") for member in weights],
            **(more or {}),
        },
    )


def _all_data(data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the members were trained on: all cases, and those that each was not trained on."""
    keys = ("training_cases", "validation_cases", "synthesis_masks", "started_from")
    learnt = [cases_learnt_from(one) for one in data]
    everything = frozenset().union(*learnt)
    masks = {name for one in data for name in one.get("synthesis_masks", ())}
    return {
        **{name: value for name, value in data[0].items() if name not in keys},
        "training_cases": sorted(everything),
        "left_out_by_member": [sorted(everything - names) for names in learnt],
        **({"synthesis_masks": sorted(masks)} if masks else {}),
    }


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: it is not there, or no JSON object.
    """
    try:
        content = read_json(path)
    except (OSError, DocumentError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}).") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object.")
    return content
