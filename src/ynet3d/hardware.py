"""The machine that figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

#: Bytes that `ru_maxrss` of a process counts in.
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024

_ARITHMETIC = (
    *("avx2", "avx_vnni", "avx512_f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("neon", "asimd", "fphp", "bf16", "i8mm", "sve", "sve2"),
)


def hardware() -> dict[str, Any]:
    """Processor, cores, what it computes in, memory in GB, and GPUs."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "capabilities": capabilities(),
        "memory_gb": _memory_gb(),
        "gpus": gpus,
        "system": f"{platform.system()} {platform.machine()}",
    }


def peak_process_bytes() -> int:
    """Most memory that this process has held so far; 0 if the system does not tell."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES


def capabilities() -> list[str]:
    """What this CPU has for fast arithmetic, by PyTorch's names of the instructions."""
    import torch

    features = torch.cpu.get_capabilities()
    return [name for name in _ARITHMETIC if features.get(name) is True]


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None
