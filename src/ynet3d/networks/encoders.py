"""Encoders that 3DYNet can be built of: five stages each, as wide as VGG's, halved in between.

The paper asks for "different network backbones" with fewer parameters (section 4). All kinds give
maps of the same widths, w, 2w, 4w, 8w, 8w, so that any two share a decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from ynet3d.networks.blocks import ConvNeXtBlock, Convolution, ConvolutionUnit, ResidualBlock

#: Widths of the five stages as multiples of the first one's: VGG's 64, 128, 256, 512, 512.
STAGE_WIDTHS = (1, 2, 4, 8, 8)
#: Convolutions in each stage; residual blocks hold two each.
VGG19_CONVOLUTIONS = (2, 2, 4, 4, 4)
VGG11_CONVOLUTIONS = (1, 1, 2, 2, 2)
CONVNEXT_BLOCKS = 2


def _vgg_stage(
    in_channels: int, out_channels: int, *, convolutions: int, normalisation: str
) -> nn.Sequential:
    channels = [in_channels, *[out_channels] * (convolutions - 1)]
    return nn.Sequential(
        *[
            ConvolutionUnit(
                inputs,
                out_channels,
                normalisation=normalisation,
                activation=nn.ReLU(inplace=True),
            )
            for inputs in channels
        ]
    )


def _vgg19(in_channels: int, out_channels: int, *, stage: int, normalisation: str) -> nn.Sequential:
    return _vgg_stage(
        in_channels,
        out_channels,
        convolutions=VGG19_CONVOLUTIONS[stage],
        normalisation=normalisation,
    )


def _vgg11(in_channels: int, out_channels: int, *, stage: int, normalisation: str) -> nn.Sequential:
    return _vgg_stage(
        in_channels,
        out_channels,
        convolutions=VGG11_CONVOLUTIONS[stage],
        normalisation=normalisation,
    )


def _residual(
    in_channels: int, out_channels: int, *, stage: int, normalisation: str
) -> nn.Sequential:
    channels = [in_channels, *[out_channels] * (VGG19_CONVOLUTIONS[stage] // 2 - 1)]
    return nn.Sequential(
        *[ResidualBlock(inputs, out_channels, normalisation=normalisation) for inputs in channels]
    )


def _convnext(
    in_channels: int, out_channels: int, *, stage: int, normalisation: str
) -> nn.Sequential:
    # The image's few channels are spread by a kernel that sees neighbours, maps by a mixing one.
    kernel = 3 if stage == 0 else 1
    return nn.Sequential(
        Convolution(in_channels, out_channels, kernel, padding=kernel // 2),
        *[ConvNeXtBlock(out_channels, normalisation=normalisation) for _ in range(CONVNEXT_BLOCKS)],
    )


#: What `encoder` may be: "vgg19" (the paper), "vgg11" (Simonyan and Zisserman's configuration A),
#: "residual" (VGG19's convolutions in pairs with shortcuts, He et al. 2016) and "convnext"
#: (depthwise and pointwise convolutions, Liu et al. 2022; in 3D as Roy et al. 2023, MedNeXt).
ENCODERS: dict[str, Callable[..., nn.Sequential]] = {
    "vgg19": _vgg19,
    "vgg11": _vgg11,
    "residual": _residual,
    "convnext": _convnext,
}


def encoder_kinds(encoder: str, *, encoders: int) -> list[str]:
    """The kind of each encoder: "vgg19" for all, or one for each, as in "vgg19+residual"."""
    kinds = encoder.split("+") if isinstance(encoder, str) else []
    if len(kinds) == 1:
        kinds *= encoders
    if len(kinds) != encoders or any(kind not in ENCODERS for kind in kinds):
        raise ValueError(
            f"encoder is {encoder!r}, expected one of {', '.join(ENCODERS)}, or one for each of "
            f"{encoders} encoder(s), joined by +"
        )
    return kinds


def build_encoder(
    kind: str, in_channels: Sequence[int], widths: Sequence[int], *, normalisation: str
) -> nn.ModuleList:
    """The stages of one encoder; stage i turns in_channels[i] into widths[i] channels."""
    return nn.ModuleList(
        ENCODERS[kind](inputs, outputs, stage=stage, normalisation=normalisation)
        for stage, (inputs, outputs) in enumerate(zip(in_channels, widths, strict=True))
    )
