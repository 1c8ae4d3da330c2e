"""Several processes that train one network, started by PyTorch's `torchrun`.

Nothing but torchrun's own environment is looked at; without it a process is alone. Processes speak
to each other by gloo, and about what lies on NVIDIA GPUs by NCCL.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from ynet3d.devices import choose_device
from ynet3d.errors import InputError, YnetError
from ynet3d.processes import told_by_another

#: How long a process waits for one that neither answers nor has ended.
LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True)
class Group:
    """Processes that train together: this one is number `rank`, from 0, of `size`."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files and speaks to the user."""
        return self.rank == 0

    def part(self, count: int) -> range:
        """Which of `count` things are this process's; parts differ by one at most."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Sum of `values` over all processes, the same in each, without gradients."""
        values = values.detach().clone()
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def agreed(self, seconds: float, stop: bool) -> tuple[float, bool]:
        """Seconds by the first process's clock, and whether any process was asked to stop."""
        own = torch.tensor([seconds if self.first else 0.0, float(stop)], dtype=torch.float64)
        clock, stopping = self.total(own).tolist()
        return clock, stopping > 0

    def same(self, text: str) -> bool:
        """Whether all processes came with the same text."""
        digest = hashlib.blake2b(text.encode(), digest_size=6).digest()
        number = float(int.from_bytes(digest))  # 48 bits: exact
        own = torch.zeros(self.size, dtype=torch.float64)
        own[self.rank] = number
        return bool((self.total(own) == number).all())


def alone(device: str = "auto") -> Group:
    """This process without others."""
    return Group(0, 1, choose_device(device))


@contextmanager
def joined(device: str = "auto") -> Iterator[Group]:
    """The group that torchrun started this process in, or this process alone.

    When one process fails, the others end as well: the first to notice says why, once.

    Raises:
        InputError: no such device here, or more processes than GPUs.
        YnetError: another process has ended or does not answer.
        AlreadyToldError: it has said so itself, or a third one has.
    """
    if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield alone(device)
        return
    store, rank, size = next(iter(rendezvous("env://", timeout=LONGEST_WAIT)))
    with_nccl = torch.cuda.is_available() and dist.is_nccl_available()
    backend = "cpu:gloo,cuda:nccl" if with_nccl else "gloo"
    dist.init_process_group(
        backend,
        store=dist.PrefixStore("group", store),
        rank=rank,
        world_size=size,
        timeout=LONGEST_WAIT,
    )
    try:
        group = Group(rank, size, _own_device(device))
        yield group
        group.total(torch.zeros(1))  # whoever is done waits for the one that still writes files
    except Exception as error:
        told = _told_once(error, store)
        if told is error:
            raise
        raise told from error
    dist.destroy_process_group()


def _own_device(name: str) -> torch.device:
    """The GPU of this process among those of its machine, or the CPU."""
    device = choose_device(name)
    if device.type == "mps":
        raise InputError(
            "Apple's GPU cannot be shared out among processes: train with one process, or with "
            "--device cpu."
        )
    if device.type == "cpu":
        return device
    local, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= count:
        raise InputError(
            f"More processes than GPUs on this machine, which has {count}: start as many "
            "(--nproc-per-node)."
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def _told_once(error: Exception, store: Any) -> Exception:
    """What this process says of an error: all that went wrong is one sentence of one process."""
    try:
        first = store.add("failures", 1) == 1
    except Exception:  # the store has gone with its process
        first = not _of_another(error)
    if not first:
        return told_by_another()
    if _of_another(error):
        return YnetError(
            "Another process of this training has ended or does not answer, so all end. The last "
            "checkpoint is kept: go on with --resume, with as many processes as you like."
        )
    return error


def _of_another(error: Exception) -> bool:
    """Whether an error only says that another process is not there any more."""
    if isinstance(error, dist.DistError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(word in text for word in ("gloo", "nccl"))
