"""A forward pass on a CPU: each runtime and precision against plain PyTorch (eager, float32)."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ynet3d.benchmarks.apart import apart
from ynet3d.benchmarks.timing import best_seconds
from ynet3d.benchmarks.whole_case import run_measured
from ynet3d.benchmarks.work import (
    NETWORK,
    Work,
    benchmark_network,
    network_work,
    noise_batch,
)
from ynet3d.devices import channels_last, computes_in_bfloat16
from ynet3d.inference.runtimes import Forward, TorchForward
from ynet3d.inference.runtimes.onnx_runtime import OnnxForward, save_onnx
from ynet3d.inference.runtimes.openvino_runtime import (
    OpenVinoForward,
    quantised,
    save_openvino,
    to_openvino,
)
from ynet3d.networks import create_network
from ynet3d.networks.blocks import plain_layers
from ynet3d.recipes import load_recipe
from ynet3d.weights import initial_network, save_weights

Size = tuple[int, int, int]

WAYS = (
    ("torch", "bf16"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
    ("onnx", "fp32"),
)
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class ForwardTimes:
    """Seconds of one pass of the same network on the same input, the best of several.

    Attributes:
        plain_seconds: PyTorch as a tutorial has it.
        seconds: by (runtime, precision); without those that this CPU does not have.
        work: of the pass.
    """

    width: int
    normalisation: str
    size: Size
    plain_seconds: float
    seconds: dict[tuple[str, str], float]
    work: Work

    def ratio(self, way: tuple[str, str]) -> float:
        """How many times faster than plain PyTorch."""
        return self.plain_seconds / self.seconds[way]

    def rate(self, way: tuple[str, str]) -> float:
        """Operations a second."""
        return self.work.flop / self.seconds[way]


def measure_forward(
    *, width: int, normalisation: str, size: Size, repeats: int = 3
) -> ForwardTimes:
    """Time all, each in a process of its own."""
    options: dict[str, Any] = {"width": width, "normalisation": normalisation}
    plain = apart(_plain_seconds, options, size=size, repeats=repeats)
    ways = [way for way in WAYS if way[1] != "bf16" or computes_in_bfloat16(_CPU)]
    seconds = {way: apart(_seconds, options, *way, size=size, repeats=repeats) for way in ways}
    with torch.device("meta"):
        work = network_work(create_network(NETWORK, **options), size)
    return ForwardTimes(width, normalisation, size, plain, seconds, work)


def _plain_seconds(options: dict[str, Any], *, size: Size, repeats: int) -> float:
    network = plain_layers(benchmark_network(options).eval())
    image, _ = noise_batch(size, 1)
    with torch.inference_mode():
        return best_seconds(lambda: network(image), device=_CPU, repeats=repeats)


def _seconds(
    options: dict[str, Any], runtime: str, precision: str, *, size: Size, repeats: int
) -> float:
    image, _ = noise_batch(size, 1)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        forward = _forward(
            benchmark_network(options).eval(), runtime, precision, image, Path(folder)
        )
        return best_seconds(lambda: forward(image), device=_CPU, repeats=repeats)


def _forward(
    network: nn.Module, runtime: str, precision: str, image: torch.Tensor, folder: Path
) -> Forward:
    shape = (1, 1, image.shape[2], image.shape[3], image.shape[4])
    if runtime == "torch":
        return TorchForward(channels_last(network, _CPU), _CPU, mixed=precision == "bf16")
    if runtime == "onnx":
        save_onnx(network, folder / "network.onnx", shape)
        return OnnxForward(folder / "network.onnx", shape)
    model = to_openvino(network, shape)
    if precision == "int8":
        model = quantised(model, [image])
    save_openvino(model, folder / "network.xml")
    return OpenVinoForward(folder / "network.xml", shape, precision=precision, cache=None)


def measure_second_start(*, width: int, repeats: int = 3) -> float:
    """Seconds from starting a process to its first logits, with the network converted before.

    The process does what `ynet3d predict` does before and up to its first windows, under recipe
    `experiment-patches`.
    """
    recipe = load_recipe("experiment-patches", changes=[f"network.options.width={width}"])
    with tempfile.TemporaryDirectory() as name:
        weights = Path(name) / "network.safetensors"
        tensors = initial_network(recipe, seed=0).state_dict()
        save_weights(weights, tensors, recipe, training_data={}, metrics={})
        command = [sys.executable, "-m", "ynet3d.benchmarks.first_pass", str(weights), name]
        return min([run_measured(command).seconds for _ in range(1 + repeats)][1:])
