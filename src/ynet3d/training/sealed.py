"""A file of safetensors that holds the checksum of all its own bytes, in its header.

Safetensors alone would take a changed number for the number. The checksum is computed with zeros in
its own place, and one file stays one file, which is replaced at once or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save

from ynet3d.files import atomic_path

_EMPTY = "0" * 64
_SEAL = re.compile(rb'"sha256":"([0-9a-f]{64})"')


def save_sealed(path: Path, tensors: dict[str, torch.Tensor], facts: Mapping[str, str]) -> None:
    """Write tensors (contiguous, on the CPU) and facts atomically; they outlive a power cut."""
    data = memoryview(save(tensors, metadata={**facts, "sha256": _EMPTY}))
    found = _SEAL.search(_header(data))
    assert found is not None
    start, end = (8 + place for place in found.span(1))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(data[:start])
        file.write(hashlib.sha256(data).hexdigest().encode())
        file.write(data[end:])
        file.flush()
        os.fsync(file.fileno())


def seal_is_broken(path: Path) -> bool:
    """Whether a file has another checksum than it says; files that say none have none to break."""
    with path.open("rb") as file:
        head = file.read(8)
        head += file.read(min(int.from_bytes(head, "little"), path.stat().st_size))
        found = _SEAL.search(head, 8)
        if found is None:
            return False
        start, end = found.span(1)
        digest = hashlib.sha256(head[:start] + _EMPTY.encode() + head[end:])
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest().encode() != found[1]


def _header(data: memoryview) -> bytes:
    return bytes(data[8 : 8 + int.from_bytes(data[:8], "little")])
