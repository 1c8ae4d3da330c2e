"""A small client of the server, for scripts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ynet3d.errors import InputError, YnetError
from ynet3d.files import atomic_path

_ENDED = ("done", "failed", "cancelled")
#: Jobs that are asked for at a time.
_PAGE = 500


class Client:
    """Uploads scans to a server of `ynet3d serve`, waits, downloads.

    Args:
        url: for instance http://127.0.0.1:8000.
        token: of the server, if it has one.
        timeout: seconds for one answer, not for a job.
        transport: for tests.

    Example:
        >>> with Client("http://127.0.0.1:8000") as client:      # doctest: +SKIP
        ...     job = client.wait(client.upload("scan.nii.gz"))
        ...     client.download(job, "out")
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=timeout, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def upload(self, scan: str | Path) -> str:
        """Send a file (NIfTI, NRRD, MHA, or a zip of DICOM); the job's identifier.

        Raises:
            InputError: there is no such file, or the server refuses it.
            YnetError: the server cannot be reached, or failed.
        """
        path = Path(scan)
        if not path.is_file():
            raise InputError(f"There is no file at {path}: give one file, or a zip of a folder.")
        with path.open("rb") as file:
            answer = self._ask(
                "POST",
                "/api/jobs",
                params={"name": path.name},
                content=file,
                headers={"content-length": str(path.stat().st_size)},
            )
        return str(answer.json()["id"])

    def status(self, job: str) -> dict[str, Any]:
        """The job as the API shows it."""
        content: dict[str, Any] = self._ask("GET", f"/api/jobs/{job}").json()
        return content

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, newest first."""
        found: list[dict[str, Any]] = []
        words = {"limit": _PAGE}
        while True:
            page: list[dict[str, Any]] = self._ask("GET", "/api/jobs", params=words).json()
            found += page
            if len(page) < _PAGE:
                return found
            words["before"] = page[-1]["number"]

    def wait(
        self,
        job: str,
        *,
        timeout: float | None = None,
        poll: float = 0.5,
        watch: Callable[[dict[str, Any]], None] | None = None,
    ) -> str:
        """Wait until a job is done; its identifier.

        Args:
            timeout: seconds.
            poll: seconds between questions.
            watch: called with each answer, for a progress bar.

        Raises:
            InputError: the job failed, or was cancelled.
            YnetError: it took longer than `timeout`.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            now = self.status(job)
            if watch is not None:
                watch(now)
            if now["state"] == "done":
                return job
            if now["state"] in _ENDED:
                raise InputError(now["message"] or f"The job was {now['state']}.")
            if end is not None and time.monotonic() > end:
                raise YnetError(f"The job was not done within {timeout:g} s; it goes on.")
            time.sleep(poll)

    def download(self, job: str, out: str | Path) -> list[Path]:
        """Fetch all files of a result into a folder."""
        folder = Path(out)
        files = []
        for name in self.status(job)["files"]:
            target = folder.joinpath(*name.split("/"))
            if not target.resolve().is_relative_to(folder.resolve()):
                raise YnetError(f"The server offers a file outside of {folder}: {name!r}.")
            with (
                self._http.stream("GET", f"/api/jobs/{job}/files/{name}") as answer,
                atomic_path(target) as temporary,
            ):
                _check(answer)
                with temporary.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
            files.append(target)
        return files

    def correct(self, job: str, mask: str | Path) -> str:
        """Send a corrected mask (NIfTI, on the scan's grid); wait for the job again then."""
        self._ask("PUT", f"/api/jobs/{job}/mask", content=Path(mask).read_bytes())
        return job

    def cancel(self, job: str) -> None:
        """Stop a job that waits or runs."""
        self._ask("POST", f"/api/jobs/{job}/cancel")

    def delete(self, job: str) -> None:
        """Remove a job and everything of it."""
        self._ask("DELETE", f"/api/jobs/{job}")

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise YnetError(
                f"The server at {self._http.base_url} cannot be reached ({error}): start it with "
                "`ynet3d serve`, or check the address."
            ) from None
        _check(answer)
        return answer


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answer.read()
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = f"The server answered {answer.status_code}."
    kind = InputError if answer.status_code < 500 else YnetError
    raise kind(str(detail))
