"""One network out of weights that hold one or several, and what it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
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
        checksum: of the file.
    """

    weights: Weights
    number: int | None = None
    checksum: str | None = None

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
            "sha256": self.checksum,
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
        return Member(weights, checksum=weights.facts.get("sha256"))
    count = len(weights.network.members)
    if number is None or not 1 <= number <= count:
        raise InputError(
            f"The weights {path} hold {count} networks: choose one, from 1 to {count} (--member)."
        )
    return member_of(weights, number)


def member_of(weights: Weights, number: int) -> Member:
    """The network with that number, from 1, of weights that hold several."""
    checksum = weights.facts.get("sha256")
    own = checksum_of_members(weights, [number])
    alone = replace(
        weights,
        network=weights.network.get_submodule(f"members.{number - 1}"),
        facts=weights.facts | {"sha256": own, "member": number, "file_sha256": checksum},
    )
    return Member(alone, number, checksum)


def checksum_of_members(weights: Weights, numbers: Iterable[int]) -> str | None:
    """What stands for these networks of `weights` where things are kept by checksum."""
    checksum = weights.facts.get("sha256")
    if checksum is None:
        return None
    named = f"{checksum} {' '.join(str(number) for number in numbers)}"
    return hashlib.sha256(named.encode()).hexdigest()


def never_saw(weights: Weights, case: str) -> Weights | None:
    """The networks among `weights` that have not learnt from `case`: all, one of several, or none.

    One, because members that were trained in folds each leave out cases of their own.
    """
    count = weights.facts.get("members", 1)
    if case not in cases_learnt_from(weights.facts.get("training_data", {})):
        return weights
    for number in range(1, count + 1) if count > 1 else ():
        member = member_of(weights, number)
        if case not in member.trained_on:
            return member.weights
    return None
