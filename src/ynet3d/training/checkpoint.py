"""The state of a run in one file, so that it is always whole: tensors and a JSON header."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ynet3d.errors import InputError
from ynet3d.training.sealed import save_sealed, seal_is_broken

FILE = "checkpoint.safetensors"


@dataclass
class RunState:
    """Where a run stands; everything that is not a tensor."""

    epoch: int = 0  # complete epochs
    step: int = 0  # steps done in the running epoch
    loss_sum: float = 0.0  # over those steps, less those skipped
    skipped: int = 0  # of those steps: neither loss nor weights count, see `not_finite`
    skipped_in_a_row: int = 0  # up to now
    learning_rate: float = 0.0  # of the last step
    seconds: float = 0.0  # spent so far
    best: float = -1.0  # best validation score so far
    peak_memory_bytes: int = 0  # of the device, on a CPU of the process; 0: not known
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def mean_loss(self) -> float | None:
        """Over the steps of the running epoch that counted."""
        counted = self.step - self.skipped
        return self.loss_sum / counted if counted else None


def save_checkpoint(
    folder: Path,
    state: RunState,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor] | None,
    supervision: nn.Module | None = None,
) -> None:
    """Write the checkpoint of a run atomically, with a checksum."""
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    if supervision is not None:
        heads = supervision.state_dict().items()
        tensors |= {f"supervision/{name}": value for name, value in heads}
    for index, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            tensors[f"optimiser/{index}/{name}"] = torch.as_tensor(value)
    for name, value in (average or {}).items():
        tensors[f"average/{name}"] = value
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_sealed(folder / FILE, contiguous, {"state": json.dumps(asdict(state))})


def load_checkpoint(
    folder: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor] | None,
    supervision: nn.Module | None = None,
) -> RunState:
    """Put a saved state back into `network`, `optimiser`, `average` and `supervision`.

    Raises:
        InputError: there is none, or it is damaged or of another network.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"The run {folder} has no {FILE} to resume: train without --resume.")
    if seal_is_broken(path):
        raise InputError(
            f"The checkpoint {path} is damaged (its checksum does not fit): train into a new "
            "folder; its best.safetensors can be what you --start from."
        )
    try:
        with safe_open(path, framework="pt") as stored:
            state = RunState(**json.loads(stored.metadata()["state"]))
            # Copies, because a file that is still mapped cannot be replaced on Windows.
            tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
        network.load_state_dict(_part(tensors, "network/"))
        if supervision is not None:
            supervision.load_state_dict(_part(tensors, "supervision/"))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _part(tensors, "optimiser/").items():
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})
        if average is not None:
            for name, value in _part(tensors, "average/").items():
                average[name].copy_(value)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged or of another network ({type(error).__name__}): "
            "train into a new folder."
        ) from None
    return state


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
