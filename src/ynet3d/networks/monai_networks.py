"""MONAI's networks by name ("monai:SegResNet"), for any input size; imported when one is built.

Each holds MONAI's own module as `network`, so weights go to MONAI and come from there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ynet3d.errors import require_package
from ynet3d.networks.blocks import guard_layers, on_padded
from ynet3d.networks.parts import Part
from ynet3d.networks.registry import register_network

SEGRESNET_GROUPS = 8
SWIN_WIDTH_MULTIPLE = 12
#: nnU-Net lets features double up to 320, which is ten times its 32.
NNUNET_WIDEST = 10


class _Padded(nn.Module):
    """A network that wants multiples of `multiple` (D, H, W), made to take any size."""

    network: Any  # MONAI's module, imported late

    def __init__(self, network: nn.Module, *, multiple: tuple[int, int, int]) -> None:
        super().__init__()
        self.network = guard_layers(network)
        self.multiple = multiple

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, num_classes, D, H, W) for `image` (N, in_channels, D, H, W)."""
        return on_padded(self._forward, image, multiple=self.multiple)

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image)


def _check_width(width: int, *, multiple_of: int) -> None:
    if width < 1 or width % multiple_of:
        raise ValueError(f"width is {width}, expected a multiple of {multiple_of}")


@register_network(
    "monai:SegResNet",
    source="Myronenko 2018, SegResNet without its autoencoder branch (MONAI)",
    width_multiple=SEGRESNET_GROUPS,
)
class MonaiSegResNet(_Padded):
    """SegResNet: residual blocks with group normalisation, linear upsampling, summed skips.

    Args:
        in_channels, num_classes: channels of input and output.
        width: channels of the first stage (32 as published; three more stages double it);
            a multiple of 8, the number of groups.

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).
    """

    def __init__(self, *, in_channels: int = 1, num_classes: int = 3, width: int = 32) -> None:
        from monai.networks.nets import SegResNet

        _check_width(width, multiple_of=SEGRESNET_GROUPS)
        network = SegResNet(
            spatial_dims=3,
            in_channels=in_channels,
            out_channels=num_classes,
            init_filters=width,
            blocks_down=(1, 2, 2, 4),
            blocks_up=(1, 1, 1),
        )
        super().__init__(network, multiple=(8, 8, 8))

    def parts(self) -> list[Part]:
        """The stages on the way down, then those on the way up."""
        return [
            *[Part("encoder", stage) for stage in self.network.down_layers],
            *[Part("decoder", stage) for stage in self.network.up_layers],
            Part("head", self.network.conv_final),
        ]


@register_network(
    "monai:DynUNet", source="Isensee et al. 2021, nnU-Net's plain U-Net (MONAI's DynUNet)"
)
class MonaiDynUNet(_Padded):
    """nnU-Net's PlainConvUNet: strided convolutions, instance normalisation, LeakyReLU.

    Without deep supervision: one output, so that all networks are trained by the same loss.

    Args:
        in_channels, num_classes: channels of input and output.
        width: channels of the first stage (32 in nnU-Net); they double up to ten times that (320).
        stages: resolutions, the first one included; nnU-Net's plans for 128^3 patches have 6.
        flat_stages: how many of the first stages have 1x3x3 kernels and leave the number of
            slices alone, as nnU-Net plans where slices are further apart than pixels.

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        num_classes: int = 3,
        width: int = 32,
        stages: int = 6,
        flat_stages: int = 0,
    ) -> None:
        from monai.networks.nets import DynUNet

        _check_width(width, multiple_of=1)
        if not 3 <= stages <= 8:
            raise ValueError(f"stages is {stages}, expected 3 to 8")
        if not 0 <= flat_stages < stages:
            raise ValueError(f"flat_stages is {flat_stages}, expected 0 to {stages - 1}")
        kernels = [(1 if stage < flat_stages else 3, 3, 3) for stage in range(stages)]
        # A flat stage is left without halving the slices, so the stride is the next stage's.
        down = [(1 if stage < flat_stages else 2, 2, 2) for stage in range(stages - 1)]
        network = DynUNet(
            spatial_dims=3,
            in_channels=in_channels,
            out_channels=num_classes,
            kernel_size=kernels,
            strides=[(1, 1, 1), *down],
            upsample_kernel_size=down,
            filters=[min(width * 2**stage, NNUNET_WIDEST * width) for stage in range(stages)],
            trans_bias=True,
        )
        halvings = stages - 1
        multiple = (2 ** (halvings - min(flat_stages, halvings)), 2**halvings, 2**halvings)
        # MONAI's forward goes through a second, nested copy of the same modules, whose weights
        # would be saved twice; the order of computing is written out below instead.
        del network.skip_layers
        super().__init__(network, multiple=multiple)

    def parts(self) -> list[Part]:
        """The stages on the way down, then those on the way up."""
        down = [self.network.input_block, *self.network.downsamples, self.network.bottleneck]
        return [
            *[Part("encoder", stage) for stage in down],
            *[Part("decoder", stage) for stage in self.network.upsamples],
            Part("head", self.network.output_block),
        ]

    def _forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.network.input_block(image)
        skips = []
        for stage in [*self.network.downsamples, self.network.bottleneck]:
            skips.append(features)
            features = stage(features)
        for stage in self.network.upsamples:
            features = stage(features, skips.pop())
        return self.network.output_block(features)


@register_network(
    "monai:SwinUNETR",
    source="Hatamizadeh et al. 2022, Swin UNETR (MONAI)",
    width_multiple=SWIN_WIDTH_MULTIPLE,
)
class MonaiSwinUNETR(_Padded):
    """Swin UNETR: a windowed transformer as encoder, a convolutional decoder.

    Args:
        in_channels, num_classes: channels of input and output.
        width: MONAI's `feature_size` (48 as published); a multiple of 12.

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).
    """

    def __init__(self, *, in_channels: int = 1, num_classes: int = 3, width: int = 48) -> None:
        from monai.networks.nets import SwinUNETR

        # MONAI asks for it at the first image only.
        require_package("einops", extra="swin", purpose="The network monai:SwinUNETR")
        _check_width(width, multiple_of=SWIN_WIDTH_MULTIPLE)
        device = torch.get_default_device()
        with torch.device("cpu"):  # it reads values while it is built: no meta device there
            network = SwinUNETR(
                spatial_dims=3,
                in_channels=in_channels,
                out_channels=num_classes,
                feature_size=width,
            )
        super().__init__(network.to(device), multiple=(32, 32, 32))

    def parts(self) -> list[Part]:
        """The transformer's stages, the convolutions on its skips, and the decoder's stages."""
        swin, outer = self.network.swinViT, self.network
        transformer = [
            swin.patch_embed,
            *[layers[0] for layers in (swin.layers1, swin.layers2, swin.layers3, swin.layers4)],
            outer.encoder10,
        ]
        skips = [outer.encoder1, outer.encoder2, outer.encoder3, outer.encoder4]
        decoder = [
            outer.decoder5, outer.decoder4, outer.decoder3, outer.decoder2, outer.decoder1,
        ]  # fmt: skip
        return [
            *[Part("encoder", stage) for stage in transformer],
            *[Part("skip", stage) for stage in skips],
            *[Part("decoder", stage) for stage in decoder],
            Part("head", outer.out),
        ]
