"""What the routes share: settings, queue, files, and how a scan or a mask is taken in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import HTTPException, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ynet3d.errors import InputError, YnetError
from ynet3d.pipelines.corrected_mask import check_corrected_mask
from ynet3d.serving.access import address_of
from ynet3d.serving.folders import JobFolders
from ynet3d.serving.job import ACTIVE, Job, State, Task
from ynet3d.serving.jobs import JobStore, new_identifier
from ynet3d.serving.metrics import Counters
from ynet3d.serving.settings import ServerSettings
from ynet3d.serving.supervisor import Supervisor
from ynet3d.serving.tries import TooManyTriesError, Tries
from ynet3d.serving.uploads import accept, explained_full_disk, receive
from ynet3d.volumes import Volume, write_label


class JobView(BaseModel):
    """A job as the API shows it.

    Attributes:
        ahead: jobs that come first, while it is queued.
        stage, done, total: what is being done; `total` is 0 where steps are not counted.
        message: the result's summary, or why there is none.
        files: what can be had from `/files/`; the mask may be there before the job is done.
        expires: when it will be deleted; times are seconds since 1970.
    """

    id: str
    number: int
    name: str
    task: Task
    state: State
    ahead: int
    stage: str
    done: int
    total: int
    message: str
    notes: list[str]
    revision: int
    files: list[str]
    created: float
    started: float | None
    finished: float | None
    expires: float | None


@dataclass
class Context:
    """Everything of one running server."""

    settings: ServerSettings
    folders: JobFolders
    store: JobStore
    supervisor: Supervisor
    tries: Tries
    counters: Counters = field(default_factory=Counters)

    def check_secret(self, request: Request, given: str) -> None:
        """Let a login through, or answer 401, or 429 to one that has guessed too often."""
        try:
            right = self.tries.is_right(address_of(request.scope), given, self.settings.token or "")
        except TooManyTriesError as error:
            raise HTTPException(429, str(error), error.headers) from None
        if not right:
            raise HTTPException(401, "That is not the token of this server.")

    def job(self, identifier: str) -> Job:
        """A job, or the answer 404."""
        found = self.store.get(identifier)
        if found is None:
            raise HTTPException(404, "There is no such job: it may have been deleted.")
        return found

    def view(self, job: Job) -> JobView:
        """A job as the API shows it."""
        return self.views([job])[0]

    def views(self, jobs: Sequence[Job]) -> list[JobView]:
        """Jobs that follow each other in the queue, as the API shows them."""
        ahead = self.store.ahead(jobs)
        return [self._view(job, ahead.get(job.id, 0)) for job in jobs]

    def _view(self, job: Job, ahead: int) -> JobView:
        kept = 3600 * self.settings.keep_hours
        active = job.state in ACTIVE
        return JobView(
            ahead=ahead if job.state is State.QUEUED else 0,
            notes=list(job.notes),
            files=self.folders.files(job.id),
            expires=None if active or job.finished is None else job.finished + kept,
            **{name: getattr(job, name) for name in _SAME},
        )

    async def take(
        self, chunks: AsyncIterator[bytes], name: str, *, announced: int | None = None
    ) -> Job:
        """Take a scan in and queue it.

        Raises:
            InputError: it is refused; nothing of it is left.
        """
        upload = self.folders.uploads / f"{new_identifier()}.part"
        try:
            await receive(chunks, upload, limit=self.settings.upload_limit, announced=announced)
            job = await run_in_threadpool(
                accept,
                self.store,
                self.folders,
                upload,
                name,
                unpacked_limit=self.settings.unpacked_limit,
            )
        except YnetError:
            self.counters.upload("refused")
            raise
        except (ClientDisconnect, OSError):
            self.counters.upload("broken")
            raise
        self.counters.upload("accepted")
        self.supervisor.wake()
        return job

    async def take_mask(
        self, chunks: AsyncIterator[bytes], job: Job, suffix: str = ".nii.gz"
    ) -> Job:
        """Take a corrected mask in, check it, and queue its measurement.

        Raises:
            InputError: it does not lie on the scan's grid, or holds other labels.
        """
        if job.state is not State.DONE:
            raise HTTPException(409, "Only the mask of a finished job can be corrected.")
        upload = self.folders.uploads / f"{new_identifier()}{suffix}"
        try:
            await receive(chunks, upload, limit=self.settings.upload_limit)
            return await run_in_threadpool(self._queue_mask, upload, job)
        finally:
            upload.unlink(missing_ok=True)

    def _queue_mask(self, upload: Path, job: Job) -> Job:
        try:
            label = check_corrected_mask(upload, self.folders.result(job.id))
        except InputError as error:
            error.args = (str(error).replace(str(upload), "The corrected mask"),)
            raise
        return self.queue_mask(label, job)

    def queue_mask(self, label: Volume, job: Job) -> Job:
        """Keep a checked mask, and queue its measurement."""
        target = self.folders.correction(job.id)
        with explained_full_disk():
            target.parent.mkdir(exist_ok=True)
        write_label(label, target)
        if not self.store.correct(job.id):
            raise HTTPException(409, "This job was corrected by somebody else at this moment.")
        self.supervisor.wake()
        return self.job(job.id)


_SAME = (
    *("id", "number", "name", "task", "state", "stage", "done", "total", "message", "revision"),
    *("created", "started", "finished"),
)


def context_of(request: Request) -> Context:
    """The running server that a request came to."""
    context: Context = request.app.state.context
    return context
