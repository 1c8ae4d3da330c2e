"""Seconds of a piece of work, on a CPU by the clock, on a GPU by its own events."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def best_seconds(
    work: Callable[[], object], *, device: torch.device, repeats: int = 3, warm_up: int = 1
) -> float:
    """Seconds of the fastest of `repeats` runs, after `warm_up` that do not count.

    The fastest, because what else runs on a machine only adds.
    """
    for _ in range(warm_up):
        work()
    return min(_seconds(work, device) for _ in range(repeats))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    start.record()
    work()
    end.record()
    torch.cuda.synchronize(device)
    return float(start.elapsed_time(end)) / 1000
