"""One scan on the network grid through a network: whole, or by sliding window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.devices import explained_memory_errors
from ynet3d.recipes import Recipe

_WINDOWS_AT_ONCE = 2  # see `devices.channels_last`
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
    With patches in the recipe: windows of that size, blended with Gaussian weights (MONAI).
    `after_window` is called with the number of windows done after each pass of the network.
    """
    batch = torch.from_numpy(np.array(image))[None, None]

    def run(windows: torch.Tensor) -> torch.Tensor:
        logits = forward(windows)
        if after_window is not None:
            after_window(len(windows))
        return logits.float().cpu()

    with torch.inference_mode(), explained_memory_errors(_ADVICE):
        if recipe.patches is None:
            return run(batch)[0]
        # Here, because importing MONAI takes two seconds, and whole scans do without.
        from monai.inferers import sliding_window_inference

        logits = sliding_window_inference(
            batch,
            roi_size=recipe.patches.size,
            sw_batch_size=_WINDOWS_AT_ONCE,
            predictor=run,
            overlap=recipe.inference.overlap,
            mode="gaussian",
        )
        assert isinstance(logits, torch.Tensor)  # one output, not several
        return logits[0]


def pass_shape(shape: tuple[int, int, int], recipe: Recipe) -> tuple[int, int, int, int, int]:
    """(N, 1, D, H, W) of what goes through the network at once, for a scan of `shape` (D, H, W)."""
    if recipe.patches is None:
        return (1, 1, *shape)
    return (_WINDOWS_AT_ONCE, 1, *recipe.patches.size)


def count_windows(shape: tuple[int, int, int], recipe: Recipe) -> int:
    """Passes of the network that a scan of `shape` (D, H, W) on the network grid takes."""
    if recipe.patches is None:
        return 1
    count = 1
    for have, want in zip(shape, recipe.patches.size, strict=True):
        step = max(1, int(want * (1 - recipe.inference.overlap)))
        count *= 1 + max(0, -(-(have - want) // step))
    return count
