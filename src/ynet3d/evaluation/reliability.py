"""What is said against what holds, in bins of confidence (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Sums in bins of equal width from 0 to 1, so that scans can be added up.

    Attributes:
        count: (bins,), how many answers lie in each.
        said: (bins,), the sum of their confidences.
        held: (bins,), how many of them were right.
    """

    count: Floats
    said: Floats
    held: Floats

    @classmethod
    def of(
        cls, confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], *, bins: int
    ) -> Reliability:
        """From answers: how sure (n,), from 0 to 1, and whether each was right (n,)."""
        place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
        count, said, held = (
            np.bincount(place, weights=weights, minlength=bins).astype(np.float64)
            for weights in (None, confidence, right)
        )
        return cls(count, said, held)

    @classmethod
    def together(cls, parts: Sequence[Reliability]) -> Reliability:
        """The sum of `parts`, one at least, of as many bins."""
        return cls(*(sum(getattr(part, name) for part in parts) for name in vars(parts[0])))

    @property
    def answers(self) -> int:
        """How many there are."""
        return int(self.count.sum())

    @property
    def error(self) -> float | None:
        """Expected calibration error: mean over answers of |said - held| of their bin, 0 to 1.

        None without answers. With few of them in a bin it is above 0 by chance alone.
        """
        if not self.answers:
            return None
        return float(np.abs(self.said - self.held).sum() / self.count.sum())

    def points(self) -> tuple[Floats, Floats, Floats]:
        """Of the bins that are not empty: mean confidence, share that was right, and count."""
        filled = self.count > 0
        count = self.count[filled]
        return self.said[filled] / count, self.held[filled] / count, count

    def as_json(self) -> dict[str, Any]:
        """For a file: the error, and mean confidence, share right and count of each filled bin."""
        said, held, count = self.points()
        return {
            "expected_calibration_error": None if self.error is None else round(self.error, 5),
            "answers": self.answers,
            "bins": [
                {"said": round(s, 4), "held": round(h, 4), "answers": int(n)}
                for s, h, n in zip(said.tolist(), held.tolist(), count.tolist(), strict=True)
            ],
        }
