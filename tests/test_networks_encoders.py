"""The encoders of 3DYNet: counts as published, any pair under one decoder, gradients everywhere."""

from __future__ import annotations

import pytest
import torch
from gradients import gradient_norms
from torch import nn

from ynet3d.errors import InputError
from ynet3d.networks import complexity, create_network, he_normal
from ynet3d.networks.encoders import ENCODERS, STAGE_WIDTHS, build_encoder

PAIRS = ["vgg11", "residual", "convnext", "vgg19+residual", "convnext+vgg11"]


def parameters(kind: str) -> int:
    """Parameters of one encoder at VGG's width, for images of three channels as published."""
    widths = [64 * factor for factor in STAGE_WIDTHS]
    with torch.device("meta"):
        encoder = build_encoder(kind, [3, *widths[:-1]], widths, normalisation="none")
    return sum(p.numel() for p in encoder.parameters())


@pytest.mark.parametrize(
    ("kind", "published", "biases"),
    [("vgg19", 20_024_384, 5_504), ("vgg11", 9_220_480, 2_752)],
)
def test_vgg_counts_against_the_published_ones(kind: str, published: int, biases: int) -> None:
    """VGG's convolutions are 3x3; those of 3x3x3 have three times the weights and the same bias."""
    assert parameters(kind) == 3 * (published - biases) + biases


def test_residual_is_vgg19_with_shortcuts() -> None:
    """One projection wherever the width changes: 3-64, 64-128, 128-256, 256-512, with bias."""
    projections = sum((a + 1) * b for a, b in [(3, 64), (64, 128), (128, 256), (256, 512)])
    assert parameters("residual") == parameters("vgg19") + projections


def test_convnext_is_a_tenth_of_vgg19() -> None:
    assert 9 < parameters("vgg19") / parameters("convnext") < 20


@pytest.mark.parametrize("kind", sorted(ENCODERS))
@pytest.mark.parametrize("normalisation", ["none", "instance", "batch"])
def test_every_kind_gives_maps_of_the_same_widths(kind: str, normalisation: str) -> None:
    stages = build_encoder(kind, [1, 4, 6], [4, 6, 6], normalisation=normalisation)
    features = torch.rand(2, 1, 8, 6, 4)
    for stage, width in zip(stages, [4, 6, 6], strict=True):
        features = stage(features)
        assert features.shape == (2, width, 8, 6, 4)


@pytest.mark.parametrize("encoder", PAIRS)
@pytest.mark.parametrize("fusion", ["concat", "sum", "none"])
def test_any_pair_and_size(encoder: str, fusion: str) -> None:
    network = create_network("3dynet", width=2, encoder=encoder, fusion=fusion)
    assert network(torch.rand(1, 1, 17, 23, 9)).shape == (1, 3, 17, 23, 9)


@pytest.mark.parametrize("name", ["3dynet", "3dynet-ee"])
@pytest.mark.parametrize("encoder", PAIRS)
@pytest.mark.parametrize("normalisation", ["none", "instance"])
def test_every_parameter_gets_a_gradient(name: str, encoder: str, normalisation: str) -> None:
    network = create_network(name, width=2, encoder=encoder, normalisation=normalisation)
    network(torch.rand(2, 1, 32, 32, 32)).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_each_encoder_is_of_its_kind() -> None:
    first, second = create_network("3dynet", width=2, encoder="vgg11+convnext").encoders
    count = [sum(isinstance(m, nn.Conv3d) for m in e.modules()) for e in (first, second)]
    assert count == [1 + 1 + 2 + 2 + 2, 5 * (1 + 2 * 3)]
    assert any(m.groups > 1 for m in second.modules() if isinstance(m, nn.Conv3d))
    (only,) = create_network("3dynet", width=2, encoders=1, encoder="residual").encoders
    assert sum(isinstance(m, nn.Conv3d) for m in only.modules()) == 16 + 4


def test_the_papers_encoder_is_the_default_and_keeps_its_names() -> None:
    """Weights trained before encoders could be chosen load still."""
    with torch.device("meta"):
        network = create_network("3dynet", width=64)
        named = create_network("3dynet", width=64, encoder="vgg19+vgg19")
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert shapes == {key: tuple(tensor.shape) for key, tensor in named.state_dict().items()}
    assert len(shapes) == 2 * (2 * 16 + 4 * 4 + 1)
    assert shapes["encoders.0.0.0.0.weight"] == (64, 1, 3, 3, 3)
    assert shapes["encoders.1.4.3.0.bias"] == (512,)
    assert shapes["encoders.1.2.0.0.weight"] == (256, 256, 3, 3, 3)
    assert shapes["decoder.0.upsample.weight"] == (1024, 512, 3, 3, 3)
    assert shapes["decoder.3.convolutions.2.0.weight"] == (64, 64, 3, 3, 3)
    assert shapes["head.weight"] == (3, 64, 1, 1, 1)


@pytest.mark.parametrize("encoder", ["residual", "convnext"])
def test_export(encoder: str) -> None:
    network = create_network("3dynet", width=2, encoder=encoder).eval()
    image = torch.rand(1, 1, 17, 32, 20)
    exported = torch.export.export(network, (image,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(image), network(image))


@pytest.mark.parametrize("encoder", ["residual", "convnext"])
@pytest.mark.parametrize("size", [(32, 32, 48), (16, 64, 32)])
def test_bfloat16_gradients_are_those_of_float32(encoder: str, size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = he_normal(create_network("3dynet", width=4, encoder=encoder, normalisation="none"))
    image, pull = torch.rand(2, 1, *size), torch.rand(2, 3, *size)

    mixed, exact = (gradient_norms(network, image, pull, mixed=mixed) for mixed in (True, False))
    # Rounding through so many sums alone reaches 0.1; oneDNN's fault is 0.8 and more.
    torch.testing.assert_close(mixed, exact, rtol=0.25, atol=1e-4)


def test_fewer_parameters_at_the_papers_width() -> None:
    counted = {kind: complexity("3dynet", encoder=kind) for kind in sorted(ENCODERS)}
    assert counted["vgg19"].parameters == 209_369_155
    assert counted["vgg11"].parameters == 144_556_739
    assert counted["convnext"].parameters == 77_496_771
    assert counted["convnext"].flop < counted["vgg11"].flop < counted["vgg19"].flop


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "vgg16"}, "encoder is 'vgg16', expected one of vgg19, vgg11, residual, conv"),
        ({"encoder": "vgg19+vgg16"}, r"encoder is 'vgg19\+vgg16'"),
        ({"encoder": "vgg19+vgg19+vgg19"}, "one for each of 2 encoder"),
        ({"encoder": "vgg19+vgg11", "encoders": 1}, "one for each of 1 encoder"),
        ({"encoder": ""}, "encoder is ''"),
        ({"encoder": 19}, "encoder is 19"),
    ],
)
def test_wrong_encoders_are_named(options: dict[str, object], message: str) -> None:
    for name in ("3dynet", "3dynet-ee"):
        if name == "3dynet" or "encoders" not in options:
            with pytest.raises(InputError, match=message):
                create_network(name, **options)
