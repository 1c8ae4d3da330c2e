"""A wider network that begins with a narrower one's function."""

from __future__ import annotations

import pytest
import torch

from ynet3d.networks import create_network
from ynet3d.weights.widening import widened

SIZE = (16, 32, 32)


def _network(**options):
    torch.manual_seed(0)
    return create_network("3dynet", **options).eval()


@pytest.mark.parametrize(
    "name", ["3dynet-ee", "unet3d", "vnet", "monai:DynUNet", "monai:SegResNet"]
)
def test_every_convolutional_network_can_grow(name):
    torch.manual_seed(0)
    before, after = create_network(name, width=8).eval(), create_network(name, width=16).eval()
    after.load_state_dict(widened(before.state_dict(), after, noise=0))
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        expected = before(image)
        assert (after(image) - expected).abs().max() < 1e-3 * expected.std()


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"width": 4}, {"width": 8}),
        ({"width": 4, "normalisation": "instance", "stem": (1, 2, 2)}, {"width": 12}),
        ({"width": 4, "normalisation": "instance"}, {"width": 8, "widest": 32}),
        ({"width": 4, "encoder": "residual+convnext", "normalisation": "instance"}, {"width": 8}),
        ({"width": 4, "fusion": "none"}, {"width": 8, "widest": 32}),
    ],
)
def test_wider_without_noise_is_the_same_function(narrow, wide):
    before, after = _network(**narrow), _network(**narrow | wide)
    after.load_state_dict(widened(before.state_dict(), after, noise=0))
    image = torch.rand(1, 1, *SIZE)
    with torch.no_grad():
        assert torch.allclose(before(image), after(image), atol=1e-4)
    assert sum(p.numel() for p in after.parameters()) > sum(p.numel() for p in before.parameters())


def test_noise_tells_copies_apart_and_leaves_their_sum():
    before, after = _network(width=4), _network(width=8)
    old, new = before.state_dict(), widened(before.state_dict(), after)
    weight = new["encoders.0.0.1.0.weight"]  # (8, 8, 3, 3, 3): outputs and inputs grown
    first, second = weight[0::2], weight[1::2]
    assert not torch.allclose(first, second)
    mean = (first + second) / 2
    ours = old["encoders.0.0.1.0.weight"].repeat_interleave(2, 1) / 2
    assert torch.allclose(mean, ours, atol=1e-6)


def test_networks_that_are_not_wider_are_refused():
    before = _network(width=8)
    with pytest.raises(ValueError, match="cannot grow"):
        widened(before.state_dict(), _network(width=12))
    with pytest.raises(ValueError, match="other layers"):
        widened(before.state_dict(), _network(width=8, encoders=1))
