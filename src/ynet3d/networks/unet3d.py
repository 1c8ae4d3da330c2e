"""3D U-Net: Cicek et al., "3D U-Net: learning dense volumetric segmentation from sparse
annotation", MICCAI 2016, with same padding so that input and output have one size.
"""

from __future__ import annotations

import torch
from torch import nn

from ynet3d.networks.blocks import Convolution, on_padded
from ynet3d.networks.normalisation import normalisation_layer
from ynet3d.networks.parts import Part
from ynet3d.networks.registry import register_network

LEVELS = 4


def _pair(
    in_channels: int, middle_channels: int, out_channels: int, *, normalisation: str
) -> nn.Sequential:
    """Two 3x3x3 convolutions with bias, each with normalisation and ReLU (batch norm before it)."""
    return nn.Sequential(
        Convolution(in_channels, middle_channels, 3, padding=1),
        normalisation_layer(normalisation, middle_channels),
        nn.ReLU(inplace=True),
        Convolution(middle_channels, out_channels, 3, padding=1),
        normalisation_layer(normalisation, out_channels),
        nn.ReLU(inplace=True),
    )


@register_network("unet3d", source="Cicek et al. 2016, 3D U-Net (same-padded)")
class UNet3D(nn.Module):
    """3D U-Net of four levels; channels double before each pooling to avoid bottlenecks.

    Args:
        in_channels, num_classes: channels of input and output.
        width: channels of the first convolution (32 as published; levels reach 2, 4, 8, 16 times).
        normalisation: "batch" as published; "instance"; "none", which is what the baseline of the
            3DYNet paper most likely was, and why it found no tumour (docs/paper.md).

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 3,
        width: int = 32,
        normalisation: str = "batch",
    ) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width is {width}, expected at least 1")
        self.multiple = 2 ** (LEVELS - 1)
        self.encoder = nn.ModuleList()
        channels = in_channels
        for level in range(LEVELS):
            middle = width * 2**level
            self.encoder.append(_pair(channels, middle, 2 * middle, normalisation=normalisation))
            channels = 2 * middle
        self.pool = nn.MaxPool3d(2)
        self.upsample = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in reversed(range(LEVELS - 1)):
            skip = 2 * width * 2**level
            # No bias: so the count is the published 19,069,955, which leaves out the batch norm.
            self.upsample.append(nn.ConvTranspose3d(channels, channels, 2, stride=2, bias=False))
            self.decoder.append(_pair(channels + skip, skip, skip, normalisation=normalisation))
            channels = skip
        self.head = nn.Conv3d(channels, num_classes, 1)

    def parts(self) -> list[Part]:
        """The stages on the way down, then those on the way up."""
        down, up = self.encoder, self.decoder
        return [
            *[Part("encoder", stage) for stage in down],
            *[Part("decoder", stage) for stage in up],
            Part("head", self.head),
        ]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, num_classes, D, H, W) for `image` (N, in_channels, D, H, W)."""
        return on_padded(self._forward, image, multiple=self.multiple)

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        features, skips = image, []
        for level, stage in enumerate(self.encoder):
            features = stage(features)
            if level < LEVELS - 1:
                skips.append(features)
                features = self.pool(features)
        for upsample, stage in zip(self.upsample, self.decoder, strict=True):
            features = stage(torch.cat([upsample(features), skips.pop()], dim=1))
        return self.head(features)
