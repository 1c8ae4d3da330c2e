"""Trained weights made small enough to be shipped: in half precision, with what they can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ynet3d.errors import InputError
from ynet3d.weights.store import Weights, save_weights


def pack_weights(
    weights: Weights,
    target: Path,
    *,
    evaluation: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write `weights` to `target` (.safetensors) in float16, and their JSON beside it.

    Args:
        evaluation: what was measured on scans they were not trained on; replaces the metrics.
        training: how long they were trained, on what.

    Raises:
        InputError: a value does not fit float16.
    """
    tensors = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in weights.network.state_dict().items()
    }
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"The tensor {name} of {weights.path} holds values beyond float16 (65504): these "
                "weights cannot be packed."
            )
    facts = weights.facts
    save_weights(
        target,
        tensors,
        weights.recipe,
        training_data=facts.get("training_data", {}),
        metrics=dict(evaluation) if evaluation is not None else facts.get("metrics", {}),
        more={"training": dict(training or {}), "packed_from": facts.get("sha256")},
    )


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: it is not there, or no JSON object.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}).") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object.")
    return content
