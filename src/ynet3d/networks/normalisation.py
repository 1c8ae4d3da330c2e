"""Normalisation layers by name; instance normalisation as fast as a CPU allows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

NORMALISATIONS = ("none", "instance", "batch")


class InstanceNorm(nn.InstanceNorm3d):
    """`nn.InstanceNorm3d`, without its copies where maps lie channels-last in reduced precision.

    PyTorch's own copies such maps to channels-first and back, forward and backward: a third of a
    bfloat16 training step of `3dynet` on a CPU (torch 2.13). Batch normalisation of one sample is
    the same function and leaves them as they lie; its sums over channels-last maps err by up to
    2e-4 of the largest value, below bfloat16's 4e-3 but not below float32's 1e-7.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Normalise each channel of each sample of `features` (N, C, D, H, W)."""
        if features.device.type != "cpu":
            return super().forward(features)
        if _channels_last(features) and features.dtype in (torch.bfloat16, torch.float16):
            samples = [
                F.batch_norm(
                    sample, None, None, self.weight, self.bias, training=True, eps=self.eps
                )
                for sample in features.split(1)
            ]
            return samples[0] if len(samples) == 1 else torch.cat(samples)
        normalised = super().forward(features)
        if len(features) == 1 and normalised.requires_grad:
            # PyTorch takes a channels-last gradient for a channels-first one here (torch 2.13).
            normalised.register_hook(torch.Tensor.contiguous)
        return normalised


def _channels_last(features: torch.Tensor) -> bool:
    """Whether `features` are to be kept channels-last; never while a graph is recorded."""
    return (
        not (torch.jit.is_tracing() or torch.compiler.is_compiling())
        and not features.is_contiguous()
        and features.is_contiguous(memory_format=torch.channels_last_3d)
    )


def normalisation_layer(kind: str, channels: int) -> nn.Module:
    """The layer for `kind`, one of "none", "instance" (affine) and "batch"."""
    if kind == "none":
        return nn.Identity()
    if kind == "instance":
        return InstanceNorm(channels, affine=True)
    if kind == "batch":
        return nn.BatchNorm3d(channels)
    raise ValueError(f"normalisation is {kind!r}, expected one of {', '.join(NORMALISATIONS)}")
