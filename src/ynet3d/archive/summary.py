"""What an archive has cost, and what it would cost to go on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ynet3d.archive.manifest import Manifest, State
from ynet3d.archive.options import RunOptions
from ynet3d.archive.scheduler import Tally

_MB = 1e6


@dataclass(frozen=True)
class Summary:
    """Numbers of the whole archive, and of this run.

    Attributes:
        cases, done, failed, waiting: of the whole archive.
        run_done, run_failed, run_retried, run_stolen, run_seconds, workers, engine: of this run.
        cases_per_hour: of this run, done or failed; None if there were none.
        cpu_seconds_per_case: mean of the done ones; peak_memory_mb: most of any worker.
        input_mb, output_mb: of the done ones, 10^6 bytes.
        price_per_case: of this run, in the currency of `price_per_hour`.
        interrupted: the run was stopped before its end.
        exit_code: 0, or the worst of the failed cases.
    """

    cases: int
    done: int
    failed: int
    waiting: int
    run_done: int
    run_failed: int
    run_retried: int
    run_stolen: int
    run_seconds: float
    workers: int
    engine: str
    cases_per_hour: float | None
    cpu_seconds_per_case: float | None
    peak_memory_mb: float
    input_mb: float
    output_mb: float
    price_per_case: float | None
    interrupted: bool
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """For `summary.json`."""
        return asdict(self)

    def sentence(self) -> str:
        """The closing line."""
        words = [f"{self.done} of {self.cases} scans done"]
        if self.failed:
            words.append(f"{self.failed} failed (see manifest.csv)")
        if self.waiting:
            words.append(f"{self.waiting} waiting")
        text = f"{', '.join(words)}."
        if self.cases_per_hour is None:
            return text
        text += (
            f" This run: {self.run_done + self.run_failed} in {self.run_seconds:.0f} s, "
            f"{self.cases_per_hour:.0f} an hour with {self.workers} "
            f"worker{'s' if self.workers > 1 else ''}."
        )
        if self.cpu_seconds_per_case is not None:
            text += (
                f" A scan took {self.cpu_seconds_per_case:.1f} CPU seconds, a worker up to "
                f"{self.peak_memory_mb / 1000:.2f} GB; {self.input_mb:.1f} MB in, "
                f"{self.output_mb:.1f} MB out."
            )
        if self.price_per_case is not None:
            text += f" Price of a scan: {self.price_per_case:.4g}."
        return text


def summarise(
    manifest: Manifest, tally: Tally, *, seconds: float, options: RunOptions, interrupted: bool
) -> Summary:
    """Add up the manifest and this run's `tally`, which took `seconds`."""
    counts, totals = manifest.counts(), manifest.totals()
    done, ended = counts[State.DONE], tally.done + tally.failed
    price = options.price_per_hour
    return Summary(
        cases=sum(counts.values()),
        done=done,
        failed=counts[State.FAILED],
        waiting=counts[State.WAITING] + counts[State.RUNNING],
        run_done=tally.done,
        run_failed=tally.failed,
        run_retried=tally.retried,
        run_stolen=tally.stolen,
        run_seconds=round(seconds, 2),
        workers=options.workers,
        engine=options.engine,
        cases_per_hour=round(3600 * ended / seconds, 2) if ended else None,
        cpu_seconds_per_case=round(totals["cpu_seconds"] / done, 3) if done else None,
        peak_memory_mb=totals["peak_memory_mb"],
        input_mb=round(totals["input_bytes"] / _MB, 3),
        output_mb=round(totals["output_bytes"] / _MB, 3),
        price_per_case=price * seconds / 3600 / ended if price is not None and ended else None,
        interrupted=interrupted,
        exit_code=int(totals["exit_code"]) if counts[State.FAILED] else 0,
    )
