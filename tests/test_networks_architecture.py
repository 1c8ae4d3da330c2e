"""The description of a network as built: the paper's wiring, read from the computation itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ynet3d.errors import InputError
from ynet3d.networks import Architecture, architecture, create_network

SMALL = (32, 64, 64)


def connections(description: Architecture, kind: str) -> set[tuple[str, str, str | None]]:
    """Connections of one kind by the names of their ends."""
    names = [*(stage.name for stage in description.stages), "input"]  # the input is number -1
    return {
        (names[c.source], names[c.target], c.joined)
        for c in description.connections
        if c.kind == kind
    }


def test_3dynet_is_wired_as_the_paper_says() -> None:
    description = architecture("3dynet")
    widths, convolutions = [64, 128, 256, 512, 512], [2, 2, 4, 4, 4]
    for branch in (0, 1):
        stages = [s for s in description.stages if s.role == "encoder" and s.branch == branch]
        assert [s.channels for s in stages] == widths
        assert [s.convolutions for s in stages] == convolutions
        assert [s.size for s in stages] == [(64 >> n, 256 >> n, 256 >> n) for n in range(5)]
        assert [s.level for s in stages] == [0, 1, 2, 3, 4]
    decoder = [s for s in description.stages if s.role == "decoder"]
    assert [s.channels for s in decoder] == [512, 256, 128, 64]
    assert [s.convolutions for s in decoder] == [3, 3, 3, 3]
    assert all("transposed convolution" in [layer.kind for layer in s.layers] for s in decoder)
    assert description.parameters == sum(s.parameters for s in description.stages) == 209_369_155
    assert connections(description, "skip") == {
        (f"encoder {encoder}, stage {5 - stage}", f"decoder, stage {stage}", "concatenation")
        for encoder in (1, 2)
        for stage in (1, 2, 3, 4)
    }
    assert connections(description, "fusion") == {
        (f"encoder {a}, stage {stage}", f"encoder {b}, stage {stage + 1}", "concatenation")
        for a, b in ((1, 2), (2, 1))
        for stage in (1, 2, 3, 4)
    }
    paths = connections(description, "path")
    assert ("input", "encoder 1, stage 1", None) in paths
    assert ("input", "encoder 2, stage 1", None) in paths
    assert ("encoder 2, stage 5", "decoder, stage 1", "concatenation") in paths
    assert ("decoder, stage 4", "head", None) in paths


def test_3dynet_ee_sums() -> None:
    """At all resolutions and at the bottom; only then are maps concatenated with the decoder's."""
    description = architecture("3dynet-ee", width=4, size=SMALL)
    for kind in ("skip", "fusion"):
        joined = [j for _, _, j in connections(description, kind)]
        assert joined == ["sum"] * 8
    paths = connections(description, "path")
    assert ("encoder 1, stage 5", "decoder, stage 1", "sum") in paths
    assert ("decoder, stage 1", "decoder, stage 2", "concatenation") in paths


def test_fusion_none_exchanges_nothing() -> None:
    description = architecture("3dynet", width=4, fusion="none", size=SMALL)
    assert connections(description, "fusion") == set()
    assert len(connections(description, "skip")) == 8


def test_one_encoder() -> None:
    description = architecture("3dynet", width=4, encoders=1, size=SMALL)
    assert {s.branch for s in description.stages} == {0}
    assert len(connections(description, "skip")) == 4
    assert description.stages[0].name == "encoder, stage 1"


@pytest.mark.parametrize(
    ("name", "down", "up"),
    [
        ("unet3d", [2, 2, 2, 2], [2, 2, 2]),
        ("vnet", [1, 3, 4, 4, 4], [3, 3, 2, 1]),  # strided convolutions are counted
        ("monai:DynUNet", [2] * 6, [2] * 5),
        ("monai:SegResNet", [3, 5, 5, 9], [3, 3, 3]),  # 1x1x1 ones on the way up are counted
    ],
)
def test_convolutions_of_the_others(name: str, down: list[int], up: list[int]) -> None:
    description = architecture(name, width=8, size=SMALL)
    counted = {
        role: [s.convolutions for s in description.stages if s.role == role]
        for role in ("encoder", "decoder", "head")
    }
    assert counted == {"encoder": down, "decoder": up, "head": [1]}
    assert len(connections(description, "skip")) == len(up)
    assert {j for _, _, j in connections(description, "skip")} == {
        "sum" if name == "monai:SegResNet" else "concatenation"
    }


def test_swin_unetr() -> None:
    description = architecture("monai:SwinUNETR", width=12, size=SMALL)
    kinds = [[layer.kind for layer in s.layers] for s in description.stages if s.role == "encoder"]
    assert kinds[0] == ["strided convolution"]
    assert kinds[1:5] == [["transformer block"] * 2] * 4
    assert sum(s.role == "skip" for s in description.stages) == 4
    assert len(connections(description, "skip")) == 5


def test_of_parallel_ways_the_longest_counts() -> None:
    """The shortcuts of residual blocks are not further layers of the stage."""
    plain, residual = (
        architecture("3dynet", width=4, encoder=encoder, size=SMALL)
        for encoder in ("vgg19", "residual")
    )
    assert [s.convolutions for s in plain.stages] == [s.convolutions for s in residual.stages]
    depthwise = architecture("3dynet", width=4, encoder="convnext", size=SMALL).stages[0].layers
    assert [layer.kind.split()[0] for layer in depthwise] == [
        "convolution", *["depthwise", "convolution", "convolution"] * 2,
    ]  # fmt: skip


def test_by_name_or_as_built() -> None:
    network = create_network("unet3d", width=4).train()
    described = architecture(network, size=SMALL, name="unet3d")
    assert described == architecture("unet3d", width=4, size=SMALL)
    assert architecture(network, size=SMALL).name == "UNet3D"
    assert network.training
    assert next(network.parameters()).device.type == "cpu"
    assert not any(module._forward_hooks for module in network.modules())


class Plain(nn.Module):
    """A network that does not list its parts, and computes in another order than it defines."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv3d(8, 3, 1)
        self.fine = nn.Conv3d(1, 4, 3, padding=1)
        self.coarse = nn.ModuleList([nn.MaxPool3d(2), nn.Conv3d(4, 8, 3, padding=1), nn.ReLU()])
        self.up = nn.ConvTranspose3d(8, 4, 2, stride=2)
        self.pooled = nn.AdaptiveAvgPool3d(1)
        self.unused = nn.Conv3d(1, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        fine = self.fine(image)
        coarse = fine
        for layer in self.coarse:
            coarse = layer(coarse)
        return self.head(torch.cat([self.up(coarse), fine], dim=1))


def test_a_network_that_does_not_list_its_parts() -> None:
    description = architecture(Plain(), size=SMALL)
    kinds = [[layer.kind for layer in stage.layers] for stage in description.stages]
    assert kinds == [
        ["convolution"],
        ["max pooling"],
        ["convolution"],
        ["other"],
        ["transposed convolution"],
        ["concatenation", "convolution"],
    ]
    assert [stage.role for stage in description.stages] == ["encoder"] * 4 + ["decoder"] * 2
    assert connections(description, "skip") == {
        ("encoder, stage 1", "decoder, stage 2", "concatenation")
    }


def test_nothing_to_describe() -> None:
    class Empty(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image

    with pytest.raises(ValueError, match="Empty has no part"):
        architecture(Empty(), size=SMALL)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [("ynet", {}, "no network called 'ynet'"), ("unet3d", {"fusion": "sum"}, "no option 'fusion'")],
)
def test_wrong_names(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        architecture(name, **options)
