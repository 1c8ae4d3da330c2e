"""`ynet3d export`: one network to one format, checked, with what its user has to know beside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ynet3d.errors import InputError, YnetError
from ynet3d.exporting.bundle import write_bundle
from ynet3d.exporting.torchscript import TorchScriptForward, save_torchscript
from ynet3d.files import ensure_output_folder, staged_files, write_json
from ynet3d.inference import pass_shape
from ynet3d.inference.runtimes.onnx_runtime import OnnxForward, save_onnx
from ynet3d.inference.runtimes.openvino_runtime import OpenVinoForward, save_openvino, to_openvino
from ynet3d.inference.runtimes.parity import Forward, Parity, compare_labels
from ynet3d.inference.runtimes.sample import phantom_sample, sample_words
from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.networks.blocks import size_multiple
from ynet3d.weights import Weights, load_weights

Shape = tuple[int, int, int, int, int]
Size = tuple[int, int, int]

FORMATS = ("onnx", "openvino", "torchscript", "monai-bundle")
_SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".ts"}


@dataclass(frozen=True)
class Exported:
    """Where the network lies (a file, or the folder of a bundle), and how it was checked."""

    path: Path
    shape: Shape
    parity: Parity


def export_weights(
    weights: Weights | str | Path,
    out: str | Path,
    *,
    to: str,
    size: Size | None = None,
    dynamic: bool = False,
) -> Exported:
    """Write the network of `weights` into the folder `out`, and a JSON about it.

    The file takes windows (N, 1, D, H, W), float32 in [0, 1], named "image", and gives logits
    (N, 3, D, H, W) named "logits". It is read back in its own runtime and compared with PyTorch
    in float32 before it is moved into place.

    Args:
        to: one of `FORMATS`.
        size: D, H, W of the input; by default the recipe's patch, or its whole scan.
        dynamic: for any N, and any D, H, W that are multiples of what the network halves.

    Raises:
        InputError: no such format, or a size that cannot be.
        YnetError: what was written gives other masks.
    """
    if to not in FORMATS:
        raise InputError(f"There is no format {to!r}: choose one of {', '.join(FORMATS)}.")
    loaded = weights if isinstance(weights, Weights) else load_weights(weights)
    shape = _shape(loaded, size, dynamic=dynamic)
    folder = ensure_output_folder(out)
    name = loaded.path.stem or "network"
    target = folder / (name + _SUFFIXES.get(to, ""))
    with staged_files(folder, last=target.name) as staging:
        forward = _write(loaded, staging / target.name, shape, to=to, dynamic=dynamic)
        parity = _check(loaded, forward, shape)
        if not parity.passed:
            raise YnetError(
                f"The exported network gives other masks than PyTorch ({parity.words}): nothing "
                "was written; please report it."
            )
        facts = _facts(loaded, to=to, shape=shape, dynamic=dynamic, parity=parity)
        write_json(staging / f"{name}.json", facts)
    return Exported(target, shape, parity)


def _shape(weights: Weights, size: Size | None, *, dynamic: bool) -> Shape:
    recipe, multiple = weights.recipe, size_multiple(weights.network)
    if size is not None:
        if min(size) < 1:
            raise InputError(f"--size is {size}, expected three numbers of at least 1.")
        shape: Shape = (1, 1, *size)
    elif recipe.patches is None and recipe.preprocessing.size is None:
        raise InputError(
            f"The recipe {recipe.name} predicts scans of any size: give --size, or --dynamic with "
            "--size for the check."
        )
    else:
        shape = (1, *pass_shape(recipe.preprocessing.size or (1, 1, 1), recipe)[1:])
    if dynamic:
        wrong = [have for have, unit in zip(shape[2:], multiple, strict=True) if have % unit]
        if wrong:
            units = " x ".join(map(str, multiple))
            raise InputError(
                f"With --dynamic, the network takes multiples of {units}, but the size is "
                f"{' x '.join(map(str, shape[2:]))}: give such a --size."
            )
    return shape


def _write(weights: Weights, path: Path, shape: Shape, *, to: str, dynamic: bool) -> Forward:
    """Write, and open what was written."""
    network = weights.network
    if to == "onnx":
        save_onnx(network, path, shape, dynamic=dynamic)
        return OnnxForward(path, shape)
    if to == "openvino":
        save_openvino(to_openvino(network, shape, dynamic=dynamic), path)
        return OpenVinoForward(path, shape, precision="fp32", cache=None)
    if to == "torchscript":
        save_torchscript(network, path, shape)
        return TorchScriptForward(path)
    return TorchScriptForward(write_bundle(weights, path, shape))


def _check(weights: Weights, forward: Forward, shape: Shape) -> Parity:
    sample = phantom_sample(shape, weights.recipe.preprocessing)
    with torch.inference_mode():
        expected = weights.network(sample)
        found = forward(sample)
    return compare_labels(expected, found, precision="fp32", on=sample_words(shape))


def _facts(
    weights: Weights, *, to: str, shape: Shape, dynamic: bool, parity: Parity
) -> dict[str, Any]:
    recipe, units = weights.recipe, list(size_multiple(weights.network))
    return {
        "format": to,
        "input": {
            "name": "image",
            "shape": list(shape) if not dynamic else ["N", 1, "D", "H", "W"],
            "multiples_of": units if dynamic else None,
            "axes": "N, 1, slices to the head, rows to the back, columns to the patient's left",
            "values": "HU mapped to [0, 1] by the window, clipped outside",
            "window_hu": list(recipe.preprocessing.window_hu),
            "spacing_mm": recipe.preprocessing.spacing_mm,
            "resized_to": recipe.preprocessing.size,
        },
        "output": {"name": "logits", "labels": {label.name.lower(): int(label) for label in Label}},
        "parity": parity.as_json(),
        "weights": {
            "sha256": weights.facts.get("sha256"),
            "training_data": weights.facts.get("training_data"),
        },
        "recipe": recipe.model_dump(mode="json"),
        "versions": {"ynet3d": version("ynet3d"), "torch": torch.__version__},
        "notice": RESEARCH_USE,
    }
