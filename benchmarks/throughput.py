"""An archive's throughput against its workers, simulated from measured costs of a case.

    python benchmarks/throughput.py -o docs/scaling.png

Each worker pulls a case, reads it from storage that all share, computes, waits for leave, writes.
The one process that hands out cases does one thing at a time. What is simulated is therefore where
the queue forms: at the cores, at the storage, or at that process. The figures that it starts from
are at the top, with their source; all of them can be given.
"""

from __future__ import annotations

import argparse
import heapq
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ynet3d.files import save_figure
from ynet3d.plots import GREY, INK, new_figure, tidy

WORKERS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Costs:
    """What a case costs, and what all share.

    Attributes:
        cpu_s: mean CPU seconds of a case, which varies with a log-normal `spread`.
        start_s: until a worker has its network.
        input_mb, output_mb: read and written for a case.
        storage_mb_s: of the shared storage, all workers together; worker_mb_s: of one.
        hand_out_s: of the process that hands out cases, for each.
        straggler_share: of cases, that take `straggler_times` as long.
    """

    cpu_s: float = 20.0
    spread: float = 0.5
    start_s: float = 5.0
    input_mb: float = 91.0
    output_mb: float = 1.8
    storage_mb_s: float = 1000.0
    worker_mb_s: float = 100.0
    hand_out_s: float = 0.001
    straggler_share: float = 0.01
    straggler_times: float = 5.0


@dataclass(frozen=True)
class Run:
    """What came out: hours, and how busy each part was (0 to 1)."""

    workers: int
    hours: float
    cases_per_hour: float
    cores_busy: float
    storage_busy: float
    hand_out_busy: float


def simulate(costs: Costs, *, workers: int, cases: int, seed: int = 0) -> Run:
    """One archive of `cases`, one core for each worker."""
    generator = np.random.default_rng(seed)
    seconds = costs.cpu_s * generator.lognormal(-(costs.spread**2) / 2, costs.spread, cases)
    seconds[generator.random(cases) < costs.straggler_share] *= costs.straggler_times
    # Events: (time, number, what happens next, case). Shared parts serve in the order of arrival.
    events = [(costs.start_s, number, "ask", -1) for number in range(workers)]
    heapq.heapify(events)
    storage_free = hand_out_free = storage_used = computed = end = 0.0
    given = 0

    def transfer(now: float, megabytes: float) -> float:
        nonlocal storage_free, storage_used
        begin = max(now, storage_free)
        storage_free = begin + megabytes / costs.storage_mb_s
        storage_used += megabytes / costs.storage_mb_s
        return max(storage_free, begin + megabytes / costs.worker_mb_s)

    while events:
        now, number, step, case = heapq.heappop(events)
        if step == "ask":
            if given == cases:
                continue
            case, given = given, given + 1
            hand_out_free = max(now, hand_out_free) + costs.hand_out_s
            heapq.heappush(events, (hand_out_free, number, "read", case))
        elif step == "read":
            heapq.heappush(events, (transfer(now, costs.input_mb), number, "compute", case))
        elif step == "compute":
            computed += float(seconds[case])
            heapq.heappush(events, (now + float(seconds[case]), number, "write", case))
        else:
            done = transfer(now, costs.output_mb)
            end = max(end, done)
            heapq.heappush(events, (done, number, "ask", -1))
    return Run(
        workers=workers,
        hours=end / 3600,
        cases_per_hour=3600 * cases / end,
        cores_busy=computed / (workers * end),
        storage_busy=storage_used / end,
        hand_out_busy=cases * costs.hand_out_s / end,
    )


def draw(curves: dict[str, list[Run]], target: Path) -> None:
    """Cases per hour against workers, for each kind of storage."""
    figure = new_figure(7.0, 4.2)
    axes = figure.add_subplot()
    colours = ("#2b6cb0", "#2f855a", "#c05621")
    for (name, runs), colour in zip(curves.items(), colours, strict=True):
        workers = [run.workers for run in runs]
        axes.plot(workers, [run.cases_per_hour for run in runs], "o-", ms=4, color=colour)
        last = runs[-1]
        axes.annotate(
            name,
            (last.workers, last.cases_per_hour),
            textcoords="offset points",
            xytext=(8, 0),
            va="center",
            fontsize=8,
            color=colour,
        )
    first = next(iter(curves.values()))[0]
    ideal = [first.cases_per_hour * count for count in WORKERS]
    axes.plot(WORKERS, ideal, "--", color=GREY, linewidth=1, zorder=0)
    axes.text(WORKERS[4], ideal[4] * 1.5, "as many times one", fontsize=8, color=GREY, ha="right")
    axes.set(xscale="log", yscale="log", xlabel="workers, one core each", ylabel="scans an hour")
    axes.set_xlim(0.8, 6000)
    tidy(axes)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    figure.tight_layout()
    save_figure(figure, target)


def main() -> None:
    """Simulate, print a table, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=Path("scaling.png"))
    parser.add_argument("--cases", type=int, default=100_000)
    for name, value in asdict(Costs()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value)
    words = vars(parser.parse_args())
    out, cases = words.pop("out"), words.pop("cases")
    costs = Costs(**words)
    curves = {}
    print("| storage MB/s | workers | scans an hour | hours | cores busy | storage | hand-out |")
    print("|---|---|---|---|---|---|---|")
    for storage in (100.0, 1000.0, 10_000.0):
        runs = [
            simulate(replace(costs, storage_mb_s=storage), workers=count, cases=cases)
            for count in WORKERS
        ]
        curves[f"storage of {storage:,.0f} MB/s"] = runs
        for run in runs:
            print(
                f"| {storage:.0f} | {run.workers} | {run.cases_per_hour:.0f} | {run.hours:.1f} | "
                f"{run.cores_busy:.0%} | {run.storage_busy:.0%} | {run.hand_out_busy:.0%} |"
            )
    draw(curves, out)
    print(json.dumps(asdict(costs)))


if __name__ == "__main__":
    main()
