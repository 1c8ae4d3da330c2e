"""Devices and label values: what can be chosen, what is said when memory runs out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from ynet3d import devices
from ynet3d.devices import channels_last, choose_device, explained_memory_errors, precision
from ynet3d.errors import InputError, YnetError
from ynet3d.labels import COLOURS, NUM_CLASSES, Label

CPU = torch.device("cpu")


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [
        (True, True, "cuda"),
        (True, False, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ],
)
def test_auto_takes_the_fastest(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device().type == expected
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_here(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pretend(monkeypatch, cuda=name != "cuda", mps=name != "mps")
    with pytest.raises(InputError, match=rf"no usable {name} device: use --device auto or cpu\.$"):
        choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "CPU", "", "cuda:0"])
def test_a_device_that_does_not_exist(name: str) -> None:
    with pytest.raises(InputError, match=rf"no device '{name}': choose one of auto, cpu, cuda"):
        choose_device(name)


@pytest.mark.parametrize(
    ("allocate", "kind"), [(torch.empty, RuntimeError), (np.empty, MemoryError)]
)
def test_allocations_that_fail_are_one_sentence(
    allocate: Callable[[int], object], kind: type[Exception]
) -> None:
    """400 TB: more than a process can address, so this fails on every machine."""
    with pytest.raises(YnetError) as caught, explained_memory_errors("use smaller patches"):
        allocate(10**14)
    assert str(caught.value) == "Out of memory: use smaller patches."
    assert caught.value.exit_code == 1
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GiB)"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),  # oneDNN, of a limit of addresses
        ImportError("x.so: failed to map segment from shared object"),
    ],
)
def test_memory_of_a_gpu(error: RuntimeError) -> None:
    with (
        pytest.raises(YnetError, match=r"^Out of memory: wait\.$"),
        explained_memory_errors("wait"),
    ):
        raise error


def test_other_failures_stay_what_they_are() -> None:
    error = RuntimeError("shapes differ")
    with pytest.raises(RuntimeError) as caught, explained_memory_errors("wait"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("capable", [False, True])
def test_bfloat16_where_asked_for_and_fast(
    monkeypatch: pytest.MonkeyPatch, mixed: bool, capable: bool
) -> None:
    monkeypatch.setattr(devices, "computes_in_bfloat16", lambda device: capable)
    with precision(CPU, mixed=mixed):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if mixed and capable else torch.float32)


def test_channels_last_changes_the_order_in_memory_only() -> None:
    tensor = torch.rand(2, 3, 4, 5, 6)
    moved = channels_last(tensor, CPU)
    assert torch.equal(moved, tensor)
    assert moved.is_contiguous(memory_format=torch.channels_last_3d)
    convolution = channels_last(torch.nn.Conv3d(3, 4, 3), CPU)
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_labels_are_those_of_lits() -> None:
    assert {label.name: int(label) for label in Label} == {
        "BACKGROUND": 0,
        "LIVER": 1,
        "TUMOUR": 2,
    }
    assert NUM_CLASSES == 3
    assert set(COLOURS) == {Label.LIVER, Label.TUMOUR}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_freed_memory_is_kept_for_the_next_tensor() -> None:
    code = (
        "import resource, torch\n"
        "from ynet3d.devices import keep_freed_memory\n"
        "assert keep_freed_memory()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(40):\n"  # the heap needs some rounds to find a place that fits
        "    before = faults()\n"
        "    torch.ones(2**24)\n"
        "print(faults() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000  # of 16384 pages
