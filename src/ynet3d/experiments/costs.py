"""What each network of an experiment costs: parameters, FLOPs, time and memory."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ynet3d.experiments.execution import read_result
from ynet3d.experiments.plan import PlannedRun
from ynet3d.files import write_csv


@dataclass(frozen=True)
class RunCost:
    """The cost of one network.

    Attributes:
        flop: of one input, a multiply-add counts as two.
        epochs, training_seconds: of the whole training, validation included.
        peak_memory_bytes: of a GPU by tensors, of a CPU by the training process.
        seconds_per_case: mean, from the scan in memory to its mask in memory.
        best_validation_dice: mean of liver and tumour, of the weights that were kept.
    """

    name: str
    title: str
    width: int
    parameters: int
    flop: int
    epochs: int
    training_seconds: float
    peak_memory_bytes: int
    seconds_per_case: float | None
    best_validation_dice: float
    device: str
    threads: int


def gather_costs(
    runs: Sequence[PlannedRun],
    trained: Path,
    seconds: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> list[RunCost]:
    """The costs of finished runs; `seconds` by run, test set and case."""
    costs = []
    for run in runs:
        result = read_result(trained / run.name)
        times = [value for cases in seconds.get(run.name, {}).values() for value in cases.values()]
        costs.append(
            RunCost(
                run.name,
                run.title,
                run.width,
                run.cost.parameters,
                run.cost.flop,
                result["epochs"],
                result["seconds"],
                result["peak_memory_bytes"],
                statistics.fmean(times) if times else None,
                result["best_validation_dice"],
                result["device"],
                result["threads"],
            )
        )
    return costs


def write_costs(costs: Sequence[RunCost], path: Path) -> None:
    """Write a CSV, one row a network."""
    rows = [list(asdict(cost).values()) for cost in costs]
    write_csv(path, list(RunCost.__dataclass_fields__), rows)
