"""The checksum in a checkpoint: of all its bytes, and those without one are read as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ynet3d.errors import InputError
from ynet3d.training.checkpoint import FILE, RunState, load_checkpoint, save_checkpoint
from ynet3d.training.sealed import save_sealed, seal_is_broken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tensors = {"a": torch.arange(5.0), "b": torch.ones(2, 3, dtype=torch.int64)}
    save_sealed(tmp_path / "x.safetensors", tensors, {"state": '{"epoch": 3}'})
    return tmp_path / "x.safetensors"


def test_it_is_plain_safetensors(path: Path) -> None:
    with safe_open(path, framework="pt") as stored:
        assert torch.equal(stored.get_tensor("a"), torch.arange(5.0))
        assert stored.metadata()["state"] == '{"epoch": 3}'
        assert len(stored.metadata()["sha256"].strip("0")) > 40
    assert not seal_is_broken(path)


def test_any_changed_byte_of_the_numbers_breaks_it(path: Path) -> None:
    data = path.read_bytes()
    for place in range(len(data) - 68, len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert seal_is_broken(path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\xff" * 100, b"\0" * 8])
def test_what_holds_no_checksum_breaks_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    assert not seal_is_broken(tmp_path / "x")


def test_a_damaged_checkpoint_is_refused_and_an_old_one_is_read(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 1)
    optimiser = torch.optim.Adam(network.parameters())
    save_checkpoint(tmp_path, RunState(epoch=2), network, optimiser, None)
    path = tmp_path / FILE
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=r"is damaged \(its checksum does not fit\): .*\.$"):
        load_checkpoint(tmp_path, network, optimiser, None)
    path.write_bytes(data.replace(b'"sha256"', b'"no sum"'))
    assert load_checkpoint(tmp_path, network, optimiser, None).epoch == 2
