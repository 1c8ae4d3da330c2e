"""One step of training: what the loop does for each batch, and what benchmarks measure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ynet3d.devices import channels_last, precision
from ynet3d.networks import kept_map_bytes
from ynet3d.recipes import Recipe, Training
from ynet3d.training.deep_supervision import DeepSupervision
from ynet3d.training.distributed import Group
from ynet3d.training.objective import SharedObjective
from ynet3d.training.shared_loss import SharedLoss
from ynet3d.weights import build_network


def gradient_step(
    network: nn.Module,
    loss: nn.Module,
    image: torch.Tensor,
    label: torch.Tensor,
    *,
    device: torch.device,
    mixed: bool,
    gradient_clip: float | None,
    supervision: DeepSupervision | None = None,
) -> tuple[float, float]:
    """Leave the gradients of one batch in `network`; its loss, and the gradients' norm as it was.

    Args:
        network: on `device`, from `channels_last`.
        image: (N, 1, D, H, W) float32.
        label: (N, 1, D, H, W) uint8.
        mixed: in bfloat16, where the device computes in it.
        gradient_clip: scale the gradients down to this norm, if they are longer.
        supervision: of `network`; its heads get gradients as well, which count in the norm.
    """
    label = label.to(device)
    with precision(device, mixed=mixed):
        logits = network(channels_last(image, device))
        coarse = supervision.coarse_logits() if supervision is not None else []
    if supervision is None:
        value = loss(logits.float(), label)
    else:
        value = supervision.loss(loss, logits, coarse, label)
    learning = [part for part in (network, supervision) if part is not None]
    for part in learning:
        part.zero_grad(set_to_none=True)
    value.backward()
    norm = _clip(gradient_clip, *learning)
    return float(value.detach()), norm


class SharedStep:
    """As `gradient_step`, for a batch that several processes share or that is cut into passes.

    Every process has the same value, norm and gradients afterwards.
    """

    def __init__(
        self,
        network: nn.Module,
        training: Training,
        supervision: DeepSupervision | None,
        *,
        group: Group,
    ) -> None:
        """`network`: on the group's device, from `channels_last`, ready to train."""
        self._training, self._group = training, group
        self._objective = SharedObjective(
            network,
            SharedLoss(training).to(group.device),
            supervision,
            group=group,
            mixed=training.mixed_precision,
        )
        self._shared: nn.Module = self._objective
        if group.size > 1:
            ids = None if group.device.type == "cpu" else [group.device]
            self._shared = DistributedDataParallel(
                self._objective, device_ids=ids, forward_sync_buffers=False
            )
            # Kernels of 1 x 1 x 1 voxel have two layouts that are the same: nothing to be told of.
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view")

    def __call__(self, image: torch.Tensor, label: torch.Tensor) -> tuple[float, float]:
        """Leave the gradients of the batch of which this is the process's part; loss and norm."""
        most = samples_at_once(self._training, self._group)
        passes = list(zip(image.split(most), label.split(most), strict=True))
        total = None
        if most < samples_of_process(self._training, self._group):
            # Each pass needs to know what the others come to: all go forward twice. Heads of deep
            # supervision listen only where there will be gradients.
            with torch.set_grad_enabled(self._objective.supervision is not None):
                own = [self._objective.sums(*part).detach() for part in passes]
            total = self._group.total(torch.stack(own).sum(0))
        self._objective.zero_grad(set_to_none=True)
        for index, part in enumerate(passes):
            with self._together(last=index == len(passes) - 1):
                value = self._shared(*part, total)
                # PyTorch divides by the number of processes; the parts' gradients add up.
                (value * self._group.size).backward()
        return float(value.detach()), _clip(self._training.gradient_clip, self._objective)

    def _together(self, *, last: bool) -> AbstractContextManager[None]:
        """Gradients travel between processes after the last pass alone."""
        if last or not isinstance(self._shared, DistributedDataParallel):
            return nullcontext()
        return self._shared.no_sync()


def make_step(
    network: nn.Module,
    loss: nn.Module,
    training: Training,
    supervision: DeepSupervision | None,
    group: Group,
) -> Callable[[torch.Tensor, torch.Tensor], tuple[float, float]]:
    """What leaves the gradients of a batch, or of this process's part of it, in `network`."""
    if is_shared(training, group):
        return SharedStep(network, training, supervision, group=group)
    return partial(
        gradient_step,
        network,
        loss,
        device=group.device,
        mixed=training.mixed_precision,
        gradient_clip=training.gradient_clip,
        supervision=supervision,
    )


def _clip(longest: float | None, *learning: nn.Module) -> float:
    """Norm of the gradients before they are scaled down to `longest`."""
    parameters = [weight for part in learning for weight in part.parameters()]
    norm = nn.utils.clip_grad_norm_(parameters, math.inf if longest is None else longest)
    return float(norm)


def samples_of_process(training: Training, group: Group) -> int:
    """The most samples of a batch that one process of the group sees."""
    return -(-training.batch_size // group.size)


def samples_at_once(training: Training, group: Group) -> int:
    """How many samples go through the network in one pass."""
    share = samples_of_process(training, group)
    return min(training.micro_batch_size or share, share)


def is_shared(training: Training, group: Group) -> bool:
    """Whether a batch is seen in parts, by several processes or in several passes."""
    return samples_at_once(training, group) < training.batch_size


def wants_checkpoints(
    recipe: Recipe, size: tuple[int, int, int], device: torch.device, *, samples: int | None = None
) -> bool:
    """What `training.checkpoint_activations` comes to; "auto": if maps would fill half the GPU.

    `size` (D, H, W) is that of the samples, `samples` how many go through the network at once, by
    default the batch.
    """
    setting = recipe.training.checkpoint_activations
    if setting != "auto":
        return setting
    if device.type != "cuda":
        return False
    with torch.device("meta"):
        network = build_network(recipe)
    bytes_per_value = 2 if recipe.training.mixed_precision else 4
    samples = samples or recipe.training.batch_size
    kept = kept_map_bytes(network, size, batch=samples, bytes_per_value=bytes_per_value)
    return kept > torch.cuda.mem_get_info(device)[1] / 2
