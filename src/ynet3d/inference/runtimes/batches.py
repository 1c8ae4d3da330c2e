"""Batches for runtimes whose networks take a fixed number of windows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch


def filled_up(windows: torch.Tensor, count: int) -> npt.NDArray[np.float32]:
    """`windows` as float32 on the CPU, with empty ones added up to `count`, for a fixed batch."""
    missing = count - len(windows)
    if missing > 0:
        windows = torch.cat([windows, windows.new_zeros(missing, *windows.shape[1:])])
    return np.ascontiguousarray(windows.float().cpu().numpy())
