"""The networks: counts as published, any input size, options, export."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gradients import gradient_norms

from ynet3d.errors import InputError
from ynet3d.networks import (
    complexity,
    create_network,
    he_normal,
    list_networks,
    network_entry,
    width_for_flop,
)

SMALL = {"3dynet": 2, "3dynet-ee": 2, "unet3d": 2, "vnet": 2}


def test_all_networks_of_the_paper_are_registered() -> None:
    assert set(SMALL) <= set(list_networks())


def test_3dynet_counts_of_the_paper_width() -> None:
    counted = complexity("3dynet", width=64, fusion="concat", size=(64, 256, 256))
    assert counted.parameters == 209_369_155
    assert counted.flop / 1e12 == pytest.approx(15.80, abs=0.005)


@pytest.mark.parametrize(
    ("options", "parameters", "tera_flop"),
    [({"fusion": "none"}, 185_923_651, 14.96), ({"width": 16}, 13_089_043, 0.993)],
)
def test_3dynet_counts_of_variants(
    options: dict[str, object], parameters: int, tera_flop: float
) -> None:
    counted = complexity("3dynet", **options)
    assert counted.parameters == parameters
    assert counted.flop / 1e12 == pytest.approx(tera_flop, abs=0.005)


def test_unet3d_count_against_the_published_one() -> None:
    """19,069,955 are the convolutions alone with three input channels.

    Scale and shift of 14 batch normalisations add 2 x 2,336 = 4,672; one input channel instead of
    three takes away 2 x 32 x 27 = 1,728.
    """
    published = 19_069_955
    assert complexity("unet3d", in_channels=3, normalisation="none").parameters == published
    assert complexity("unet3d").parameters == published + 4_672 - 1_728 == 19_072_899


def test_vnet_has_the_published_stages() -> None:
    network = create_network("vnet")
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)]
    fives = [m for m in convolutions if m.kernel_size == (5, 5, 5)]
    assert len(fives) == 1 + 2 + 3 + 3 + 3 + 3 + 3 + 2 + 1
    assert max(m.out_channels for m in fives) == 256
    assert fives[0].out_channels == 16
    assert any(isinstance(m, torch.nn.PReLU) for m in network.modules())


def test_3dynet_encoders_are_vgg19_and_identical() -> None:
    network = create_network("3dynet", width=4)
    first, second = network.encoders
    widths = [
        [m.out_channels for m in stage.modules() if isinstance(m, torch.nn.Conv3d)]
        for stage in first
    ]
    assert widths == [[4] * 2, [8] * 2, [16] * 4, [32] * 4, [32] * 4]
    assert str(first) == str(second)


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("normalisation", ["none", "instance", "batch"])
@pytest.mark.parametrize("size", [(16, 16, 16), (17, 23, 9), (1, 1, 1)])
def test_any_spatial_size_goes_in(
    name: str, normalisation: str, size: tuple[int, int, int]
) -> None:
    network = create_network(name, width=SMALL[name], normalisation=normalisation)
    assert network(torch.rand(1, 1, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("normalisation", ["none", "instance", "batch"])
def test_every_parameter_gets_a_gradient(name: str, normalisation: str) -> None:
    network = create_network(name, width=SMALL[name], normalisation=normalisation)
    network(torch.rand(2, 1, 32, 32, 32)).square().sum().backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None]
    assert missing == []


@pytest.mark.parametrize("fusion", ["concat", "sum", "none"])
@pytest.mark.parametrize("name", ["3dynet", "3dynet-ee"])
def test_fusions_give_logits(name: str, fusion: str) -> None:
    network = create_network(name, width=2, fusion=fusion, num_classes=4)
    assert network(torch.rand(1, 1, 16, 16, 16)).shape == (1, 4, 16, 16, 16)


def test_both_encoders_matter() -> None:
    network = create_network("3dynet", width=2, fusion="none").eval()
    image = torch.rand(1, 1, 16, 16, 16)
    with torch.no_grad():
        before = network(image)
        network.encoders[1][0][0][0].bias += 1.0
        assert not torch.allclose(before, network(image))


@pytest.mark.parametrize("fusion", ["concat", "sum", "none"])
def test_one_encoder_keeps_the_decoder(fusion: str) -> None:
    """Where it reads w maps of one encoder instead of 2w of two, its kernels are thinner."""
    one, two = (create_network("3dynet", width=2, encoders=n, fusion=fusion) for n in (1, 2))
    assert len(one.encoders) == 1
    shapes = [[tuple(p.shape) for p in network.decoder.parameters()] for network in (one, two)]
    assert len(shapes[0]) == len(shapes[1])
    assert [s[0] for s in shapes[0][2:]] == [s[0] for s in shapes[1][2:]]
    assert one(torch.rand(1, 1, 17, 16, 9)).shape == (1, 3, 17, 16, 9)
    one(torch.rand(1, 1, 32, 32, 32)).square().sum().backward()
    assert [n for n, p in one.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", ["3dynet", "3dynet-ee"])
def test_windows_are_what_each_encoder_sees(name: str) -> None:
    network = create_network(name, width=2, windows=[[0, 1], [0.25, 0.75]]).eval()
    seen: list[torch.Tensor] = []
    for encoder in network.encoders:
        encoder[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    grey = torch.linspace(0, 1, 32).expand(1, 1, 16, 16, 32)
    with torch.no_grad():
        network(grey)
    torch.testing.assert_close(seen[0], grey)
    torch.testing.assert_close(seen[1], ((grey - 0.25) * 2).clamp(0, 1))


def test_windows_add_no_parameters() -> None:
    """So that the ablation changes what is seen and nothing else."""
    plain = create_network("3dynet", width=2)
    windowed = create_network("3dynet", width=2, windows=[[0, 1], [0.25, 0.75]])
    windowed.load_state_dict(plain.state_dict())


@pytest.mark.parametrize("options", [{"encoders": 1}, {"fusion": "none"}])
def test_width_for_flop_is_the_nearest(options: dict[str, Any]) -> None:
    size = (16, 32, 32)
    target = complexity("3dynet", width=13, size=size).flop
    width = width_for_flop("3dynet", target, size=size, **options)
    gaps = [
        abs(complexity("3dynet", width=w, size=size, **options).flop - target)
        for w in (width - 1, width, width + 1)
    ]
    assert min(gaps) == gaps[1]


def test_width_for_flop_finds_itself_and_keeps_to_multiples() -> None:
    size = (16, 16, 16)
    for width in (1, 7, 12):
        target = complexity("unet3d", width=width, size=size).flop
        assert width_for_flop("unet3d", target, size=size) == width
    assert width_for_flop("unet3d", target, size=size, multiple_of=8) in (8, 16)
    assert width_for_flop("unet3d", 1, size=size, multiple_of=8) == 8


@pytest.mark.parametrize("name", sorted(SMALL))
def test_export(name: str) -> None:
    network = create_network(name, width=SMALL[name]).eval()
    image = torch.rand(1, 1, 17, 32, 20)
    exported = torch.export.export(network, (image,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(image), network(image))


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("size", [(32, 32, 48), (16, 64, 32)])
def test_bfloat16_gradients_are_those_of_float32(name: str, size: tuple[int, int, int]) -> None:
    """Deep stages see maps smaller than their kernel, on which oneDNN's bfloat16 goes astray."""
    torch.manual_seed(0)
    network = he_normal(create_network(name, width=4, normalisation="none"))
    image, pull = torch.rand(2, 1, *size), torch.rand(2, 3, *size)

    mixed, exact = (gradient_norms(network, image, pull, mixed=mixed) for mixed in (True, False))
    torch.testing.assert_close(mixed, exact, rtol=0.1, atol=1e-4)


