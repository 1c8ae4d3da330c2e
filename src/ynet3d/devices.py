"""Choosing the device, the precision it is good at, and saying in words when memory runs out."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import nn

from ynet3d.errors import InputError, YnetError, is_out_of_memory
from ynet3d.hardware import peak_process_bytes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h; mallopt(3)

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: no such device here.
    """
    if name not in DEVICES:
        raise InputError(f"There is no device {name!r}: choose one of {', '.join(DEVICES)}.")
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available[name]:
        raise InputError(f"This machine has no usable {name} device: use --device auto or cpu.")
    return torch.device(name)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether `device` has bfloat16 arithmetic; without it, PyTorch emulates it very slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    return False


def precision(device: torch.device, *, mixed: bool) -> AbstractContextManager[object]:
    """Autocast to bfloat16 if `mixed` and the device computes in it, otherwise float32."""
    if mixed and computes_in_bfloat16(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


NetworkOrTensor = TypeVar("NetworkOrTensor", nn.Module, torch.Tensor)


def channels_last(thing: NetworkOrTensor, device: torch.device) -> NetworkOrTensor:
    """Move to `device`, on a CPU with channels last in memory.

    PyTorch's fast 3D convolution on a CPU takes small maps only in this layout and in batches of
    two or more (torch 2.13).
    """
    if device.type == "cpu":
        return thing.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return thing.to(device)


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next tensors; whether the C library does so.

    The maps of a training step are large, and glibc gives such back to the system when they are
    freed: a quarter of a bfloat16 step on a CPU went into getting new, cleared pages. Up to 2 GiB
    at the end of the heap are kept from now on, until the process ends. For Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    settings = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 2**26}
    return all(mallopt(parameter, value) == 1 for parameter, value in settings.items())


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory held so far: of a GPU by its tensors, of a CPU by this process; 0 if not told."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_process_bytes()


@contextmanager
def explained_memory_errors(advice: str) -> Iterator[None]:
    """Turn an allocation that failed into one sentence that ends with `advice`."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise YnetError(f"Out of memory: {advice}.") from error
        raise
