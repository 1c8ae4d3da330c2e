"""V-Net: Milletari et al., "V-Net: fully convolutional neural networks for volumetric medical
image segmentation", 3DV 2016. (MONAI's network of that name differs: ELU, batch norm, dropout.)
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from ynet3d.networks.blocks import Convolution, on_padded
from ynet3d.networks.normalisation import normalisation_layer
from ynet3d.networks.parts import Part
from ynet3d.networks.registry import register_network

#: 5x5x5 convolutions of the stages on the way down; the way up mirrors them.
STAGE_CONVOLUTIONS = (1, 2, 3, 3, 3)


def _activated(channels: int, normalisation: str) -> list[nn.Module]:
    return [normalisation_layer(normalisation, channels), nn.PReLU(channels)]


class _ResidualStage(nn.Module):
    """5x5x5 convolutions, each with PReLU; the stage's input is added before the last PReLU."""

    def __init__(
        self, in_channels: int, channels: int, *, convolutions: int, normalisation: str
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(convolutions):
            inputs = in_channels if index == 0 else channels
            layers.append(Convolution(inputs, channels, 5, padding=2))
            layers.extend(_activated(channels, normalisation))
        self.last_activation = layers.pop()
        self.convolutions = nn.Sequential(*layers)

    def forward(self, joined: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        return self.last_activation(self.convolutions(joined) + residual)


@register_network("vnet", source="Milletari et al. 2016, V-Net")
class VNet(nn.Module):
    """V-Net: residual stages, strided convolutions down and up, PReLU.

    Args:
        in_channels, num_classes: channels of input and output. (The publication has two classes.)
        width: channels of the first stage (16 as published; 256 at the bottom).
        normalisation: "none" as published, "instance" or "batch".

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 3,
        width: int = 16,
        normalisation: str = "none",
    ) -> None:
        super().__init__()
        if width < 1 or width % in_channels:
            raise ValueError(
                f"width is {width}, expected a multiple of in_channels ({in_channels}): "
                "the first residual sum repeats the input"
            )
        self.width = width
        self.multiple = 2 ** (len(STAGE_CONVOLUTIONS) - 1)
        widths = [width * 2**level for level in range(len(STAGE_CONVOLUTIONS))]
        self.encoder = nn.ModuleList(
            _ResidualStage(
                in_channels if level == 0 else widths[level],
                widths[level],
                convolutions=convolutions,
                normalisation=normalisation,
            )
            for level, convolutions in enumerate(STAGE_CONVOLUTIONS)
        )
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv3d(fine, coarse, 2, stride=2), *_activated(coarse, normalisation))
            for fine, coarse in pairwise(widths)
        )
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        channels = widths[-1]
        for level in reversed(range(len(STAGE_CONVOLUTIONS) - 1)):
            skip = widths[level]
            self.up.append(
                nn.Sequential(
                    nn.ConvTranspose3d(channels, skip, 2, stride=2),
                    *_activated(skip, normalisation),
                )
            )
            # Upsampled map and skip together are the stage's input and its residual.
            channels = 2 * skip
            self.decoder.append(
                _ResidualStage(
                    channels,
                    channels,
                    convolutions=STAGE_CONVOLUTIONS[level],
                    normalisation=normalisation,
                )
            )
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
        repeated = image.repeat(1, self.width // image.shape[1], 1, 1, 1)
        features = self.encoder[0](image, repeated)
        skips = [features]
        for down, stage in zip(self.down, list(self.encoder)[1:], strict=True):
            coarse = down(features)
            features = stage(coarse, coarse)
            skips.append(features)
        skips.pop()
        for up, stage in zip(self.up, self.decoder, strict=True):
            joined = torch.cat([up(features), skips.pop()], dim=1)
            features = stage(joined, joined)
        return self.head(features)
