"""The API of the page and of the Python client."""

from __future__ import annotations

import mimetypes
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from ynet3d import __version__
from ynet3d.labels import RESEARCH_USE
from ynet3d.serving.access import COOKIE, cookie_of
from ynet3d.serving.bodies import announced_bytes
from ynet3d.serving.context import JobView, context_of
from ynet3d.serving.folders import IMAGE
from ynet3d.serving.metrics import metrics_text
from ynet3d.serving.problems import content, problems
from ynet3d.serving.problems import upload as upload_body

router = APIRouter(prefix="/api")

#: The report is a page with a script of its own: shown, but kept from everything of this server.
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: "
    "blob:; font-src data:; frame-src data: blob:; sandbox allow-scripts allow-popups"
)
_SHOWN = (".png", ".html", ".pdf", ".json")
_TYPES = {".gz": "application/gzip", ".csv": "text/csv", ".dcm": "application/dicom"}


class Login(BaseModel):
    """The secret of this server."""

    token: str


@router.get("/health", tags=["server"])
def health(request: Request) -> dict[str, Any]:
    """Whether the server and its queue work; tells nothing of any scan."""
    counts = context_of(request).store.counts()
    return {
        "status": "ok",
        "version": __version__,
        "needs_token": context_of(request).settings.token is not None,
        "jobs": {state: counts[state] for state in sorted(counts)},
        "notice": RESEARCH_USE,
    }


@router.post("/login", tags=["server"])
def login(request: Request, response: Response, given: Login) -> dict[str, bool]:
    """Exchange the token for a cookie, so that a browser need not keep it."""
    token = context_of(request).settings.token
    if token is None:
        return {"known": True}
    context_of(request).check_secret(request, given.token)
    response.set_cookie(
        COOKIE,
        cookie_of(token),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return {"known": True}


@router.get("/limits", tags=["server"])
def limits(request: Request) -> dict[str, Any]:
    """What this server accepts, and how long it keeps it."""
    settings = context_of(request).settings
    return {"upload_bytes": settings.upload_limit, "keep_hours": settings.keep_hours}


@router.post("/jobs", status_code=201, tags=["jobs"], openapi_extra=upload_body())
async def upload(
    request: Request,
    name: Annotated[str, Query(description="the file's own name", max_length=1000)],
) -> JobView:
    """Send a scan: the file itself is the body (`curl -T scan.nii.gz ...?name=scan.nii.gz`).

    One CT as .nii.gz, .nii, .nrrd, .mha, or a .zip of the DICOM files of a series. 413: too large.
    422: not a scan, or a zip with path tricks. 507: the disk is full. Nothing of it is kept then.
    """
    context = context_of(request)
    announced = announced_bytes(request.headers)
    job = await context.take(request.stream(), name, announced=announced)
    return await run_in_threadpool(context.view, job)


@router.get(
    "/jobs",
    tags=["jobs"],
    responses={200: content(headers={"x-total-count": "how many jobs there are"})},
)
def jobs(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=1000, description="how many at most")] = 100,
    before: Annotated[
        int | None, Query(ge=0, le=2**53, description="only jobs with a lower number")
    ] = None,
) -> list[JobView]:
    """The jobs that are kept, newest first: a page of them.

    The header `x-total-count` says how many there are; `before`, given the lowest number of a page,
    leads to the next one.
    """
    context = context_of(request)
    response.headers["x-total-count"] = str(sum(context.store.counts().values()))
    return context.views(context.store.page(limit, before=before))


@router.get("/jobs/{identifier}", tags=["jobs"], responses=problems(404))
def job(request: Request, identifier: str) -> JobView:
    """One job: its state, its progress, its files."""
    context = context_of(request)
    return context.view(context.job(identifier))


@router.post("/jobs/{identifier}/cancel", tags=["jobs"], responses=problems(404, 409))
def cancel(request: Request, identifier: str) -> JobView:
    """Stop a job that waits or runs; what it had done is removed. 409: it had ended before."""
    context = context_of(request)
    if not context.supervisor.cancel(context.job(identifier)):
        raise HTTPException(409, "This job has ended already.")
    return context.view(context.job(identifier))


@router.delete("/jobs/{identifier}", status_code=204, tags=["jobs"], responses=problems(404))
def delete(request: Request, identifier: str) -> None:
    """Remove a job and everything of it, also while it runs."""
    context = context_of(request)
    context.supervisor.delete(context.job(identifier))


@router.get(
    "/jobs/{identifier}/files/{name:path}",
    tags=["results"],
    response_class=FileResponse,
    responses={200: content("*/*"), **problems(404)},
)
def file(request: Request, identifier: str, name: str) -> FileResponse:
    """One file of the result, as the job lists them."""
    context = context_of(request)
    path = context.folders.file(context.job(identifier).id, name)
    if path is None:
        raise HTTPException(404, "This job has no such file.")
    suffix = path.suffix.lower()
    kind = _TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"content-security-policy": _REPORT_POLICY} if suffix == ".html" else None
    return FileResponse(
        path,
        media_type=kind,
        filename=path.name,
        headers=headers,
        content_disposition_type="inline" if suffix in _SHOWN else "attachment",
    )


@router.get(
    "/jobs/{identifier}/all.zip",
    tags=["results"],
    response_class=FileResponse,
    responses={200: content("application/zip"), **problems(404, 409)},
)
def everything(request: Request, identifier: str) -> FileResponse:
    """The whole result as one zip."""
    context = context_of(request)
    found = context.job(identifier)
    names = [name for name in context.folders.files(found.id) if name != IMAGE]
    if not names:
        raise HTTPException(409, "This job has no result yet.")
    with tempfile.NamedTemporaryFile(
        dir=context.folders.uploads, suffix=".zip", delete=False
    ) as packed:
        target = Path(packed.name)
    try:
        # Stored: nearly all of it is compressed already.
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name in names:
                path = context.folders.file(found.id, name)
                if path is not None:
                    archive.write(path, name)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return FileResponse(
        target,
        media_type="application/zip",
        filename=f"ynet3d-{found.number}.zip",
        background=BackgroundTask(target.unlink, missing_ok=True),
    )


@router.put(
    "/jobs/{identifier}/mask",
    status_code=202,
    tags=["results"],
    openapi_extra=upload_body(),
    responses=problems(404, 409),
)
async def correct(request: Request, identifier: str) -> JobView:
    """Send a corrected mask (.nii.gz, 0 background, 1 liver, 2 tumour) on the scan's very grid.

    The job is queued again: statistics, pictures, surfaces, report and DICOM are made anew.
    409: the job is not done. 422: the mask lies on another grid, or holds other labels.
    """
    context = context_of(request)
    found = await run_in_threadpool(context.job, identifier)
    taken = await context.take_mask(request.stream(), found)
    return await run_in_threadpool(context.view, taken)


metrics_router = APIRouter()


@metrics_router.get("/metrics", response_class=PlainTextResponse, tags=["server"])
def metrics(request: Request) -> str:
    """Numbers for a monitor, in Prometheus' text format."""
    context = context_of(request)
    return metrics_text(context.store, context.folders, context.counters)
