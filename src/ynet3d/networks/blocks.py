"""Pieces that several networks share: convolution units, normalisation, padding to a multiple."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

NORMALISATIONS = ("none", "instance", "batch")
NEGATIVE_SLOPE = 0.01


def normalisation_layer(kind: str, channels: int) -> nn.Module:
    """The layer for `kind`, one of "none", "instance" (affine) and "batch"."""
    if kind == "none":
        return nn.Identity()
    if kind == "instance":
        return nn.InstanceNorm3d(channels, affine=True)
    if kind == "batch":
        return nn.BatchNorm3d(channels)
    raise ValueError(f"normalisation is {kind!r}, expected one of {', '.join(NORMALISATIONS)}")


class Convolution(nn.Conv3d):
    """`nn.Conv3d` that leaves mixed precision aside on a CPU where the map is below the kernel.

    There, oneDNN's bfloat16 weight gradients are wrong, up to reading memory that nobody wrote
    (v3.12 in torch 2.13, a CPU with avx512_bf16; depth 2 under a 3x3x3 kernel, 2 to 4 under 5x5x5).
    The deepest stages of small patches are such maps; they cost next to nothing in float32.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve `features` (N, C, D, H, W)."""
        if (
            features.device.type == "cpu"
            and torch.is_autocast_enabled("cpu")
            and any(size < k for size, k in zip(features.shape[2:], self.kernel_size, strict=True))
        ):
            with torch.autocast("cpu", enabled=False):
                return super().forward(features.float())
        return super().forward(features)


class ConvolutionUnit(nn.Sequential):
    """3x3x3 convolution (padding 1), optional normalisation, activation."""

    def __init__(
        self, in_channels: int, out_channels: int, *, normalisation: str, activation: nn.Module
    ) -> None:
        # A normalisation with an affine part makes the convolution's own bias redundant.
        convolution = Convolution(
            in_channels, out_channels, 3, padding=1, bias=normalisation == "none"
        )
        super().__init__(convolution, normalisation_layer(normalisation, out_channels), activation)


def on_padded(
    network: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, *, multiple: int
) -> torch.Tensor:
    """Run `network` on `image` (N, C, D, H, W) padded to a `multiple` in D, H and W; crop back.

    The border voxels are repeated: for a CT that invents no edge, unlike zeros. The deepest map
    gets two voxels at least, since normalisation has nothing to go by in one.
    """
    depth, height, width = image.shape[2:]
    after = [-size % multiple for size in (depth, height, width)]
    if depth + after[0] == height + after[1] == width + after[2] == multiple:
        after[2] += multiple
    if not any(after):
        return network(image)
    padded = F.pad(image, (0, after[2], 0, after[1], 0, after[0]), mode="replicate")
    return network(padded)[:, :, :depth, :height, :width]