def test_he_normal_has_the_right_spread() -> None:
    network = he_normal(create_network("unet3d", width=16, normalisation="none"))
    convolution = network.encoder[3][3]
    fan_in = convolution.weight[0].numel()
    assert convolution.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
    assert convolution.bias.abs().max().item() == 0


def test_options_are_listed_with_their_defaults() -> None:
    assert network_entry("3dynet").options == {
        "width": 64,
        "fusion": "concat",
        "normalisation": "none",
        "encoders": 2,
        "encoder": "vgg19",
        "windows": (),
        "stem": (1, 1, 1),
        "widest": None,
    }


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ynet", {}, "no network called 'ynet'"),
        ("3dynet", {"depth": 3}, "no option 'depth'"),
        ("3dynet", {"fusion": "mean"}, "fusion is 'mean'"),
        ("unet3d", {"normalisation": "group"}, "normalisation is 'group'"),
        ("vnet", {"width": 0}, "width is 0"),
        ("3dynet", {"encoders": 3}, "encoders is 3, expected 1 or 2"),
        ("3dynet", {"windows": [[0, 1]]}, r"windows is \[\[0, 1\]\], expected one \[low, high\]"),
        ("3dynet", {"windows": [[0, 1], [0.5, 0.5]]}, "windows is .* low < high"),
        ("3dynet", {"windows": [[0, 1], [-1, 0.5]]}, "windows is .* 0 <= low"),
        ("3dynet", {"windows": [0.2, 0.5]}, "windows is .* expected one"),
        ("3dynet", {"windows": "wide"}, "windows is 'wide', expected one"),
        ("3dynet", {"windows": 1}, "windows is 1, expected one"),
        ("3dynet-ee", {"windows": [[0, 1]]}, "for each of 2 encoder"),
        ("3dynet-ee", {"encoders": 1}, "no option 'encoders'"),
    ],
)
def test_wrong_names_and_options_are_named(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        create_network(name, **options)
