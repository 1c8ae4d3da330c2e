"""The fastest way to run a network on this machine that gives the masks of PyTorch in float32."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ynet3d.devices import computes_in_bfloat16
from ynet3d.errors import InputError, MissingExtraError, YnetError
from ynet3d.inference.runtimes.cache import RuntimeCache
from ynet3d.inference.runtimes.names import check_names
from ynet3d.inference.runtimes.onnx_runtime import OnnxForward, save_onnx
from ynet3d.inference.runtimes.openvino_runtime import (
    OpenVinoForward,
    import_openvino,
    quantised,
    save_openvino,
    to_openvino,
)
from ynet3d.inference.runtimes.parity import Forward, Parity, compare_labels
from ynet3d.inference.runtimes.sample import phantom_sample, sample_words
from ynet3d.inference.runtimes.torch_runtime import TorchForward
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe

Shape = tuple[int, int, int, int, int]

#: As measured (benchmarks/README.md).
_FASTEST_FIRST = (
    ("openvino", "bf16"),
    ("torch", "bf16"),
    ("openvino", "fp32"),
    ("onnx", "fp32"),
    ("torch", "fp32"),
)
#: For those who ask: its limit is the wider one.
_WHERE_ASKED = (("openvino", "int8"),)
_PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}


@dataclass(frozen=True)
class Running:
    """A network that is ready: a function from windows (N, 1, D, H, W) to logits.

    Attributes:
        parity: with PyTorch in float32; None for that itself, and for precision "training".
    """

    forward: Forward
    runtime: str
    precision: str
    parity: Parity | None = None

    def as_json(self) -> dict[str, Any]:
        """For the statistics of a scan."""
        return {
            "name": self.runtime,
            "precision": self.precision,
            "parity": None if self.parity is None else self.parity.as_json(),
        }


@dataclass(frozen=True)
class _Subject:
    """What is to be run: `network` on `device`, and where its files may be kept."""

    network: nn.Module
    recipe: Recipe
    device: torch.device
    checksum: str | None
    cache_root: Path | None

    def in_torch(self, *, mixed: bool) -> TorchForward:
        return TorchForward(self.network, self.device, mixed=mixed)


class RuntimeChooser:
    """Opens a network in the runtime and precision asked for; "auto" takes the fastest that passes.

    Args:
        network: on `device`, from `channels_last`, in evaluation mode.
        checksum: of its weights; without one, "auto" means PyTorch as the recipe trained.
        runtime, precision: see `names`.
        cache: folder for converted networks, by default the user's cache folder.

    Raises:
        InputError: no such runtime or precision, or not on this device.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        *,
        checksum: str | None,
        device: torch.device,
        runtime: str = "auto",
        precision: str = "auto",
        cache: Path | None = None,
    ) -> None:
        check_names(runtime, precision)
        if runtime == precision == "auto" and checksum is None:
            runtime, precision = "torch", "training"
        if device.type != "cpu":
            if runtime not in ("auto", "torch"):
                raise InputError(
                    f"The runtime {runtime} is offered on the CPU only: use --device cpu, or "
                    "--runtime torch."
                )
            runtime = "torch"
        self._subject = _Subject(network, recipe, device, checksum, cache)
        self._runtime, self._precision = runtime, precision
        self._opened: dict[Shape, Running] = {}

    def open(self, shape: Shape, progress: Progress) -> Running:
        """The network for windows of `shape` (N, 1, D, H, W).

        Raises:
            InputError: none that was asked for gives the same masks.
            MissingExtraError: the package of the runtime asked for is not installed.
        """
        if shape not in self._opened:
            self._opened[shape] = self._open(shape, progress)
        return self._opened[shape]

    def _open(self, shape: Shape, progress: Progress) -> Running:
        if self._precision == "training":
            mixed = self._subject.recipe.training.mixed_precision
            return Running(self._subject.in_torch(mixed=mixed), "torch", "training")
        candidates = self._candidates()
        check: _Check | None = None
        refused = []
        for runtime, precision in candidates:
            if (runtime, precision) == ("torch", "fp32"):
                return Running(self._subject.in_torch(mixed=False), runtime, precision)
            check = check or _Check(self._subject, shape, progress)
            try:
                running = check(runtime, precision)
            except MissingExtraError:
                if self._runtime != "auto" or len(candidates) == 1:
                    raise
                continue
            assert running.parity is not None
            if running.parity.passed:
                return running
            refused.append(f"{runtime} {precision}: {running.parity.words}")
        what = "; ".join(refused) or f"{self._runtime} {self._precision}: not on this machine"
        raise InputError(
            f"These weights give other masks that way than in PyTorch's float32 ({what}), "
            "expected 99.9% of voxels alike and Dice 0.999 (int8: 0.995): use --precision auto or "
            "fp32."
        )

    def _candidates(self) -> list[tuple[str, str]]:
        """What was asked for and can be had here, fastest first."""
        recipe, device = self._subject.recipe, self._subject.device
        anything = self._runtime == self._precision == "auto"
        if anything and recipe.patches is None and recipe.preprocessing.size is None:
            # Scans of any size: each would be converted and checked for, and not once.
            return [("torch", "fp32")]
        return [
            (runtime, precision)
            for runtime, precision in (*_FASTEST_FIRST, *_WHERE_ASKED)
            if self._runtime in ("auto", runtime)
            and self._wants(runtime, precision)
            and (precision != "bf16" or computes_in_bfloat16(device))
            and (device.type == "cpu" or runtime == "torch")
        ]

    def _wants(self, runtime: str, precision: str) -> bool:
        if (runtime, precision) in _WHERE_ASKED:
            return self._precision == precision
        # Named, a runtime that is not installed says so when it is opened.
        there = self._runtime == runtime or _installed(runtime)
        return self._precision in ("auto", precision) and there


