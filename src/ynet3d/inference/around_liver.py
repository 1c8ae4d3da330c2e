"""Several networks of one file: one over the whole scan, the others around the liver it finds.

Most of a scan is not near the liver, and one network sees that as well as four do. The mean over
all is taken where it can matter, for about half of the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.components import Box, bounding_box, largest_component, widened_box
from ynet3d.networks import JoinedNetworks
from ynet3d.networks.joined import LEAST_PROBABILITY
from ynet3d.weights import Weights
from ynet3d.weights.members import checksum_of_members, member_of

Size = tuple[int, int, int]
Image = npt.NDArray[np.float32]
Run = Callable[[Image], torch.Tensor]


def first_and_rest(weights: Weights) -> tuple[Weights, Weights] | None:
    """The first network of `weights` alone, and the rest as one; None if it holds only one."""
    network = weights.network
    if not isinstance(network, JoinedNetworks):
        return None
    others = list(network.members)[1:]
    numbers = range(2, 2 + len(others))
    facts = weights.facts | {"sha256": checksum_of_members(weights, numbers)}
    rest = replace(weights, network=JoinedNetworks(others).eval(), facts=facts)
    return member_of(weights, 1).weights, rest


def mean_around_liver(
    first: Run,
    rest: Run,
    image: Image,
    *,
    others: int,
    margin_voxels: Size,
    least: Size,
) -> torch.Tensor:
    """Logits (classes, D, H, W) of `image` (D, H, W): `first`'s, and around the liver all members'.

    Args:
        first, rest: image to logits; `rest` is the mean of `others` networks.
        margin_voxels: around the largest organ that `first` finds, (D, H, W).
        least: the box is not smaller than this, as far as the image allows: a window's size.
    """
    with torch.inference_mode():
        logits = first(image)
        box = _organ_box(logits, margin_voxels, least)
        if box is None:
            box = (slice(None), slice(None), slice(None))
        inside = logits[:, *box]
        total = rest(image[box]).softmax(0).mul_(others).add_(inside.softmax(0))
        logits[:, *box] = total.div_(others + 1).clamp_(min=LEAST_PROBABILITY).log_()
        return logits


def _organ_box(logits: torch.Tensor, margin: Size, least: Size) -> Box | None:
    """The box of the largest organ, wider by `margin`; None where there is no organ."""
    organ = (logits[1:].amax(0) > logits[0]).numpy()
    largest = largest_component(organ)
    if largest is None:
        return None
    within, component = largest
    inner = bounding_box(component)
    assert inner is not None
    i, j, k = (
        slice(outer.start + side.start, outer.start + side.stop)
        for outer, side in zip(within, inner, strict=True)
    )
    wide = widened_box((i, j, k), margin, organ.shape)
    i, j, k = (
        _at_least(side, want, size)
        for side, want, size in zip(wide, least, organ.shape, strict=True)
    )
    return i, j, k


def _at_least(side: slice, want: int, size: int) -> slice:
    """`side` of a box, or `want` voxels around its middle if it has fewer, within `size`."""
    if side.stop - side.start >= want:
        return side
    start = max(0, min((side.start + side.stop - want) // 2, size - want))
    return slice(start, min(size, start + want))
