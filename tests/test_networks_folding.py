"""Voxels folded into channels, and networks that compute on fewer positions for it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from ynet3d.errors import InputError
from ynet3d.networks import complexity, create_network
from ynet3d.networks.blocks import size_multiple
from ynet3d.networks.folding import fold, unfold

FACTOR = st.sampled_from([1, 2, 4])


@given(st.tuples(FACTOR, FACTOR, FACTOR), st.integers(1, 3), st.integers(1, 2))
def test_unfolding_undoes_folding(factors: tuple[int, int, int], channels: int, count: int) -> None:
    sizes = [2 * factor for factor in factors]
    image = torch.arange(float(count * channels * sizes[0] * sizes[1] * sizes[2]))
    image = image.reshape(count, channels, *sizes)
    folded = fold(image, factors)
    assert folded.shape == (count, channels * image[0, 0].numel() // 8, 2, 2, 2)
    assert torch.equal(unfold(folded, factors), image)


def test_folding_in_the_plane_is_that_of_torch() -> None:
    image = torch.rand(2, 3, 4, 6, 8)
    slices = image.transpose(1, 2).reshape(8, 3, 6, 8)
    expected = F.pixel_unshuffle(slices, 2).reshape(2, 4, 12, 3, 4).transpose(1, 2)
    assert torch.equal(fold(image, (1, 2, 2)), expected)


@pytest.mark.parametrize("name", ["3dynet", "3dynet-ee"])
def test_a_folding_network_answers_for_every_voxel_at_a_quarter_of_the_work(name: str) -> None:
    folding = create_network(name, width=4, stem=(1, 2, 2)).eval()
    assert size_multiple(folding) == (16, 32, 32)
    with torch.inference_mode():
        assert folding(torch.rand(1, 1, 18, 34, 30)).shape == (1, 3, 18, 34, 30)
    size = (16, 64, 64)
    folded = complexity(name, size=size, width=4, stem=(1, 2, 2)).flop
    assert folded / complexity(name, size=size, width=4).flop == pytest.approx(0.25, abs=0.03)


def test_each_encoder_sees_its_window_of_the_folded_image() -> None:
    network = create_network("3dynet", width=2, stem=(1, 2, 2), windows=[[0, 1], [0.25, 0.75]])
    image = torch.rand(1, 1, 16, 32, 64)
    seen = {}
    for number, encoder in enumerate(network.encoders):
        encoder[0].register_forward_hook(
            lambda module, inputs, output, number=number: seen.update({number: inputs[0]})
        )
    network.eval()(image)
    assert torch.equal(seen[0], fold(image, (1, 2, 2)))
    assert torch.allclose(seen[1], fold(((image - 0.25) * 2).clamp(0, 1), (1, 2, 2)))


@pytest.mark.parametrize("stem", [(1, 2), (1, 3, 2), (0, 2, 2)])
def test_other_stems_are_refused(stem: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected three of 1, 2 and 4"):
        create_network("3dynet", width=2, stem=stem)
