"""Whether a faster way to run a network gives the masks of PyTorch in float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ynet3d.labels import Label

Forward = Callable[[torch.Tensor], torch.Tensor]

_AGREEMENT = 0.999
_DICE = {"int8": 0.995}
_DICE_OTHERWISE = 0.999


@dataclass(frozen=True)
class Parity:
    """A runtime's masks against those of PyTorch in float32, on the same input.

    Attributes:
        precision: that was held against float32.
        agreement: share of voxels with the same label.
        dice: by name of each label that either mask holds.
        on: what the input was, in words.
    """

    precision: str
    agreement: float
    dice: dict[str, float]
    on: str

    @property
    def limits(self) -> tuple[float, float]:
        """Least agreement, least Dice."""
        return _AGREEMENT, _DICE.get(self.precision, _DICE_OTHERWISE)

    @property
    def passed(self) -> bool:
        """Whether both limits are kept."""
        agreement, overlap = self.limits
        return self.agreement >= agreement and all(d >= overlap for d in self.dice.values())

    @property
    def words(self) -> str:
        """The figures in one phrase."""
        overlaps = ", ".join(f"Dice {name} {value:.4f}" for name, value in self.dice.items())
        return f"{self.agreement:.3%} of voxels alike, {overlaps or 'no label found'}, on {self.on}"

    def as_json(self) -> dict[str, Any]:
        """Figures, limits and verdict."""
        agreement, overlap = self.limits
        return asdict(self) | {
            "least_agreement": agreement,
            "least_dice": overlap,
            "passed": self.passed,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Parity:
        """What `as_json` gave."""
        return cls(*(content[name] for name in ("precision", "agreement", "dice", "on")))


def compare_labels(
    reference: torch.Tensor, logits: torch.Tensor, *, precision: str, on: str
) -> Parity:
    """Parity of `logits` with the `reference` logits, both (N, classes, D, H, W).

    Logits that are no numbers agree nowhere.
    """
    # Here, because it loads all of the evaluation, and most starts of `predict` check nothing.
    from ynet3d.evaluation import confusion, dice

    expected, found = reference.argmax(1), logits.float().argmax(1)
    if not bool(torch.isfinite(logits).all()):
        return Parity(precision, 0.0, {}, on)
    overlaps = {}
    for label in list(Label)[1:]:
        counts = confusion((found == label).numpy(), (expected == label).numpy())
        if counts.reference or counts.prediction:
            overlaps[label.name.lower()] = float(dice(counts))
    agreement = float((expected == found).double().mean())
    return Parity(precision, agreement, overlaps, on)
