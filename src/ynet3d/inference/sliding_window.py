"""A network run over windows of an image, blended where they overlap.

Our own, although MONAI has one (`monai.inferers.sliding_window_inference`, which the tests hold it
against): importing MONAI takes two seconds of a prediction that takes ten or twenty.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F

from ynet3d.portions import in_portions

Size = tuple[int, int, int]
Weighting = Literal["gaussian", "constant"]

#: Standard deviation of the Gaussian, as a fraction of the window; its least weight.
_SIGMA, _LEAST_WEIGHT = 0.125, 1e-3


def window_corners(shape: Size, size: Size, *, overlap: float) -> list[Size]:
    """First voxels (D, H, W) of the windows of `size` that cover an image of `shape`.

    They are `1 - overlap` of a window apart; the last along each axis ends with the image. An image
    smaller than the window counts as padded to its size.
    """
    starts = []
    for have, want in zip(shape, size, strict=True):
        step = max(1, int(want * (1 - overlap)))
        last = max(0, have - want)
        starts.append([*range(0, last, step), last])
    return list(itertools.product(*starts))


def window_weights(size: Size, weighting: Weighting) -> torch.Tensor:
    """Weight of each voxel of a window of `size`: highest in the middle, or 1 everywhere."""
    weights = torch.ones(())
    if weighting == "constant":
        return weights.expand(size)
    for length in size:
        place = torch.arange(length, dtype=torch.float32) - (length - 1) / 2
        axis = torch.exp(-0.5 * (place / (_SIGMA * length)) ** 2)
        weights = weights[..., None] * axis
    return weights.clamp_(min=_LEAST_WEIGHT)


def sliding_window(
    run: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    size: Size,
    *,
    overlap: float,
    weighting: Weighting = "gaussian",
    at_once: int = 2,
) -> torch.Tensor:
    """Weighted mean of what `run` gives for each window: (classes, D, H, W) float32 on the CPU.

    Args:
        run: the network, (n, 1, *size) to (n, classes, *size); n is `at_once` or less.
        image: (D, H, W); padded all round with 0 (air, in a CT's window) where smaller than `size`.
        overlap: of neighbouring windows, from 0, below 1.
        at_once: windows in one pass; fewer where memory does not suffice.
    """
    shape = image.shape
    missing = [max(0, want - have) for have, want in zip(shape, size, strict=True)]
    before = [lack // 2 for lack in missing]
    if any(missing):
        sides = [(first, lack - first) for first, lack in zip(before, missing, strict=True)]
        image = F.pad(image, [side for axis in reversed(sides) for side in axis])
    depth, height, width = image.shape
    corners = window_corners((depth, height, width), size, overlap=overlap)
    places = [
        tuple(slice(start, start + want) for start, want in zip(corner, size, strict=True))
        for corner in corners
    ]
    weights = window_weights(size, weighting)
    total = torch.zeros(image.shape)
    result: torch.Tensor | None = None

    def ask(span: slice) -> torch.Tensor:
        windows = torch.stack([image[place] for place in places[span]])
        return run(windows[:, None]).to("cpu", torch.float32)

    for span, outputs in in_portions(len(places), at_once, ask):
        if result is None:
            result = torch.zeros(outputs.shape[1], *image.shape)
        for place, output in zip(places[span], outputs, strict=True):
            total[place] += weights
            # Class by class and in place: no copy of a window, however its classes lie in memory.
            for summed, logits in zip(result, output, strict=True):
                summed[place].addcmul_(logits, weights)
    assert result is not None  # there is one window at least
    result /= total
    inside = (slice(start, start + have) for start, have in zip(before, shape, strict=True))
    return result[:, *inside]
