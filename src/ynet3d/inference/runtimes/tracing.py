"""What tracers of networks need: float32 on the CPU in one layout, and no warnings about it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def traceable(network: nn.Module) -> nn.Module:
    """A copy of `network` in float32, channels first, in evaluation mode, on the CPU."""
    copied = copy.deepcopy(network).to("cpu", torch.float32).eval()
    for tensor in (*copied.parameters(), *copied.buffers()):
        tensor.data = tensor.data.contiguous()
    return copied


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Leave out what tracing warns of: branches on the input's size, which is fixed on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield
