"""3DYNet and 3DYNet-EE: two VGG19-style 3D encoders, one decoder, long skip connections.

d'Albenzio, Kamkova et al., "3DYNet: a densely interconnected network for volumetric liver and
tumors segmentation". What the paper leaves open, and what is done here: docs/paper.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ynet3d.networks.blocks import NEGATIVE_SLOPE, ConvolutionUnit, on_padded
from ynet3d.networks.encoders import STAGE_WIDTHS, build_encoder, encoder_kinds
from ynet3d.networks.folding import fold, unfold
from ynet3d.networks.parts import Part
from ynet3d.networks.registry import register_network

DECODER_CONVOLUTIONS = 3
FUSIONS = ("concat", "sum", "none")
_PAPER = "d'Albenzio et al., 3DYNet (two VGG19-style encoders, one decoder)"


def _checked_windows(
    windows: Sequence[Sequence[float]], *, encoders: int
) -> tuple[tuple[float, float], ...]:
    """`windows` as pairs of floats, one for each encoder, or none at all."""
    try:
        pairs = tuple((float(low), float(high)) for low, high in windows)
    except (TypeError, ValueError):
        pairs = ((1.0, 0.0),)  # not pairs of numbers: refused below
    if len(pairs) not in (0, encoders) or any(not 0 <= low < high <= 1 for low, high in pairs):
        raise ValueError(
            f"windows is {windows!r}, expected one [low, high] for each of {encoders} encoder(s) "
            "with 0 <= low < high <= 1, as fractions of the recipe's window"
        )
    return pairs


def _checked_stem(stem: Sequence[int]) -> tuple[int, int, int]:
    if len(stem) != 3 or any(factor not in (1, 2, 4) for factor in stem):
        raise ValueError(f"stem is {stem!r}, expected three of 1, 2 and 4, for D, H and W")
    depth, height, width = stem
    return depth, height, width


def _sum(maps: list[torch.Tensor]) -> torch.Tensor:
    return maps[0] if len(maps) == 1 else maps[0] + maps[1]


class _DecoderBlock(nn.Module):
    """3x3x3 transposed convolution of stride 2, skip maps joined, three convolutions."""

    def __init__(
        self, in_channels: int, skip_channels: int, out_channels: int, *, normalisation: str
    ) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose3d(
            in_channels, out_channels, 3, stride=2, padding=1, output_padding=1
        )
        # The paper concatenates the upsampled map "again"; its copy would only repeat input
        # channels of the next convolution, so it is joined once: same functions, less work.
        channels = [out_channels + skip_channels, *[out_channels] * (DECODER_CONVOLUTIONS - 1)]
        self.convolutions = nn.Sequential(
            *[
                ConvolutionUnit(
                    width,
                    out_channels,
                    normalisation=normalisation,
                    activation=nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True),
                )
                for width in channels
            ]
        )

    def forward(self, coarse: torch.Tensor, skips: list[torch.Tensor]) -> torch.Tensor:
        return self.convolutions(torch.cat([self.upsample(coarse), *skips], dim=1))


@register_network("3dynet", source=_PAPER)
class YNet3D(nn.Module):
    """3DYNet: the maps of both encoders are concatenated into the decoder.

    Args:
        in_channels: channels of the input (1: CT).
        num_classes: channels of the output (3: background, liver, tumour).
        width: channels of the first stage; VGG19's own is 64, its stages w, 2w, 4w, 8w, 8w.
        fusion: what happens to the two encoders' maps after each pooling: "concat" (the paper's
            text: both encoders go on with both maps), "sum", or "none" (the authors' public code).
        normalisation: "none" (the paper's text), "instance" or "batch".
        encoders: 2 (the paper), or 1: the same decoder on one encoder, which has nothing to fuse.
        encoder: "vgg19" (the paper), "vgg11", "residual" or "convnext"; or one for each encoder,
            "vgg19+residual".
        windows: a grey-value window [low, high] for each encoder, as fractions of the recipe's
            window; that encoder sees it stretched to [0, 1], clipped outside. Empty: all see the
            input as it is. Of a recipe's window [-175, 250] HU, [0.41, 0.88] is [0, 200] HU:
            fraction = (HU - -175) / (250 - -175).
        stem: voxels (D, H, W) that are folded into channels before the encoders and unfolded after
            the decoder. With (1, 2, 2) a quarter of the positions is computed on, each of which
            sees and answers for four voxels; with (1, 1, 1) (the paper) each voxel is a position.
        widest: most channels of a stage, None (the paper) for no limit. Nearly all weights are in
            the deep stages, nearly all work in the shallow ones: with width 16 and widest 64,
            stages of 16, 32, 64, 64, 64 channels, work is wide and the file stays small.

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).
    """

    #: Skip maps are concatenated (False: summed first, 3DYNet-EE).
    sums_skips = False

    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 3,
        width: int = 64,
        fusion: str = "concat",
        normalisation: str = "none",
        encoders: int = 2,
        encoder: str = "vgg19",
        windows: Sequence[Sequence[float]] = (),
        stem: Sequence[int] = (1, 1, 1),
        widest: int | None = None,
    ) -> None:
        super().__init__()
        if encoders not in (1, 2):
            raise ValueError(f"encoders is {encoders!r}, expected 1 or 2")
        if fusion not in FUSIONS:
            raise ValueError(f"fusion is {fusion!r}, expected one of {', '.join(FUSIONS)}")
        if width < 1:
            raise ValueError(f"width is {width}, expected at least 1")
        if widest is not None and widest < width:
            raise ValueError(f"widest is {widest}, expected at least the width, {width}")
        self.fusion = fusion
        self.windows = _checked_windows(windows, encoders=encoders)
        self.stem = _checked_stem(stem)
        deepest = 2 ** (len(STAGE_WIDTHS) - 1)
        self.multiple = tuple(deepest * factor for factor in self.stem)
        folded = math.prod(self.stem)
        widths = [min(width * factor, widest or width * factor) for factor in STAGE_WIDTHS]
        fused = encoders if fusion == "concat" else 1
        inputs = [folded * in_channels, *[fused * channels for channels in widths[:-1]]]
        self.encoders = nn.ModuleList(
            build_encoder(kind, inputs, widths, normalisation=normalisation)
            for kind in encoder_kinds(encoder, encoders=encoders)
        )
        self.pool = nn.MaxPool3d(2)
        joined = 1 if self.sums_skips else encoders
        self.decoder = nn.ModuleList()
        coarse = joined * widths[-1]
        for skip in reversed(widths[:-1]):
            self.decoder.append(
                _DecoderBlock(coarse, joined * skip, skip, normalisation=normalisation)
            )
            coarse = skip
        self.head = nn.Conv3d(coarse, folded * num_classes, 1)

    def parts(self) -> list[Part]:
        """The stages of the encoders, side by side, then those of the decoder."""
        stages = [
            Part("encoder", stage, branch)
            for level in zip(*self.encoders, strict=True)
            for branch, stage in enumerate(level)
        ]
        return [
            *stages,
            *[Part("decoder", block) for block in self.decoder],
            Part("head", self.head),
        ]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, num_classes, D, H, W) for `image` (N, in_channels, D, H, W)."""
        return on_padded(self._forward, image, multiple=self.multiple)

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        folded = fold(image, self.stem)
        maps = [folded] * len(self.encoders)
        if self.windows:
            maps = [((folded - low) / (high - low)).clamp(0, 1) for low, high in self.windows]
        skips: list[list[torch.Tensor]] = []
        levels = list(zip(*self.encoders, strict=True))
        for index, stages in enumerate(levels):
            maps = [stage(features) for stage, features in zip(stages, maps, strict=True)]
            skips.append([_sum(maps)] if self.sums_skips else maps)
            if index < len(levels) - 1:
                maps = self._fuse([self.pool(features) for features in maps])
        features = torch.cat(skips.pop(), dim=1)
        for block in self.decoder:
            features = block(features, skips.pop())
        return unfold(self.head(features), self.stem)

    def _fuse(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        if self.fusion == "none" or len(maps) == 1:
            return maps
        fused = torch.cat(maps, dim=1) if self.fusion == "concat" else _sum(maps)
        return [fused] * len(maps)


@register_network("3dynet-ee", source=_PAPER.replace("3DYNet", "3DYNet-EE"))
class YNet3DEE(YNet3D):
    """3DYNet-EE: the maps of both encoders are summed, then concatenated into the decoder.

    Arguments, input and output as `YNet3D`; the pooled maps are summed as well, unless
    `fusion` says otherwise ("encoder-encoder connections", paper section 4).
    """

    sums_skips = True

    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 3,
        width: int = 64,
        fusion: str = "sum",
        normalisation: str = "none",
        encoder: str = "vgg19",
        windows: Sequence[Sequence[float]] = (),
        stem: Sequence[int] = (1, 1, 1),
        widest: int | None = None,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            num_classes=num_classes,
            width=width,
            fusion=fusion,
            normalisation=normalisation,
            encoder=encoder,
            windows=windows,
            stem=stem,
            widest=widest,
        )
