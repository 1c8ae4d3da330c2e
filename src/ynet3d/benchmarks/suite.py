"""`ynet3d bench`: all measurements by name, and what is written of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from ynet3d.benchmarks.ceilings import Ceilings, measure_ceilings
from ynet3d.benchmarks.rows import Findings, Point, Row
from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder
from ynet3d.hardware import hardware
from ynet3d.progress import Progress

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Context:
    """What a measurement may use.

    Attributes:
        ceilings: of this machine's CPU.
        folder: for pictures.
        quick: tiny sizes, to see that everything works; the figures mean nothing.
    """

    ceilings: Ceilings
    folder: Path
    quick: bool


@dataclass(frozen=True)
class Benchmark:
    """Everything that was found, and on what."""

    date: str
    machine: dict[str, Any]
    quick: bool
    ceilings: Ceilings
    rows: tuple[Row, ...]
    points: tuple[Point, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `bench.json`."""
        return {
            "date": self.date,
            "machine": self.machine,
            "quick": self.quick,
            "ceilings": asdict(self.ceilings),
            "rows": [row.as_json() for row in self.rows],
            "points": [
                asdict(point) | {"intensity": point.intensity, "rate": point.rate}
                for point in self.points
            ],
            "details": self.details,
        }


def measurements() -> dict[str, Callable[[Context], Findings]]:
    """By name, in the order of the table. To add one: a function in `measured.py`, a line here."""
    from ynet3d.benchmarks import measured, measured_forward

    return {
        "ceilings": measured.ceilings,
        "forward": measured_forward.forward,
        "training": measured.training,
        "loss-curves": measured.loss_curves,
        "gpu": measured.gpu,
        "start-up": measured.start_up,
        "whole-case": measured.whole_case,
    }


def run_bench(
    folder: Path,
    *,
    quick: bool = False,
    only: Sequence[str] = (),
    progress: Progress | None = None,
) -> Benchmark:
    """Measure (all, or `only` some by name) and write bench.json, bench.md, roofline.png.

    Raises:
        InputError: no measurement of that name, or the folder cannot be written.
    """
    from ynet3d.benchmarks.output import write_benchmark

    progress = progress or Progress()
    known = measurements()
    for name in only:
        if name not in known:
            raise InputError(f"There is no measurement {name!r}: choose of {', '.join(known)}.")
    ensure_output_folder(folder)
    chosen = [name for name in known if name in only or not only]
    rows: list[Row] = []
    points: list[Point] = []
    details: dict[str, Any] = {}
    with progress.task("Measuring", total=1 + len(chosen)) as task:
        context = Context(measure_ceilings(CPU, folder=folder, quick=quick), folder, quick)
        task.advance(note="ceilings of this machine")
        for name in chosen:
            found = known[name](context)
            rows += [_judged(row, quick=quick) for row in found.rows]
            points += found.points
            if found.details is not None:
                details[name] = found.details
            task.advance(note=name)
    machine = hardware() | {"torch": torch.__version__, "threads": torch.get_num_threads()}
    result = Benchmark(
        date.today().isoformat(),
        machine,
        quick,
        context.ceilings,
        tuple(rows),
        tuple(points),
        details,
    )
    write_benchmark(result, folder)
    return result


def _judged(row: Row, *, quick: bool) -> Row:
    """Tiny sizes neither meet nor miss a target."""
    if quick and row.limit is not None and not row.reason:
        return replace(row, reason="quick run")
    return row
