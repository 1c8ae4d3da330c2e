"""Networks as TorchScript: read by PyTorch alone, in Python or C++."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ynet3d.inference.runtimes.tracing import quiet_tracing, traceable

Shape = tuple[int, int, int, int, int]


def save_torchscript(network: nn.Module, path: Path, shape: Shape) -> None:
    """Write `network`, traced with an input of `shape` (N, 1, D, H, W)."""
    with quiet_tracing(), torch.no_grad():
        traced = torch.jit.trace(traceable(network), torch.zeros(shape), check_trace=False)
        torch.jit.save(traced, path)


class TorchScriptForward:
    """A file as a function: windows (N, 1, D, H, W) to logits, on the CPU."""

    def __init__(self, path: Path) -> None:
        self._network = torch.jit.load(path, map_location="cpu")

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes, D, H, W)."""
        logits = self._network(windows)
        assert isinstance(logits, torch.Tensor)
        return logits
