"""Several trained networks that answer as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ynet3d.errors import InputError
from ynet3d.networks.joined import LEAST_PROBABILITY
from ynet3d.weights import Weights, load_weights

OneOrMore = Weights | str | Path | Sequence[Weights | str | Path]


def load_members(weights: OneOrMore) -> tuple[Weights, ...]:
    """Load what is not loaded yet.

    Raises:
        InputError: none, weights that cannot be used, or that were trained on different grids.
    """
    several = (weights,) if isinstance(weights, Weights | str | Path) else tuple(weights)
    if not several:
        raise InputError("There are no weights: give one file or run folder, or several.")
    members = tuple(w if isinstance(w, Weights) else load_weights(w) for w in several)
    first = members[0]
    for member in members[1:]:
        for part in ("preprocessing", "patches"):
            if getattr(member.recipe, part) != getattr(first.recipe, part):
                raise InputError(
                    f"The weights {first.path} and {member.path} cannot predict together: their "
                    f"recipes differ in {part}; give weights that were trained alike, such as "
                    "those of several folds."
                )
    return members


def mean_logits(logits: Iterable[torch.Tensor]) -> torch.Tensor:
    """Logarithm of the mean probability of `logits` (classes, D, H, W); of one, itself."""
    members = iter(logits)
    first = next(members)
    total, count = first, 1
    for member in members:
        if count == 1:
            total = first.softmax(0)
        total += member.softmax(0)
        count += 1
    return first if count == 1 else total.div_(count).clamp_(min=LEAST_PROBABILITY).log_()
