"""MONAI's networks by name: theirs to the number, any input size, safe in bfloat16."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from monai.networks import nets
from safetensors.torch import load, save
from torch import nn

from ynet3d.errors import InputError, MissingExtraError
from ynet3d.networks import complexity, create_network, list_networks, width_for_flop
from ynet3d.networks.blocks import Convolution

SMALL = {"monai:SegResNet": 8, "monai:DynUNet": 2, "monai:SwinUNETR": 12}


def peer(name: str) -> nn.Module:
    """The same network, built by MONAI alone."""
    if name == "monai:SegResNet":
        return nets.SegResNet(3, 8, 1, 3, blocks_down=(1, 2, 2, 4))
    if name == "monai:SwinUNETR":
        return nets.SwinUNETR(1, 3, feature_size=12)
    strides = [1, 2, 2, 2, 2, 2]
    features = [2, 4, 8, 16, 20, 20]
    return nets.DynUNet(3, 1, 3, [3] * 6, strides, strides[1:], features, trans_bias=True)


def test_they_are_registered_and_monai_is_not_imported_for_it() -> None:
    assert set(SMALL) <= set(list_networks())
    code = "import sys, ynet3d.networks; print('monai' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("size", [(32, 32, 64), (33, 20, 9)])
def test_the_output_is_monais(name: str, size: tuple[int, int, int]) -> None:
    """The same weights give the same logits, on the image padded by its border where need be."""
    ours, theirs = create_network(name, width=SMALL[name]).eval(), peer(name).eval()
    missing, unexpected = theirs.load_state_dict(ours.network.state_dict(), strict=False)
    assert unexpected == []
    assert all(key.startswith("skip_layers.") for key in missing)  # DynUNet's second names
    image = torch.rand(1, 1, *size)
    unit = {"monai:SegResNet": 8}.get(name, 32)
    pad = [(0, -length % unit) for length in reversed(size)]
    padded = F.pad(image, sum(pad, ()), mode="replicate")
    with torch.no_grad():
        expected = theirs(padded)[:, :, : size[0], : size[1], : size[2]]
        torch.testing.assert_close(ours(image), expected)


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("size", [(1, 1, 1), (17, 23, 9)])
def test_any_spatial_size_goes_in(name: str, size: tuple[int, int, int]) -> None:
    network = create_network(name, width=SMALL[name], num_classes=4, in_channels=2)
    assert network(torch.rand(1, 2, *size)).shape == (1, 4, *size)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_parameter_gets_a_gradient_and_is_saved_once(name: str) -> None:
    network = create_network(name, width=SMALL[name])
    network(torch.rand(1, 1, 32, 32, 64)).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []
    assert load(save(network.state_dict())).keys() == network.state_dict().keys()


@pytest.mark.parametrize("name", sorted(SMALL))
def test_export(name: str) -> None:
    network = create_network(name, width=SMALL[name]).eval()
    image = torch.rand(1, 1, 17, 32, 40)
    exported = torch.export.export(network, (image,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(image), network(image))


def test_dynunet_is_nnunets_liver_network() -> None:
    """Six stages of 32 to 320 features: 0.95 TFLOP for a patch of 128^3."""
    counted = complexity("monai:DynUNet", size=(128, 128, 128))
    assert counted.flop / 1e12 == pytest.approx(0.95, abs=0.006)
    network = create_network("monai:DynUNet", width=2)
    stages = [network.network.input_block, *network.network.downsamples, network.network.bottleneck]
    assert [stage.conv2.conv.out_channels for stage in stages] == [2, 4, 8, 16, 20, 20]
    assert [m for m in network.modules() if isinstance(m, nn.InstanceNorm3d) and not m.affine] == []


def test_swinunetr_counts_without_memory() -> None:
    """The network's weights are made on the CPU, but they must not stay there."""
    with torch.device("meta"):
        network = create_network("monai:SwinUNETR", width=12)
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"meta"}
    assert complexity("monai:SwinUNETR", width=12, size=(32, 32, 64)).flop > 0


@pytest.mark.parametrize(
    ("flat", "unit", "depths"),
    [(0, (8, 8, 8), [4, 2]), (2, (2, 8, 8), [2, 2]), (3, (1, 8, 8), [1, 1])],
)
def test_flat_stages_leave_the_slices_alone(
    flat: int, unit: tuple[int, int, int], depths: list[int]
) -> None:
    network = create_network("monai:DynUNet", width=2, stages=4, flat_stages=flat).eval()
    assert network.multiple == unit
    seen: list[int] = []
    for stage in network.network.downsamples:
        stage.register_forward_hook(lambda *arguments: seen.append(arguments[2].shape[2]))
    assert network(torch.rand(1, 1, *unit)).shape == (1, 3, *unit)
    assert seen == depths


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_convolution_is_guarded(name: str) -> None:
    network = create_network(name, width=SMALL[name])
    plain = [n for n, m in network.named_modules() if type(m) is nn.Conv3d]
    assert plain == []


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 8])
def test_bfloat16_gradients_of_a_convolution(stride: int, depth: int) -> None:
    """oneDNN's own go wrong where the output has depth 2, with stride 2 from depths 3 and 4."""
    torch.manual_seed(0)
    convolution = Convolution(16, 16, 3, stride=stride, padding=1)
    image = torch.randn(2, 16, depth, 4, 8)
    gradients = []
    for mixed in (True, False):
        convolution.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            result = convolution(image)
        pull = torch.randn(result.shape, generator=torch.Generator().manual_seed(1))
        (result.float() * pull).sum().backward()
        gradients.append(convolution.weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0.1, atol=0.5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("monai:SegResNet", {"width": 12}, "width is 12, expected a multiple of 8"),
        ("monai:SwinUNETR", {"width": 0}, "width is 0, expected a multiple of 12"),
        ("monai:DynUNet", {"width": 0}, "width is 0"),
        ("monai:DynUNet", {"stages": 2}, "stages is 2, expected 3 to 8"),
        ("monai:DynUNet", {"flat_stages": 6}, "flat_stages is 6, expected 0 to 5"),
        ("monai:DynUNet", {"fusion": "sum"}, "no option 'fusion'"),
        ("monai:UNet", {}, "no network called 'monai:UNet'"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_network(name, **options)


def test_width_for_flop_keeps_to_what_the_network_takes() -> None:
    size = (32, 32, 32)
    target = complexity("monai:SegResNet", width=16, size=size).flop
    assert width_for_flop("monai:SegResNet", 1.2 * target, size=size) == 16
    assert width_for_flop("monai:SwinUNETR", 1, size=size) == 12


def test_without_einops_swinunetr_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"einops.*pip install 'ynet3d\[swin\]'"):
        create_network("monai:SwinUNETR", width=12)
