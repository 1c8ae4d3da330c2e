"""What is kept of an epoch: validated weights, as "last" and, if none did better, "best"."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ynet3d.preprocessing import PreparedCase
from ynet3d.recipes import Recipe
from ynet3d.training.averaging import copy_of
from ynet3d.training.checkpoint import RunState
from ynet3d.training.data import TrainingData
from ynet3d.training.distributed import Group
from ynet3d.training.validation import NO_VALIDATION, RULE, validate
from ynet3d.weights import save_weights


@dataclass(frozen=True, eq=False)
class Keeper:
    """Validates a network and writes its weights into the folder of the run."""

    folder: Path
    recipe: Recipe
    data: TrainingData
    validation: Sequence[PreparedCase]
    group: Group

    def keep(
        self,
        network: nn.Module,
        average: dict[str, torch.Tensor] | None,
        state: RunState,
        stop: threading.Event,
    ) -> dict[str, float]:
        """Write the averaged weights, or those of `network`; their Dice of the validation cases.

        Without validation cases the last weights are the best. `network` is in training mode
        afterwards, with the weights it had before; the best score in `state` is brought up to date.

        Raises:
            StoppedError: `stop` was set before the end of validation; nothing has changed.
        """
        kept = average or network.state_dict()
        trained = copy_of(network)
        network.load_state_dict(kept)
        try:
            scores = self._scores(network, stop)
            score = (scores["dice_liver"] + scores["dice_tumour"]) / 2 if scores else state.best
            names = ["last"]
            if score > state.best or not scores:
                state.best = score
                names.append("best")
            for name in names if self.group.first else []:
                self._write(name, network, scores, epoch=state.epoch + 1)
        finally:
            network.load_state_dict(trained)
            network.train()
        return scores

    def _scores(self, network: nn.Module, stop: threading.Event) -> dict[str, float]:
        if not self.validation:
            return {}
        return validate(
            network,
            self.validation,
            self.recipe,
            device=self.group.device,
            group=self.group,
            stop=stop.is_set,
        )

    def _write(
        self, name: str, network: nn.Module, scores: dict[str, float], *, epoch: int
    ) -> None:
        about: dict[str, Any] = {"on": NO_VALIDATION}
        if scores:
            about = {"on": f"{len(self.validation)} validation cases, network grid", "rule": RULE}
        rounded = {name: round(value, 4) for name, value in scores.items()}
        save_weights(
            self.folder / f"{name}.safetensors",
            network.state_dict(),
            self.recipe,
            training_data=self.data.facts(),
            metrics={**rounded, "epoch": epoch, **about},
        )
