"""One scan on the network grid through a network: whole, or by sliding window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.devices import explained_memory_errors
from ynet3d.inference.sliding_window import sliding_window, window_corners
from ynet3d.labels import Label
from ynet3d.recipes import Recipe

_WINDOWS_AT_ONCE = 2  # see `devices.channels_last`
_AXES = {"D": 2, "H": 3, "W": 4}
_ADVICE = (
    "the network does not fit; close other programs, use --device cpu, "
    "or a recipe with smaller patches"
)


def network_logits(
    forward: Callable[[torch.Tensor], torch.Tensor],
    image: npt.NDArray[np.float32],
    recipe: Recipe,
    *,
    after_window: Callable[[int], None] | None = None,
) -> torch.Tensor:
    """Logits (classes, D, H, W), float32 on the CPU, for `image` (D, H, W) in [0, 1].

    `forward` is the network: windows (N, 1, D, H, W), N as `pass_shape` says or fewer, to logits.
    With patches in the recipe: windows of that size, blended as `inference.window_weights` says.
    `after_window` is called with the number of windows done after each batch of them.
    """
    inference = recipe.inference
    axes = [_AXES[axis] for axis in inference.mirror]

    def once(windows: torch.Tensor) -> torch.Tensor:
        return forward(windows).float().cpu()

    def run(windows: torch.Tensor) -> torch.Tensor:
        logits = _mirrored(once, windows, axes)
        if after_window is not None:
            after_window(len(windows))
        return logits

    with torch.inference_mode(), explained_memory_errors(_ADVICE):
        scan = torch.from_numpy(np.array(image))
        if recipe.patches is None:
            logits = run(scan[None, None])[0]
        else:
            logits = sliding_window(
                run,
                scan,
                recipe.patches.size,
                overlap=inference.overlap,
                weighting=inference.window_weights,
                at_once=_WINDOWS_AT_ONCE,
            )
        if inference.tumour_bias:
            logits[Label.TUMOUR] += inference.tumour_bias
        return logits


def _mirrored(
    run: Callable[[torch.Tensor], torch.Tensor], windows: torch.Tensor, axes: Sequence[int]
) -> torch.Tensor:
    """Mean over `windows` (N, 1, D, H, W) as they are and mirrored along all subsets of `axes`."""
    logits = run(windows)
    for count in range(1, len(axes) + 1):
        for flipped in itertools.combinations(axes, count):
            logits = logits + run(windows.flip(flipped)).flip(flipped)
    return logits / 2 ** len(axes) if axes else logits


def pass_shape(shape: tuple[int, int, int], recipe: Recipe) -> tuple[int, int, int, int, int]:
    """(N, 1, D, H, W) of what goes through the network at once, for a scan of `shape` (D, H, W)."""
    if recipe.patches is None:
        return (1, 1, *shape)
    return (_WINDOWS_AT_ONCE, 1, *recipe.patches.size)


def count_windows(shape: tuple[int, int, int], recipe: Recipe) -> int:
    """Windows that a scan of `shape` (D, H, W) on the network grid is cut into; 1 if it is not."""
    if recipe.patches is None:
        return 1
    return len(window_corners(shape, recipe.patches.size, overlap=recipe.inference.overlap))