class _Check:
    """Opens candidates for one size of input and compares them with PyTorch's float32."""

    def __init__(self, subject: _Subject, shape: Shape, progress: Progress) -> None:
        self._subject, self._shape, self._progress = subject, shape, progress
        self._cache = RuntimeCache(subject.checksum, shape, subject.cache_root)
        self._sample: torch.Tensor | None = None
        self._reference: torch.Tensor | None = None

    def __call__(self, runtime: str, precision: str) -> Running:
        """The network so opened, and its parity: as found before, or by a pass of each."""
        name = f"{runtime}-{precision}"
        parity = self._cache.parity(name)
        if parity is not None and not parity.passed:
            return Running(_refused, runtime, precision, parity)  # not worth opening
        if parity is None:
            self._progress.say(
                f"Preparing the network in {runtime} {precision}, once for these weights on this "
                "machine."
            )
        forward = self._forward(runtime, precision)
        if parity is None:
            logits = forward(self._windows())
            parity = compare_labels(
                self._expected(), logits.cpu(), precision=precision, on=sample_words(self._shape)
            )
            self._cache.keep_parity(name, parity)
            if not parity.passed:
                self._progress.say(f"Not used, its masks differ too much: {parity.words}.")
        return Running(forward, runtime, precision, parity)

    def _forward(self, runtime: str, precision: str) -> Forward:
        network, shape, cache = self._subject.network, self._shape, self._cache
        if runtime == "torch":
            return self._subject.in_torch(mixed=precision == "bf16")
        if runtime == "onnx":
            path = cache.file("network.onnx", lambda path: save_onnx(network, path, shape))
            return OnnxForward(path, shape)
        path = cache.file(
            "network.xml", lambda path: save_openvino(to_openvino(network, shape), path)
        )
        if precision == "int8":
            plain = path
            path = cache.file("network-int8.xml", lambda path: self._quantise(plain, path))
        return OpenVinoForward(path, shape, precision=precision, cache=cache.folder / "compiled")

    def _quantise(self, plain: Path, path: Path) -> None:
        model = import_openvino().Core().read_model(plain)
        windows = self._windows()
        save_openvino(quantised(model, [windows, windows.flip(4)]), path)

    def _windows(self) -> torch.Tensor:
        if self._sample is None:
            self._sample = phantom_sample(self._shape, self._subject.recipe.preprocessing)
        return self._sample

    def _expected(self) -> torch.Tensor:
        if self._reference is None:
            with torch.inference_mode():
                self._reference = self._subject.in_torch(mixed=False)(self._windows()).float().cpu()
        return self._reference


def _refused(windows: torch.Tensor) -> torch.Tensor:
    raise YnetError("A network was run in a way that failed its check.")


def _installed(runtime: str) -> bool:
    package = _PACKAGES.get(runtime)
    return package is None or importlib.util.find_spec(package) is not None
