"""Learning rate over a run, and when the run is over: after its epochs, or after its minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ynet3d.recipes import Training


@dataclass(frozen=True)
class Schedule:
    """Cosine annealing for each batch from 1 to 0 (SGDR without restarts), after a linear rise.

    With `training.minutes`, the run ends when its steps or its minutes are used up, and the rate
    follows whichever is nearer to its end, so that it always anneals to 0.
    """

    training: Training
    total_steps: int

    def done(self, step: int, seconds: float) -> float:
        """Share of the run that lies behind, from 0; 1 or more: it is over."""
        minutes = self.training.minutes
        by_time = 0.0 if minutes is None else seconds / (60 * minutes)
        return max(step / max(1, self.total_steps), by_time)

    def learning_rate(self, step: int, seconds: float) -> float:
        """Learning rate of `step` (from 0), `seconds` into the run."""
        training = self.training
        if step < training.warmup_steps:
            return training.learning_rate * (step + 1) / training.warmup_steps
        rise = training.warmup_steps / max(1, self.total_steps)
        fall = (self.done(step, seconds) - rise) / max(1e-12, 1 - rise)
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, fall))))
