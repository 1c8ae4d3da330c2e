"""Steps whose loss or gradient is no number: left out, counted, and explained if they go on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ynet3d.errors import YnetError

#: Steps in a row after which a run stops. One or two happen in bfloat16; more do not end.
MOST_IN_A_ROW = 5


@dataclass(frozen=True)
class Step:
    """A step that gave no number: where it was, what it was given, and what came of it."""

    epoch: int  # from 1
    number: int  # within the epoch, from 1
    cases: Sequence[str]
    image: torch.Tensor
    loss: float
    norm: float  # of the gradient

    @property
    def where(self) -> str:
        """In words."""
        return f"step {self.number} of epoch {self.epoch} ({', '.join(dict.fromkeys(self.cases))})"


def buffers_of(network: nn.Module) -> list[torch.Tensor]:
    """Copies of what a forward pass changes: the running statistics of batch normalisation."""
    return [buffer.clone() for buffer in network.buffers()]


def restore_buffers(network: nn.Module, kept: Sequence[torch.Tensor]) -> None:
    """Put copies back: one pass through infinity would stay in running statistics for ever."""
    for buffer, before in zip(network.buffers(), kept, strict=True):
        buffer.copy_(before)


def notice(step: Step) -> str:
    """What is said of a step that is left out."""
    return (
        f"Left out {step.where}: its loss is {step.loss:.3g} and the norm of its gradient "
        f"{step.norm:.3g}."
    )


def given_up(step: Step, network: nn.Module, *, mixed: bool) -> YnetError:
    """The error with which a run stops after `MOST_IN_A_ROW` of them."""
    return YnetError(
        f"The last {MOST_IN_A_ROW} steps gave no finite loss or gradient, up to {step.where} with "
        f"loss {step.loss:.3g} and gradient {step.norm:.3g}: {_diagnosis(step, network, mixed)}. "
        "The weights are those before these steps; the last checkpoint is kept."
    )


def _diagnosis(step: Step, network: nn.Module, mixed: bool) -> str:
    if not step.image.isfinite().all():
        return "the images themselves hold voxels that are no numbers; look at these cases"
    if not all(weight.isfinite().all() for weight in network.parameters()):
        return "weights of the network are no numbers; start from others"
    advice = "lower training.learning_rate, or set training.gradient_clip=1"
    if math.isfinite(step.loss):
        advice = f"the loss is finite and its gradient too large; {advice}"
    if mixed:
        advice += ", or training.mixed_precision=false"
    return advice
