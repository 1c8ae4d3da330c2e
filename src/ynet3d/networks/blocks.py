"""Pieces that several networks share: convolution units, padding to a multiple."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from ynet3d.networks.normalisation import InstanceNorm, normalisation_layer

NEGATIVE_SLOPE = 0.01


class Convolution(nn.Conv3d):
    """`nn.Conv3d` that leaves mixed precision aside on a CPU where a map is below the kernel.

    There, oneDNN's bfloat16 weight gradients are wrong, up to memory that nobody wrote or owns
    (v3.12 in torch 2.13, a CPU with avx512_bf16; output depth 2 under a 3x3x3 kernel, 2 to 4 under
    5x5x5). The deepest stages of small patches have such maps; they cost next to nothing in
    float32. Transposed convolutions were measured to be right; depthwise ones are as well, but
    their gradients take twice as long in bfloat16.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve `features` (N, C, D, H, W)."""
        if (
            features.device.type == "cpu"
            and torch.is_autocast_enabled("cpu")
            and (self.groups > 1 or self._gives_less_than_a_kernel(features))
        ):
            with torch.autocast("cpu", enabled=False):
                return super().forward(features.float())
        return super().forward(features)

    def _gives_less_than_a_kernel(self, features: torch.Tensor) -> bool:
        """Whether the output, with same padding, is smaller than the kernel along an axis."""
        return any(
            size < stride * kernel
            for size, stride, kernel in zip(
                features.shape[2:], self.stride, self.kernel_size, strict=True
            )
            if kernel > 1
        )


def guard_layers(network: nn.Module) -> nn.Module:
    """Make plain convolutions and instance normalisations in `network` ours, in place."""
    ours = {nn.Conv3d: Convolution, nn.InstanceNorm3d: InstanceNorm}
    for module in network.modules():
        if type(module) in ours:
            module.__class__ = ours[type(module)]  # another forward; state and weights stay
    return network


def plain_layers(network: nn.Module) -> nn.Module:
    """The opposite of `guard_layers`: PyTorch's own layers, to compare with."""
    for module in network.modules():
        for plain in (nn.InstanceNorm3d, nn.Conv3d):
            if isinstance(module, plain):
                module.__class__ = plain
    return network


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


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions; the input, or its 1x1x1 projection, is added before the last ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, normalisation: str) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvolutionUnit(
                in_channels,
                out_channels,
                normalisation=normalisation,
                activation=nn.ReLU(inplace=True),
            ),
            ConvolutionUnit(
                out_channels, out_channels, normalisation=normalisation, activation=nn.Identity()
            ),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                Convolution(in_channels, out_channels, 1, bias=normalisation == "none"),
                normalisation_layer(normalisation, out_channels),
            )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, D, H, W) to (N, out_channels, D, H, W)."""
        return self.activation(self.convolutions(features) + self.shortcut(features))


class ConvNeXtBlock(nn.Sequential):
    """3x3x3 depthwise convolution, normalisation, twice as wide by 1x1x1, GELU, back; added.

    Few parameters and FLOPs for its reach, but not fast on a CPU: there, gradients of depthwise
    convolutions take longer than those of full ones (docs/networks.md).
    """

    def __init__(self, channels: int, *, normalisation: str, expansion: int = 2) -> None:
        super().__init__(
            Convolution(
                channels, channels, 3, padding=1, groups=channels, bias=normalisation == "none"
            ),
            normalisation_layer(normalisation, channels),
            Convolution(channels, expansion * channels, 1),
            nn.GELU(),
            Convolution(expansion * channels, channels, 1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, channels, D, H, W) to the same shape."""
        return features + super().forward(features)


def size_multiple(network: nn.Module) -> tuple[int, int, int]:
    """What D, H and W of an input have to be multiples of for `network` not to pad it."""
    multiple = getattr(network, "multiple", 1)
    return (multiple,) * 3 if isinstance(multiple, int) else multiple


def on_padded(
    network: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    *,
    multiple: int | tuple[int, int, int],
) -> torch.Tensor:
    """Run `network` on `image` (N, C, D, H, W) padded to a `multiple` in D, H and W; crop back.

    The border voxels are repeated: for a CT that invents no edge, unlike zeros. The deepest map
    gets two voxels at least, since normalisation has nothing to go by in one.
    """
    multiples = (multiple,) * 3 if isinstance(multiple, int) else multiple
    depth, height, width = image.shape[2:]
    after = [-size % unit for size, unit in zip(image.shape[2:], multiples, strict=True)]
    if (depth + after[0], height + after[1], width + after[2]) == multiples:
        after[2] += multiples[2]
    if not any(after):
        return network(image)
    padded = F.pad(image, (0, after[2], 0, after[1], 0, after[0]), mode="replicate")
    return network(padded)[:, :, :depth, :height, :width]
