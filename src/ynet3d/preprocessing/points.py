"""Logits at single voxels of the source grid, as they are behind a label there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import map_coordinates


def logits_at(
    logits: torch.Tensor,
    voxels: npt.NDArray[np.integer],
    shape: tuple[int, int, int],
) -> npt.NDArray[np.float32]:
    """Logits (classes, n) at some voxels, interpolated as `labels_on_source_grid` does it.

    Args:
        logits: (classes, D, H, W) on the network grid.
        voxels: (n, 3), indices (D, H, W) on the source grid in canonical axes (`Reorientation`).
        shape: of the source grid in these axes.
    """
    sizes = np.array(logits.shape[1:])
    places = (voxels + 0.5) * (sizes / np.array(shape)) - 0.5
    places = np.clip(places, 0, sizes - 1).T
    values = logits.detach().to("cpu", torch.float32).numpy()
    return np.stack(
        [map_coordinates(one, places, np.float32, order=1, mode="nearest") for one in values]
    )
