"""Saving and loading a trained network: `NAME.safetensors` (tensors) and `NAME.json` (all else)."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ynet3d.documents import DocumentError, read_json
from ynet3d.errors import InputError
from ynet3d.files import atomic_path, write_json
from ynet3d.labels import NUM_CLASSES, Label
from ynet3d.networks import JoinedNetworks, create_network, he_normal
from ynet3d.recipes import Inference, Recipe
from ynet3d.recipes.load import parse_recipe
from ynet3d.weights.shipped import list_shipped
from ynet3d.weights.storage import restored

FORMAT = "ynet3d-weights"
FORMAT_VERSION = 1
_IN_RUN = "best.safetensors"


@dataclass(frozen=True)
class Weights:
    """A trained network and what is known of it.

    Attributes:
        network: in evaluation mode, on the CPU; several that were packed together are one.
        recipe: how it was trained; its preprocessing and inference are used at prediction.
        facts: the rest of the JSON: training data and licence, metrics, versions.
        path: where it was loaded from.
    """

    network: nn.Module
    recipe: Recipe
    facts: dict[str, Any] = field(default_factory=dict)
    path: Path = Path()


def build_network(recipe: Recipe) -> nn.Module:
    """The untrained network that a recipe names, for the labels of this package."""
    for fixed in ("in_channels", "num_classes"):
        if fixed in recipe.network.options:
            raise InputError(
                f"The recipe sets network.options.{fixed}, which is fixed (one CT, {NUM_CLASSES} "
                "labels): leave it out."
            )
    options: dict[str, Any] = {**recipe.network.options, "num_classes": NUM_CLASSES}
    return create_network(recipe.network.name, **options)


def _filled_network(recipe: Recipe, members: int, tensors: dict[str, torch.Tensor]) -> nn.Module:
    """The network with these tensors; random ones are not drawn first, which takes a while."""
    with torch.device("meta"):
        network = _empty_network(recipe, members)
    network.load_state_dict(tensors, assign=True)
    if any(t.is_meta for t in (*network.parameters(), *network.buffers())):
        # It makes tensors that no file holds.
        network = _empty_network(recipe, members)
        network.load_state_dict(tensors)
    return network


def _empty_network(recipe: Recipe, members: int) -> nn.Module:
    if members == 1:
        return build_network(recipe)
    return JoinedNetworks([build_network(recipe) for _ in range(members)])


def initial_network(recipe: Recipe, *, seed: int) -> nn.Module:
    """The network that a recipe names, with its initial weights drawn from `seed`."""
    torch.manual_seed(seed)  # the initialisation only
    network = build_network(recipe)
    if recipe.network.initialisation == "he_normal":
        he_normal(network)
    return network


def save_weights(
    path: Path,
    tensors: dict[str, torch.Tensor],
    recipe: Recipe,
    *,
    training_data: dict[str, Any],
    metrics: dict[str, Any],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write `path` (.safetensors) and the JSON beside it, atomically.

    Args:
        tensors: the network's state dictionary.
        training_data: name, licence and case names of the data it was trained on.
        metrics: what was measured on it, on what.
        more: further facts.
    """
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    facts = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "sha256": hashlib.sha256(data).hexdigest(),
        "labels": {label.name.lower(): int(label) for label in Label},
        "recipe": recipe.model_dump(mode="json"),
        "training_data": training_data,
        "metrics": metrics,
        **(more or {}),
        "versions": {
            "ynet3d": version("ynet3d"),
            "torch": torch.__version__,
            "monai": version("monai"),
            "python": platform.python_version(),
        },
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    write_json(path.with_suffix(".json"), facts)


def rewrite_facts(weights: Weights, inference: Inference, more: Mapping[str, Any]) -> None:
    """Put other `inference` values and further facts into the JSON of `weights`, atomically."""
    path = weights.path.with_suffix(".json")
    facts = json.loads(path.read_text("utf-8"))
    changed = weights.recipe.model_copy(update={"inference": inference})
    write_json(path, facts | {"recipe": changed.model_dump(mode="json"), **more})


def load_weights(path: str | Path) -> Weights:
    """Load weights from a `.safetensors` file, its `.json`, or a run folder (its best weights).

    A name of `list_shipped` works as well, where no file or folder is called so.

    Raises:
        InputError: missing, not ours, truncated, or made for another network.
    """
    file = _locate(Path(path))
    facts = _read_facts(file.with_suffix(".json"))
    recipe = parse_recipe(facts.get("recipe"), origin=f"recipe in {file.with_suffix('.json')}")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"The weights {file} are damaged or not safetensors ({error}): copy them again."
        ) from None
    if hashlib.sha256(file.read_bytes()).hexdigest() != facts.get("sha256"):
        raise InputError(
            f"The weights {file} do not belong to {file.with_suffix('.json').name} (their checksum "
            "differs): copy both files again from the same place."
        )
    try:
        network = _filled_network(recipe, facts.get("members", 1), restored(tensors))
    except RuntimeError:
        raise InputError(
            f"The weights {file} are for another network than the {recipe.network.name} with "
            f"{recipe.network.options or 'default options'} that their JSON names."
        ) from None
    return Weights(network.eval(), recipe, facts, file)


def describe_weights(path: str | Path) -> dict[str, Any]:
    """Checksum and recipe of weights, as their JSON has them, without loading them.

    Raises:
        InputError: as from `load_weights`.
    """
    facts = _read_facts(_locate(Path(path)).with_suffix(".json"))
    return {"sha256": facts.get("sha256"), "recipe": facts.get("recipe")}


def _locate(path: Path) -> Path:
    if path.is_dir():
        if not (path / _IN_RUN).is_file():
            raise InputError(
                f"The folder {path} holds no {_IN_RUN}: give a run folder made by "
                "`ynet3d train`, or a .safetensors file."
            )
        return path / _IN_RUN
    if not path.is_file():
        shipped = list_shipped()
        if str(path) in shipped:
            return shipped[str(path)]
        names = f" or one of this package's ({', '.join(shipped)})" if shipped else ""
        raise InputError(
            f"There are no weights at {path}: give a .safetensors file, a run folder{names}."
        )
    if path.suffix == ".json":
        return _locate(path.with_suffix(".safetensors"))
    if path.suffix != ".safetensors":
        raise InputError(
            f"The weights {path} are not safetensors: this package reads only the .safetensors "
            "and .json files that `ynet3d train` writes, never pickled ones."
        )
    return path


def _read_facts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"The file {path} that belongs to the weights is missing: copy both files."
        )
    try:
        facts = read_json(path)
    except (OSError, DocumentError):
        raise InputError(
            f"The file {path} beside the weights is not JSON: copy it again."
        ) from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"The file {path} does not describe weights of this package.")
    if facts.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"The weights {path} have format version {facts.get('format_version')}, this release "
            f"reads {FORMAT_VERSION}: update ynet3d."
        )
    return facts
