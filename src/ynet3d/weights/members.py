"""One network out of weights that hold one or several, and what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from ynet3d.errors import InputError
from ynet3d.networks import JoinedNetworks
from ynet3d.weights.store import Weights, load_weights


def cases_learnt_from(training_data: Mapping[str, Any]) -> frozenset[str]:
    """Names of the cases that one network was trained on, and those of the one it began as."""
    before = training_data.get("started_from", {}).get("training_cases", ())
    return frozenset(training_data.get("training_cases", ())) | frozenset(before)


@dataclass(frozen=True)
class Member:
    """A network to go on from.

    Attributes:
        weights: its own, alone.
        number: which of several it is, from 1; None if it was alone.
    """

    weights: Weights
    number: int | None = None

    @property
    def network(self) -> nn.Module:
        """In evaluation mode, on the CPU."""
        return self.weights.network

    @property
    def trained_on(self) -> frozenset[str]:
        """Names of the cases that it has learnt from."""
        data = self.weights.facts.get("training_data", {})
        names = cases_learnt_from(data)
        if self.number is not None:
            names -= frozenset(data.get("left_out_by_member", ())[self.number - 1])
        return names

    def as_json(self) -> dict[str, Any]:
        """Where it is from, for the facts of what is trained from it."""
        return {
            "file": self.weights.path.name,
            "sha256": self.weights.facts.get("sha256"),
            "member": self.number,
            "training_cases": sorted(self.trained_on),
        }


def load_member(path: str | Path, number: int | None = None) -> Member:
    """The only network of weights, or the one with that number, from 1.

    Raises:
        InputError: weights that cannot be used, or no such number.
    """
    weights = load_weights(path)
    if not isinstance(weights.network, JoinedNetworks):
        if number is not None:
            raise InputError(f"The weights {path} hold one network: leave the member out.")
        return Member(weights)
    count = len(weights.network.members)
    if number is None or not 1 <= number <= count:
        raise InputError(
            f"The weights {path} hold {count} networks: choose one, from 1 to {count} (--member)."
        )
    return Member(replace(weights, network=weights.network.members[number - 1]), number)
