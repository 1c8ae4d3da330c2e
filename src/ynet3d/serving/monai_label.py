"""MONAI Label's REST protocol: what its plug-ins of 3D Slicer and OHIF ask for to segment a scan.

The protocol is that of the client in the package `monailabel` 0.8 and of the OHIF v3 extension:
paths, parameters and shapes of answers. One model, `ynet3d`; nothing trains.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from ynet3d import __version__
from ynet3d.labels import RESEARCH_USE
from ynet3d.pipelines.segmentations import SEGMENTATION, STATISTICS
from ynet3d.serving.context import Context, context_of
from ynet3d.serving.job import Job, State
from ynet3d.serving.monai_label_images import (
    LABELS,
    datastore_counts,
    find_image,
    form_of,
    take_file,
    take_files,
)
from ynet3d.serving.problems import content, form, problems
from ynet3d.volumes import Volume, read_label, write_volume

router = APIRouter(tags=["MONAI Label"])

MODEL = "ynet3d"
#: As `ExtraOutputs` calls it, whose module would bring VTK into the server's process.
DICOM_FOLDER = "dicom"
_DTYPES = {"uint8": np.uint8, "uint16": np.uint16, "int16": np.int16}
_EXTENSIONS = (".nii.gz", ".nii", ".nrrd", ".mha")
_POLL_SECONDS = 0.2


@router.get("/info/")
def info(request: Request) -> dict[str, Any]:
    """What this server can do, as a plug-in asks for it when it connects."""
    model = {
        "type": "segmentation",
        "labels": LABELS,
        "dimension": 3,
        "description": f"Liver and its tumours in CT. {RESEARCH_USE}",
        "config": {},
    }
    return {
        "name": "3DYNet",
        "description": f"Finds the liver and its tumours in CT. {RESEARCH_USE}",
        "version": __version__,
        "labels": list(LABELS),
        "models": {MODEL: model},
        "trainers": {},
        "strategies": {"first": {"description": "The newest scan that nobody has corrected"}},
        "scoring": {},
        "train_stats": {},
        "datastore": datastore_counts(context_of(request)),
        "config": {},
    }


@router.post(
    "/infer/{model}",
    response_class=Response,
    openapi_extra=form("file"),
    responses={
        200: content(
            *("application/octet-stream", "application/dicom"),
            *("multipart/form-data", "application/json"),
        )
        | {"description": "the mask, what was found, or both"},
        **problems(404, 499),
    },
)
async def infer(
    request: Request, model: str, image: str = "", session_id: str = "", output: str = ""
) -> Response:
    """Segment an image: one that the server has (`image`, `session_id`) or that comes as `file`.

    `output`: "image" for the mask, "json" for what was found, "dicom_seg" (DICOM scans), else both
    as multipart/form-data. `params` may ask for `result_extension` and `result_dtype`.
    """
    context = context_of(request)
    if model != MODEL:
        raise HTTPException(404, f"There is no model {model!r} here, only {MODEL!r}.")
    async with form_of(request) as (params, files):
        if files.get("file"):
            job = await take_file(context, files["file"][0], image)
        elif session_id or image:
            job = await run_in_threadpool(find_image, context, session_id or image)
        else:
            raise HTTPException(422, "Name an image or a session, or send a file.")
    job = await _finished(request, context, job)
    found = await run_in_threadpool(_what_was_found, context, job)
    if output == "json":
        return JSONResponse(found)
    if output == "dicom_seg":
        return _dicom_seg(context, job)
    body, name = await run_in_threadpool(_mask, context, job, params)
    if output == "image":
        return Response(
            body,
            media_type="application/octet-stream",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )
    return _multipart(found, body, name)


@router.put("/session/", openapi_extra=form("files"))
async def create_session(request: Request) -> dict[str, Any]:
    """Take in the volume that a plug-in has open; several files are those of one DICOM series."""
    context = context_of(request)
    async with form_of(request) as (_, files):
        sent = files.get("files", [])
        if not sent:
            raise HTTPException(422, "No file came with this request.")
        job = await take_files(context, sent)
    return {"session_id": job.id, "session_info": _session(context, job)}


@router.get(
    "/session/{session_id}", response_model=None, responses={200: content("*/*"), **problems(404)}
)
def get_session(
    request: Request, session_id: str, image: bool = False
) -> dict[str, Any] | FileResponse:
    """A session, or its image."""
    context = context_of(request)
    job = find_image(context, session_id)
    if image:
        return FileResponse(context.folders.input(job), filename=job.file)
    return _session(context, job)


@router.delete("/session/{session_id}", responses=problems(404))
def remove_session(request: Request, session_id: str) -> dict[str, Any]:
    """Forget a session and its image."""
    context = context_of(request)
    job = find_image(context, session_id)
    context.supervisor.delete(job)
    return _session(context, job)


@router.post("/activelearning/{strategy}")
def next_sample(request: Request, strategy: str) -> dict[str, Any]:
    """The newest scan that has a mask which nobody has corrected; empty if there is none."""
    context = context_of(request)
    job = context.store.newest_uncorrected()
    if job is None:
        return {}
    return {"id": job.id, "name": f"{job.id}.nii.gz", "strategy": {strategy: {}}}


@router.get("/train/", responses=problems(404))
def train_status(check_if_running: bool = False) -> dict[str, Any]:
    """Nothing trains here; plug-ins ask for it all the same, and expect 404 then."""
    raise HTTPException(404, "No training runs here: use `ynet3d train`.")


@router.get("/auth/")
def auth(request: Request) -> dict[str, Any]:
    """Whether a plug-in has to ask its user for a name and a password."""
    enabled = context_of(request).settings.token is not None
    return {"enabled": enabled, "client_id": "", "realm": ""}


@router.post("/auth/token")
async def auth_token(request: Request) -> dict[str, Any]:
    """The password is the token of this server; the name does not matter."""
    token = context_of(request).settings.token
    if token is None:
        return {"access_token": None, "token_type": None}
    given = parse_qs((await request.body()).decode("utf-8", "replace")).get("password", [""])[0]
    context_of(request).check_secret(request, given)
    return {"access_token": token, "token_type": "bearer"}


@router.get("/auth/token/valid")
def auth_valid() -> dict[str, Any]:
    """Reached with a valid token only."""
    return {"username": "user", "roles": ["*"]}


async def _finished(request: Request, context: Context, job: Job) -> Job:
    """Wait for the mask; if the caller hangs up, the job goes on all the same."""
    while not await request.is_disconnected():
        now = await run_in_threadpool(context.job, job.id)
        if now.state is State.DONE:
            return now
        if now.state is State.RUNNING and now.revision == 0:
            files = await run_in_threadpool(context.folders.files, job.id)
            if STATISTICS in files:  # surfaces and report may still be coming
                return now
        if now.state in (State.FAILED, State.CANCELLED):
            raise HTTPException(422, now.message or "The job was cancelled.")
        await asyncio.sleep(_POLL_SECONDS)
    raise HTTPException(499, "The caller hung up.")


def _what_was_found(context: Context, job: Job) -> dict[str, Any]:
    path = context.folders.result(job.id) / STATISTICS
    found = json.loads(path.read_text("utf-8"))
    kept = ("summary", "liver_ml", "tumour_ml", "lesion_count", "notes", "seconds", "notice")
    return {
        "label_names": LABELS,
        "latencies": {"total": found.get("seconds")},
        "image": job.id,
        "statistics": {name: found[name] for name in kept if name in found},
    }


def _mask(context: Context, job: Job, params: dict[str, Any]) -> tuple[bytes, str]:
    extension = params.get("result_extension") or ".nii.gz"
    if extension not in _EXTENSIONS:
        raise HTTPException(
            422, f"result_extension is {extension!r}, expected one of {', '.join(_EXTENSIONS)}."
        )
    dtype = _DTYPES.get(str(params.get("result_dtype", "uint8")), np.uint8)
    path = context.folders.result(job.id) / SEGMENTATION
    name = f"{job.id}{extension}"
    if extension == ".nii.gz" and dtype is np.uint8:
        return path.read_bytes(), name
    label = read_label(path)
    with tempfile.TemporaryDirectory(prefix="ynet3d-") as folder:
        target = Path(folder) / name
        write_volume(Volume(label.array.astype(dtype), label.affine), target)
        return target.read_bytes(), name


def _dicom_seg(context: Context, job: Job) -> Response:
    for name in context.folders.files(job.id):
        if name.startswith(f"{DICOM_FOLDER}/") and "seg" in Path(name).stem.lower():
            path = context.folders.file(job.id, name)
            if path is not None:
                return FileResponse(path, media_type="application/dicom", filename=path.name)
    raise HTTPException(
        422, "There is no DICOM SEG of this image: it did not come as DICOM, or no mask was found."
    )


def _multipart(found: dict[str, Any], body: bytes, name: str) -> Response:
    border = secrets.token_hex(16)
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="params"\r\n'
        f"Content-Type: application/json\r\n\r\n{json.dumps(found)}\r\n".encode(),
        f'--{border}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode(),
        body,
        f"\r\n--{border}--\r\n".encode(),
    ]
    return Response(b"".join(parts), media_type=f"multipart/form-data; boundary={border}")


def _session(context: Context, job: Job) -> dict[str, Any]:
    return {
        "name": job.id,
        "image": job.id,
        "meta": {},
        "creation_ts": int(job.created),
        "last_access_ts": int(job.created),
        "expiry": int(3600 * context.settings.keep_hours),
    }
