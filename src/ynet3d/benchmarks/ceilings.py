"""What a machine can do at most, measured: matrix products, copying memory, the disk."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ynet3d.benchmarks.timing import best_seconds
from ynet3d.devices import computes_in_bfloat16

_SIZES = (512, 1024, 2048, 4096)
_SIZES_QUICK = (128, 256)
_REPEATS = 3
_BLOCK = 2**23  # bytes written at a time


@dataclass(frozen=True)
class Ceilings:
    """The best rates found.

    Attributes:
        operations: FLOP/s (int8: operations/s) of a matrix product, by precision.
        missing: why a precision has no rate.
        copy_bytes: bytes/s read and written by a copy of memory.
        disk_write_bytes, disk_read_bytes: bytes/s; None where not measured (GPU).
    """

    device: str
    operations: dict[str, float]
    missing: dict[str, str]
    copy_bytes: float
    disk_write_bytes: float | None = None
    disk_read_bytes: float | None = None


def measure_ceilings(
    device: torch.device, *, folder: Path | None = None, quick: bool = False
) -> Ceilings:
    """Measure `device`, and the disk that `folder` is on."""
    missing = _missing(device)
    operations = {
        precision: max(
            _operations(precision, size, device) for size in (_SIZES_QUICK if quick else _SIZES)
        )
        for precision in ("fp32", "bf16", "fp16", "int8")
        if precision not in missing
    }
    write = read = None
    if folder is not None:
        write, read = _disk(folder, 2**23 if quick else 2**29)
    copied = _copy(device, 2**22 if quick else 2**28)
    return Ceilings(str(device), operations, missing, copied, write, read)


def _missing(device: torch.device) -> dict[str, str]:
    missing = {}
    if not computes_in_bfloat16(device):
        missing["bf16"] = f"this {device.type} has no bfloat16 arithmetic"
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        if not any(features.get(name) for name in ("avx512_fp16", "amx_fp16", "fphp")):
            missing["fp16"] = "this CPU has no float16 arithmetic"
    return missing


def _operations(precision: str, size: int, device: torch.device) -> float:
    """Operations/s of a product of two matrices of `size` x `size`."""
    generator = torch.Generator(device).manual_seed(0)
    if precision == "int8":
        first, second = (
            torch.randint(-100, 100, (size, size), dtype=torch.int8, device=device)
            for _ in range(2)
        )
        seconds = best_seconds(
            lambda: torch._int_mm(first, second), device=device, repeats=_REPEATS
        )
        return 2 * size**3 / seconds
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    first, second = (
        torch.rand(size, size, generator=generator, device=device).to(dtype) for _ in range(2)
    )
    out = torch.empty_like(first)
    seconds = best_seconds(
        lambda: torch.mm(first, second, out=out), device=device, repeats=_REPEATS
    )
    return 2 * size**3 / seconds


def _copy(device: torch.device, size: int) -> float:
    """Bytes/s, read and written, of copying `size` bytes."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    return 2 * size / best_seconds(lambda: target.copy_(source), device=device, repeats=_REPEATS)


def _disk(folder: Path, size: int) -> tuple[float, float]:
    """Bytes/s of writing `size` bytes to the disk, and of reading them back from it."""
    block = os.urandom(min(size, _BLOCK))
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".bench-") as file:
        started = time.perf_counter()
        for _ in range(size // len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        write = size / (time.perf_counter() - started)
        if hasattr(os, "posix_fadvise"):  # or memory is read, not the disk
            os.posix_fadvise(file.fileno(), 0, size, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        started = time.perf_counter()
        while file.read(_BLOCK):
            pass
        return write, size / (time.perf_counter() - started)
