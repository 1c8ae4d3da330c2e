"""Workers as actors of a Ray cluster: one on this machine, or an existing one by its address."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ynet3d.archive.messages import Kind, Outcome
from ynet3d.archive.worker import CaseWorker, WorkerPlan
from ynet3d.errors import InputError, YnetError, require_package
from ynet3d.processes import python_path

if TYPE_CHECKING:
    from ynet3d.archive.engines import Worker

_OBJECT_STORE_BYTES = 80_000_000  # nothing large goes through it; Ray's least is 75 MB
_SECONDS_TO_END = 10.0


def require_ray() -> None:
    """Make sure that Ray is there, without importing it.

    Raises:
        MissingExtraError: it is not installed.
    """
    require_package("ray", extra="ray", purpose="--engine ray")


class RayWorker:
    """An actor, and what it was asked last."""

    def __init__(self, name: str, actor: Any) -> None:
        self.name, self.actor = name, actor
        self.request: Any = None

    def ask(self, method: str, *arguments: Any) -> None:
        """See `engines.Worker`."""
        self.request = getattr(self.actor, method).remote(*arguments)

    def poll(self) -> Outcome | None:
        """See `engines.Worker`."""
        import ray

        if self.request is None:
            return None
        ready, _ = ray.wait([self.request], timeout=0)
        if not ready:
            return None
        request, self.request = self.request, None
        try:
            outcome: Outcome = ray.get(request)
        except ray.exceptions.RayError as error:
            first = str(error).strip().partition("\n")[0]
            return Outcome(
                Kind.DIED, f"The worker of this scan ended ({type(error).__name__}: {first})."
            )
        return outcome

    def kill(self) -> None:
        """See `engines.Worker`."""
        import ray

        self.request = None
        with suppress(ray.exceptions.RayError, ValueError):
            ray.kill(self.actor)


class RayEngine:
    """Starts actors; Ray finds the machines for them."""

    def __init__(
        self,
        plan: WorkerPlan,
        worker: type[CaseWorker] = CaseWorker,
        *,
        workers: int,
        address: str | None,
    ) -> None:
        """Connect to a cluster, or start one on this machine with a place for each worker.

        Raises:
            MissingExtraError: Ray is not installed.
            InputError: there is no cluster at that address.
        """
        require_ray()
        import ray

        self._plan, self._workers = plan, list[RayWorker]()
        own: dict[str, Any] = {
            "num_cpus": workers * plan.threads,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
        try:
            with _environment_of_a_cluster():
                ray.init(
                    address=address or "local",
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **({} if address else own),
                )
        except ConnectionError as error:
            raise InputError(
                f"There is no Ray cluster at {address} ({error}): start one with `ray start "
                "--head`, or leave --ray-address out."
            ) from None
        except Exception as error:  # Ray has many
            ray.shutdown()
            raise YnetError(f"Ray did not start ({type(error).__name__}: {error}).") from error
        self._actor = ray.remote(worker)

    def start(self, name: str) -> RayWorker:
        """See `engines.Engine`."""
        options = {"num_cpus": self._plan.threads, "max_restarts": 0, "max_task_retries": 0}
        actor = self._actor.options(**options).remote(self._plan, name)
        worker = RayWorker(name, actor)
        self._workers.append(worker)
        worker.ask("load")
        return worker

    def wait(self, workers: Sequence[Worker], seconds: float) -> None:
        """See `engines.Engine`."""
        import ray

        requests = [worker.request for worker in workers if isinstance(worker, RayWorker)]
        pending = [request for request in requests if request is not None]
        if pending:
            ray.wait(pending, timeout=seconds)
        else:
            time.sleep(seconds)

    def close(self) -> None:
        """See `engines.Engine`."""
        import ray

        asked = []
        for worker in self._workers:
            with suppress(ray.exceptions.RayError, ValueError):
                asked.append(worker.actor.close.remote())
        with suppress(ray.exceptions.RayError, ValueError):
            if asked:
                ray.wait(asked, num_returns=len(asked), timeout=_SECONDS_TO_END)
        for worker in self._workers:
            worker.kill()
        ray.shutdown()


@contextmanager
def _environment_of_a_cluster() -> Iterator[None]:
    """What processes of a cluster that is started here find in their environment.

    Actors find this very package, and nobody is told of the use of Ray, which it does unless this
    is set before it starts.
    """
    wanted = {"PYTHONPATH": python_path(), "RAY_USAGE_STATS_ENABLED": "0"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
