"""What an engine is: it starts workers, and tells when one of them has something to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ynet3d.archive.messages import Outcome
from ynet3d.archive.options import RunOptions
from ynet3d.archive.worker import CaseWorker, WorkerPlan


class Worker(Protocol):
    """One `CaseWorker` somewhere else; one request at a time."""

    name: str

    def ask(self, method: str, *arguments: Any) -> None:
        """Call a method of it; what it returns comes by `poll`."""

    def poll(self) -> Outcome | None:
        """The outcome of the last request, or that it died; None if there is none yet."""

    def kill(self) -> None:
        """End it at once."""


class Engine(Protocol):
    """Where workers run."""

    def start(self, name: str) -> Worker:
        """A new worker, asked to load."""

    def wait(self, workers: Sequence[Worker], seconds: float) -> None:
        """Until one of them has something to say, or the time is over."""

    def close(self) -> None:
        """End what is left."""


def make_engine(
    options: RunOptions, plan: WorkerPlan, worker: type[CaseWorker] = CaseWorker
) -> Engine:
    """The engine that was asked for.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    if options.engine == "ray":
        from ynet3d.archive.ray_engine import RayEngine

        return RayEngine(plan, worker, workers=options.workers, address=options.ray_address)
    from ynet3d.archive.local_engine import LocalEngine

    return LocalEngine(plan, worker)
