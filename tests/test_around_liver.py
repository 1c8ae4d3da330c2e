"""Several networks of one file: the first over the whole scan, the others around the liver."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_runs import small_recipe
from torch import nn

from ynet3d.inference import Predictor
from ynet3d.inference.around_liver import first_and_rest, mean_around_liver
from ynet3d.networks import JoinedNetworks
from ynet3d.progress import Progress
from ynet3d.volumes import Volume
from ynet3d.weights import Weights


class Brighter(nn.Module):
    """Liver where the image is above `least`, by a logit of `sure`; counts voxels it has seen."""

    multiple = 1

    def __init__(self, least: float, sure: float = 5.0) -> None:
        super().__init__()
        self.least, self.sure = least, sure
        self.seen = 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen += image.numel()
        liver = torch.where(image > self.least, self.sure, -self.sure)
        return torch.cat([torch.zeros_like(image), liver, torch.full_like(image, -50.0)], 1)


def _of_array(network: Brighter):
    return lambda image: network(torch.from_numpy(np.array(image))[None, None])[0]


def _bright_box() -> np.ndarray:
    image = np.zeros((20, 40, 40), np.float32)
    image[8:12, 10:20, 12:18] = 1.0
    image[2, 35, 35] = 1.0  # a second, smaller organ: the box is not for it
    return image


def test_others_see_the_box_and_the_mean_is_that_of_all() -> None:
    first, rest = Brighter(0.5), Brighter(0.5, sure=1.0)
    logits = mean_around_liver(
        _of_array(first),
        _of_array(rest),
        _bright_box(),
        others=3,
        margin_voxels=(1, 2, 3),
        least=(1, 1, 1),
    )
    assert first.seen == 20 * 40 * 40
    assert rest.seen == (4 + 2) * (10 + 4) * (6 + 6)
    alone = [torch.tensor([0.0, x, -50.0]).softmax(0) for x in (5.0, 1.0)]
    expected = (alone[0] + 3 * alone[1]) / 4
    torch.testing.assert_close(logits[:, 9, 12, 14].exp(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(logits[:, 2, 35, 35], torch.tensor([0.0, 5.0, -50.0]))


@pytest.mark.parametrize("least", [(10, 16, 16), (64, 16, 64)])
def test_the_box_is_a_window_at_least_or_the_scan(least: tuple[int, int, int]) -> None:
    rest = Brighter(0.5)
    image = _bright_box()
    mean_around_liver(
        _of_array(Brighter(0.5)),
        _of_array(rest),
        image,
        others=1,
        margin_voxels=(0, 0, 0),
        least=least,
    )
    assert rest.seen == np.prod(np.minimum(least, image.shape))


def test_without_a_liver_all_see_all() -> None:
    first, rest = Brighter(2.0), Brighter(0.5)
    logits = mean_around_liver(
        _of_array(first),
        _of_array(rest),
        _bright_box(),
        others=3,
        margin_voxels=(1, 1, 1),
        least=(1, 1, 1),
    )
    assert rest.seen == first.seen == 20 * 40 * 40
    assert int(logits[:, 9, 12, 14].argmax()) == 1  # three of four say so


def _predicted(weights: Weights, *, around: float | None) -> tuple[np.ndarray, list[int]]:
    recipe = weights.recipe
    inference = recipe.inference.model_copy(update={"others_around_liver_mm": around})
    changed = Weights(
        weights.network, recipe.model_copy(update={"inference": inference}), facts=weights.facts
    )
    networks = list(weights.network.members)
    for network in networks:
        network.seen = 0
    array = np.full((64, 64, 40), -200, np.int16)
    array[20:30, 20:30, 16:24] = 120
    predictor = Predictor(changed, device="cpu")
    mask = predictor(Volume(array, np.eye(4)), progress=Progress(quiet=True), checked=True)
    assert len(predictor.running) == (2 if around else 1)
    return mask.array, [network.seen for network in networks]


def test_same_mask_for_less_work() -> None:
    recipe = small_recipe(
        patches={"size": (16, 16, 16)},
        preprocessing={"spacing_mm": (1.0, 1.0, 1.0), "size": None, "window_hu": (-200, 200)},
        training={"mixed_precision": False},
    )
    network = JoinedNetworks([Brighter(0.5), Brighter(0.5), Brighter(0.6)])
    weights = Weights(network, recipe)
    everywhere, all_seen = _predicted(weights, around=None)
    near, seen = _predicted(weights, around=4.0)
    assert (near == everywhere).all()
    assert int(near.sum()) == 10 * 10 * 8
    assert all_seen[0] == all_seen[1] == seen[0]
    assert seen[1] == seen[2] < 0.3 * seen[0]


def test_parts_have_checksums_of_their_own() -> None:
    network = JoinedNetworks([Brighter(0.1), Brighter(0.2), Brighter(0.3)])
    weights = Weights(network, small_recipe(), facts={"sha256": "x"})
    parts = first_and_rest(weights)
    assert parts is not None
    sums = {part.facts["sha256"] for part in (weights, *parts)}
    assert len(sums) == 3
    assert first_and_rest(Weights(Brighter(0.1), small_recipe())) is None
