"""Images of the MONAI Label protocol: jobs by the names that its plug-ins know them by."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from ynet3d.documents import DocumentError, parse_json
from ynet3d.labels import Label
from ynet3d.serving.bodies import announced_bytes, counted
from ynet3d.serving.context import Context
from ynet3d.serving.folders import name_on_disk
from ynet3d.serving.job import Job, State
from ynet3d.serving.jobs import new_identifier
from ynet3d.serving.uploads import TooLargeError, explained_full_disk
from ynet3d.volumes.formats import volume_suffix

LABELS = {"liver": int(Label.LIVER), "tumour": int(Label.TUMOUR)}
_CHUNK_BYTES = 2**20
_MAX_FILES = 20_000
#: Fields that are no files are kept in memory, each of up to a megabyte.
_MAX_FIELDS = 20


def find_image(context: Context, name: str) -> Job:
    """The newest job of that identifier, SeriesInstanceUID, or file name without suffix."""
    found = context.store.called(name)
    if found is None:
        raise HTTPException(404, "There is no such image here: send it first.")
    return found


def datastore_counts(context: Context) -> dict[str, Any]:
    """How many images there are, and how many have a mask that a person has seen to."""
    counts, corrected = context.store.counts(), context.store.corrected()
    tags = {"original": counts[State.DONE], "final": corrected}
    return {
        "total": sum(counts.values()),
        "completed": corrected,
        "label_tags": {tag: count for tag, count in tags.items() if count},
    }


@asynccontextmanager
async def form_of(
    request: Request,
) -> AsyncIterator[tuple[dict[str, Any], dict[str, list[UploadFile]]]]:
    """The form of a request: `params`, read as JSON, and its files; gone at the end.

    Raises:
        TooLargeError: larger than this server accepts, seen before or while it comes in.
        InputError: `params` is no JSON object.
    """
    limit = _context_limit(request)
    too_large = f"The request is larger than the {limit / 1e6:g} MB that this server accepts."
    if (announced_bytes(request.headers) or 0) > limit:
        raise TooLargeError(too_large)
    request._receive = counted(request.receive, limit, too_large)
    with explained_full_disk():  # parts are kept in temporary files
        form = await request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS)
    try:
        files: dict[str, list[UploadFile]] = {}
        params: dict[str, Any] = {}
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.setdefault(name, []).append(value)
            elif name in ("params", "info"):
                params = _json(value)
        yield params, files
    finally:
        await form.close()


def _context_limit(request: Request) -> int:
    context: Context = request.app.state.context
    return context.settings.upload_limit


def _json(text: str) -> dict[str, Any]:
    try:
        content = parse_json(text or "{}")
    except DocumentError:
        content = None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise HTTPException(422, "params is not a JSON object.")
    return content


async def take_file(context: Context, file: UploadFile, image: str = "") -> Job:
    """Queue a scan that came in a form, called `image` if that is given."""
    own = Path(file.filename or "image.nii.gz").name
    name = f"{image}{volume_suffix(own)}" if image else own
    return await context.take(chunks_of(file), name, announced=file.size)


async def take_files(context: Context, files: list[UploadFile]) -> Job:
    """Queue a scan that came as one file, or as the files of a DICOM series."""
    if len(files) == 1:
        return await take_file(context, files[0])
    packed = context.folders.uploads / f"{new_identifier()}.zip"
    try:
        with explained_full_disk():
            await run_in_threadpool(_pack, files, packed)
        return await context.take(_chunks_of_path(packed), "session.zip")
    finally:
        packed.unlink(missing_ok=True)


def _pack(files: list[UploadFile], target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, file in enumerate(files):
            name = f"{number:05d}-{name_on_disk(file.filename or 'slice.dcm')}"
            with archive.open(name, "w", force_zip64=True) as member:
                while chunk := file.file.read(_CHUNK_BYTES):
                    member.write(chunk)


async def chunks_of(file: UploadFile) -> AsyncIterator[bytes]:
    """The content of a file that came in a form, piece by piece."""
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk


async def _chunks_of_path(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await run_in_threadpool(file.read, _CHUNK_BYTES):
            yield chunk
