"""A GPU at the paper's own size: training step, prediction, memory, and whether data keep up."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ynet3d.benchmarks.timing import best_seconds
from ynet3d.benchmarks.work import TRAINING_PASSES, Work, network_work, noise_batch
from ynet3d.devices import precision
from ynet3d.networks import checkpoint_activations
from ynet3d.preprocessing import load_prepared, store_prepared
from ynet3d.preprocessing.augmentation import Augmenter
from ynet3d.recipes import Recipe
from ynet3d.training import make_loss
from ynet3d.training.sampling import Sampler
from ynet3d.training.step import gradient_step
from ynet3d.weights import build_network, initial_network

Size = tuple[int, int, int]
_LOADED = 5  # batches


@dataclass(frozen=True)
class GpuTimes:
    """Of one network and one batch on one device.

    Attributes:
        step_seconds: of a mixed-precision training step, maps kept (None: out of memory).
        checkpointed_seconds: the same with activations checkpointed.
        channels_last_seconds: the first with maps channels-last (None: out of memory).
        plain_seconds: of plain float32 (None: out of memory).
        prediction_seconds: of a forward pass in mixed precision.
        peak_bytes, checkpointed_peak_bytes: by tensors, at the most; 0 on a CPU.
        loader_seconds: to draw and augment one batch on the CPU.
        work: of one forward pass of the batch.
    """

    step_seconds: float | None
    checkpointed_seconds: float | None
    channels_last_seconds: float | None
    plain_seconds: float | None
    prediction_seconds: float
    peak_bytes: int | None
    checkpointed_peak_bytes: int | None
    loader_seconds: float
    work: Work

    @property
    def fastest_step_seconds(self) -> float | None:
        """The best of the layouts, maps kept; checkpointed, where they do not fit."""
        kept = [one for one in (self.step_seconds, self.channels_last_seconds) if one is not None]
        return min(kept) if kept else self.checkpointed_seconds

    @property
    def flop(self) -> int:
        """Of a training step; what checkpointing computes again does not count."""
        return TRAINING_PASSES * self.work.flop


def measure_gpu(recipe: Recipe, *, size: Size, device: torch.device, repeats: int = 5) -> GpuTimes:
    """Measure `recipe`'s network on batches of `recipe` with samples of `size` (D, H, W)."""
    batch = recipe.training.batch_size
    with torch.device("meta"):
        work = network_work(build_network(recipe), size, batch=batch)
    step, peak = _step(recipe, size, device, repeats)
    checkpointed, checkpointed_peak = _step(recipe, size, device, repeats, checkpointed=True)
    last, _ = _step(recipe, size, device, repeats, layout=torch.channels_last_3d)
    plain, _ = _step(recipe, size, device, repeats, mixed=False)
    return GpuTimes(
        step_seconds=step,
        checkpointed_seconds=checkpointed,
        channels_last_seconds=last,
        plain_seconds=plain,
        prediction_seconds=_prediction(recipe, size, device, repeats),
        peak_bytes=peak,
        checkpointed_peak_bytes=checkpointed_peak,
        loader_seconds=_loader(recipe, size),
        work=work,
    )


def _step(
    recipe: Recipe,
    size: Size,
    device: torch.device,
    repeats: int,
    *,
    mixed: bool = True,
    checkpointed: bool = False,
    layout: torch.memory_format = torch.contiguous_format,
) -> tuple[float | None, int | None]:
    """Seconds of a step with Adam's, and the most bytes that tensors took; None: out of memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    network = _network(recipe, device, layout).train()
    if checkpointed:
        checkpoint_activations(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.training.learning_rate)
    loss = make_loss(recipe.training).to(device)
    image, label = noise_batch(size, recipe.training.batch_size)
    image = image.to(device, memory_format=layout)

    def work() -> None:
        gradient_step(network, loss, image, label, device=device, mixed=mixed, gradient_clip=None)
        optimiser.step()

    try:
        seconds = best_seconds(work, device=device, repeats=repeats, warm_up=2)
    except torch.OutOfMemoryError:
        return None, None
    return seconds, torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


def _prediction(recipe: Recipe, size: Size, device: torch.device, repeats: int) -> float:
    network = _network(recipe, device, torch.contiguous_format).eval()
    image = noise_batch(size, recipe.training.batch_size)[0].to(device)

    def work() -> None:
        with torch.inference_mode(), precision(device, mixed=True):
            network(image)

    return best_seconds(work, device=device, repeats=repeats, warm_up=2)


def _network(recipe: Recipe, device: torch.device, layout: torch.memory_format) -> nn.Module:
    network = initial_network(recipe, seed=0)
    # The stubs of `Module.to` have no memory_format.
    return network.to(device, memory_format=layout)  # type: ignore[call-overload]


def _loader(recipe: Recipe, size: Size) -> float:
    """Seconds to make one batch, over several: augmentations are drawn, some cost more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, label = (one[0, 0].numpy() for one in noise_batch(size, 1))
        store_prepared(folder, image, label)
        cases = [load_prepared("noise", folder)] * (_LOADED * recipe.training.batch_size)
        sampler = Sampler(cases, recipe, Augmenter(recipe.augmentation, size=size))
        sampler.batch(0, 0)
        started = time.perf_counter()
        for step in range(_LOADED):
            sampler.batch(1, step)
        return (time.perf_counter() - started) / _LOADED
