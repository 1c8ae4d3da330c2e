"""A training step on a CPU: ours against plain PyTorch (eager, float32, channels first)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ynet3d.benchmarks.apart import apart
from ynet3d.benchmarks.timing import best_seconds
from ynet3d.benchmarks.work import (
    NETWORK,
    TRAINING_PASSES,
    Work,
    benchmark_network,
    network_work,
    noise_batch,
)
from ynet3d.devices import channels_last, keep_freed_memory
from ynet3d.networks import create_network
from ynet3d.networks.blocks import plain_layers
from ynet3d.recipes import Training
from ynet3d.training import make_loss
from ynet3d.training.step import gradient_step

Size = tuple[int, int, int]
Step = Callable[[torch.Tensor, torch.Tensor], float]

_CPU = torch.device("cpu")
_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class StepTimes:
    """Seconds of one step of the same network on the same batch, the best of several.

    Attributes:
        size: (D, H, W) of the input.
        work: of one forward pass of the batch.
    """

    width: int
    normalisation: str
    size: Size
    batch: int
    plain_seconds: float
    our_seconds: float
    work: Work

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.plain_seconds / self.our_seconds

    @property
    def flop(self) -> int:
        """Of the step."""
        return TRAINING_PASSES * self.work.flop


@dataclass(frozen=True)
class LossCurves:
    """Losses of the same samples, step by step, from the same initial weights.

    Attributes:
        reordered: plain float32 with maps channels-last: the same sums in another order. What it
            differs by is what float32 leaves open.
    """

    normalisation: str
    plain: tuple[float, ...]
    ours: tuple[float, ...]
    reordered: tuple[float, ...]

    def difference(self, other: tuple[float, ...]) -> float:
        """Mean of |other - plain| over the mean of plain, over the last quarter of the steps."""
        last = max(1, len(self.plain) // 4)
        pairs = list(zip(self.plain, other, strict=True))[-last:]
        return sum(abs(b - a) for a, b in pairs) / sum(a for a, _ in pairs)


def measure_training_step(
    *, width: int, normalisation: str, size: Size, batch: int = 1, repeats: int = 3
) -> StepTimes:
    """Time both, each in a process of its own."""
    options: dict[str, Any] = {"width": width, "normalisation": normalisation}
    plain, ours = (
        apart(_step_seconds, options, size=size, batch=batch, plain=plain, repeats=repeats)
        for plain in (True, False)
    )
    with torch.device("meta"):
        work = network_work(create_network(NETWORK, **options), size, batch=batch)
    return StepTimes(width, normalisation, size, batch, plain, ours, work)


def measure_loss_curves(
    *, width: int, normalisation: str, size: Size, steps: int, samples: int = 4, batch: int = 2
) -> LossCurves:
    """Train on `samples` drawn scenes in turns, plainly and as ours."""
    options = {"width": width, "normalisation": normalisation}
    scenes = _scenes(size, samples)

    def losses(step: Step) -> tuple[float, ...]:
        found = []
        for number in range(steps):
            chosen = [(number * batch + place) % samples for place in range(batch)]
            image, label = (torch.stack([scenes[one][part] for one in chosen]) for part in (0, 1))
            found.append(step(image, label))
        return tuple(found)

    plain, ours = losses(_plain_step(options)), losses(_our_step(options))
    reordered = losses(_plain_step(options, channels_first=False))
    return LossCurves(normalisation, plain, ours, reordered)


def _step_seconds(
    options: dict[str, Any], *, size: Size, batch: int, plain: bool, repeats: int
) -> float:
    image, label = noise_batch(size, batch)
    if not plain:
        keep_freed_memory()
    step = _plain_step(options) if plain else _our_step(options)
    return best_seconds(lambda: step(image, label), device=_CPU, repeats=repeats)


def _plain_step(options: dict[str, Any], *, channels_first: bool = True) -> Step:
    """The step as a tutorial of PyTorch has it."""
    network = plain_layers(benchmark_network(options).train())
    if not channels_first:
        network = channels_last(network, _CPU)
    optimiser = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    loss = make_loss(Training())

    def step(image: torch.Tensor, label: torch.Tensor) -> float:
        value = loss(network(image if channels_first else channels_last(image, _CPU)), label)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        return float(value.detach())

    return step


def _our_step(options: dict[str, Any]) -> Step:
    """The step of `ynet3d train`."""
    network = channels_last(benchmark_network(options).train(), _CPU)
    optimiser = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    loss = make_loss(Training())

    def step(image: torch.Tensor, label: torch.Tensor) -> float:
        value, _ = gradient_step(
            network, loss, image, label, device=_CPU, mixed=True, gradient_clip=None
        )
        optimiser.step()
        return value

    return step


def _scenes(size: Size, samples: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Noisy ellipsoids (liver) that hold a darker one (tumour): image and label (1, D, H, W)."""
    generator = torch.Generator().manual_seed(0)
    axes = [torch.linspace(-1, 1, length) for length in size]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    scenes = []
    for _ in range(samples):
        centre, radii = (torch.rand(3, generator=generator) for _ in range(2))
        label = torch.zeros(1, *size, dtype=torch.uint8)
        for value, scale in ((1, 0.7), (2, 0.25)):
            middle = (centre - 0.5).reshape(3, 1, 1, 1) * 0.6
            reach = scale * (0.6 + 0.4 * radii).reshape(3, 1, 1, 1)
            label[0][(((grid - middle) / reach) ** 2).sum(0) < 1] = value
        level = torch.tensor([0.4, 0.7, 0.55])[label.long()]
        scenes.append((level + 0.1 * torch.randn(label.shape, generator=generator), label))
    return scenes
