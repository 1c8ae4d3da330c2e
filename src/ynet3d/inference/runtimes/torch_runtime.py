"""Networks in PyTorch, on whatever device it has."""

from __future__ import annotations

import torch
from torch import nn

from ynet3d.devices import channels_last, precision


class TorchForward:
    """A network as a function: windows (N, 1, D, H, W) to logits, on `device`.

    Args:
        network: on `device`, from `channels_last`.
        mixed: in bfloat16, where the device computes in it.
    """

    def __init__(self, network: nn.Module, device: torch.device, *, mixed: bool) -> None:
        self._network, self._device, self._mixed = network, device, mixed

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes, D, H, W)."""
        with precision(self._device, mixed=self._mixed):
            return self._network(channels_last(windows, self._device))
