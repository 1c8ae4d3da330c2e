"""MONAI Label's `/datastore/`: images and masks of this server, and corrected masks back to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.pipelines.corrected_mask import PREDICTED
from ynet3d.pipelines.segmentations import SEGMENTATION
from ynet3d.serving.context import Context, context_of
from ynet3d.serving.folders import name_on_disk
from ynet3d.serving.job import Job, State
from ynet3d.serving.jobs import new_identifier
from ynet3d.serving.monai_label_images import (
    LABELS,
    chunks_of,
    datastore_counts,
    find_image,
    form_of,
    take_file,
)
from ynet3d.serving.problems import content, form, problems
from ynet3d.serving.uploads import receive
from ynet3d.volumes import Volume, placed_on, read_label
from ynet3d.volumes.formats import volume_suffix

router = APIRouter(prefix="/datastore", tags=["MONAI Label"])

_FILE: dict[int | str, dict[str, Any]] = {200: content("*/*"), **problems(404)}

#: What people call the two structures.
_SYNONYMS = {"liver": Label.LIVER, "tumour": Label.TUMOUR, "tumor": Label.TUMOUR} | {
    "lesion": Label.TUMOUR,
    "background": Label.BACKGROUND,
}
#: OHIF sends voxels without a header: of this type, in the order in which it got them.
_RAW_SUFFIX, _RAW_TYPE = ".bin", np.uint16


@router.get("/")
def datastore(request: Request, output: str = "stats") -> Any:
    """All images with their masks (`output=all`), or how many there are."""
    context = context_of(request)
    if output == "train":
        return []
    if output != "all":
        return datastore_counts(context)
    objects = {job.id: _object(job) for job in context.store.all()}
    return {"name": "3DYNet", "description": "", "images_dir": "", "labels_dir": "labels"} | {
        "objects": objects
    }


@router.put("/", openapi_extra=form("file"))
@router.put("/image", openapi_extra=form("file"))
async def add_image(request: Request, image: str = "") -> dict[str, str]:
    """Send a scan (`file`); it is segmented at once. The answer says its name from now on."""
    context = context_of(request)
    async with form_of(request) as (_, files):
        if not files.get("file"):
            raise HTTPException(422, "No file came with this request.")
        job = await take_file(context, files["file"][0], image)
    return {"image": job.id}


@router.delete("/", responses=problems(404))
@router.delete("/image", responses=problems(404))
def remove_image(request: Request, id: str) -> dict[str, str]:  # noqa: A002 - so the protocol names it
    """Remove a scan and everything of it."""
    context = context_of(request)
    context.supervisor.delete(find_image(context, id))
    return {}


@router.head("/image", response_class=FileResponse, responses=_FILE)
@router.get("/image", response_class=FileResponse, responses=_FILE)
def image(request: Request, image: str) -> Response:
    """The scan as it came, or as NIfTI if it came as DICOM."""
    context = context_of(request)
    job = find_image(context, image)
    path = context.folders.image(job.id)
    if not path.is_file():
        path = context.folders.input(job)
    if not path.is_file():
        raise HTTPException(404, "This image is not here any more.")
    return FileResponse(path, filename=f"{job.id}{volume_suffix(path)}")


@router.get("/image/info", responses=problems(404))
def image_info(request: Request, image: str) -> dict[str, Any]:
    """What is known of a scan."""
    info: dict[str, Any] = _object(find_image(context_of(request), image))["image"]["info"]
    return info


@router.put("/image/info")
@router.put("/label/info")
@router.put("/updatelabelinfo")
def ignored_info() -> dict[str, Any]:
    """Notes of plug-ins are not kept."""
    return {}


@router.head("/label", response_class=FileResponse, responses=_FILE)
@router.get("/label", response_class=FileResponse, responses=_FILE)
def label(request: Request, label: str, tag: str = "final") -> Response:
    """The mask; `tag=original` is the network's own, `final` the corrected one if there is one."""
    context = context_of(request)
    job = find_image(context, label)
    names = [PREDICTED, SEGMENTATION] if tag == "original" else [SEGMENTATION]
    for name in names:
        path = context.folders.file(job.id, name)
        if path is not None:
            return FileResponse(path, filename=f"{job.id}.nii.gz")
    raise HTTPException(404, "There is no mask of this image yet.")


@router.get("/label/info", responses=problems(404))
def label_info(request: Request, label: str, tag: str = "final") -> dict[str, Any]:
    """What is known of a mask."""
    labels = _object(find_image(context_of(request), label))["labels"]
    info: dict[str, Any] = labels.get(tag, {}).get("info", {})
    return info


@router.put("/label", openapi_extra=form("label"), responses=problems(404, 409))
async def save_label(request: Request, image: str, tag: str = "final") -> dict[str, str]:
    """Send a corrected mask (`label`); `label_info` in `params` says which value is what.

    It must lie on the scan's voxels; axes may be turned, as other programs store them.
    """
    context = context_of(request)
    job = await run_in_threadpool(find_image, context, image)
    async with form_of(request) as (params, files):
        if not files.get("label"):
            raise HTTPException(422, "No label came with this request.")
        sent = files["label"][0]
        suffix = volume_suffix(sent.filename or "") or _raw_suffix(sent.filename or "")
        upload = context.folders.uploads / f"{new_identifier()}{suffix}"
        try:
            await receive(chunks_of(sent), upload, limit=context.settings.upload_limit)
            await run_in_threadpool(_save, context, job, upload, params)
        finally:
            upload.unlink(missing_ok=True)
    return {"image": image, "label": job.id, "tag": tag}


def _save(context: Context, job: Job, upload: Path, params: dict[str, Any]) -> None:
    mask = context.folders.result(job.id) / SEGMENTATION
    if job.state is not State.DONE or not mask.is_file():
        raise HTTPException(409, "The mask of this image is not ready to be corrected.")
    grid = read_label(mask)
    try:
        if upload.suffix == _RAW_SUFFIX:
            given = _raw_label(upload.read_bytes(), grid)
        else:
            given = placed_on(read_label(upload), grid)
    except InputError as error:
        error.args = (str(error).replace(str(upload), "The label").replace(str(mask), "the scan"),)
        raise
    context.queue_mask(_renamed(given, params.get("label_info")), job)


def _raw_suffix(name: str) -> str:
    return _RAW_SUFFIX if name.lower().endswith(_RAW_SUFFIX) else f"-{name_on_disk(name)}"


def _raw_label(content: bytes, grid: Volume) -> Volume:
    values = np.frombuffer(content, _RAW_TYPE) if len(content) % 2 == 0 else np.zeros(0)
    if values.size != grid.array.size:
        raise InputError(
            f"The label holds {len(content)} bytes, expected {2 * grid.array.size}: two for each "
            "voxel of the scan."
        )
    if values.max() > 255:
        raise InputError(f"The label holds the value {values.max()}, expected at most 255.")
    return Volume(values.reshape(grid.shape, order="F").astype(np.uint8), grid.affine)


def _renamed(label: Volume, info: Any) -> Volume:
    """Values as the sender's names say; without names they are ours already.

    Raises:
        InputError: a value that is neither liver nor tumour.
    """
    table = np.arange(256, dtype=np.int64)
    if isinstance(info, list) and info:
        table[1:] = -1
        for number, entry in enumerate(info):
            name = str(entry.get("name", "")).strip().lower() if isinstance(entry, dict) else ""
            index = entry.get("idx", number + 1) if isinstance(entry, dict) else number + 1
            if name in _SYNONYMS and isinstance(index, int) and 0 < index < 256:
                table[index] = _SYNONYMS[name]
    values = table[label.array]
    if values.size and (values.min() < 0 or values.max() > Label.TUMOUR):
        raise InputError(
            "The label holds a segment that is neither liver nor tumour: call the segments "
            f"{' and '.join(LABELS)}, and take others out."
        )
    return Volume(values.astype(np.uint8), label.affine)


def _object(job: Job) -> dict[str, Any]:
    names = {"params": {"label_names": LABELS}}
    labels = {}
    if job.state is State.DONE:
        labels["original"] = {"ext": ".nii.gz", "info": names}
        if job.revision:
            labels["final"] = {"ext": ".nii.gz", "info": names}
    info = {"ts": int(job.created), "name": job.name, "state": str(job.state)}
    return {"image": {"ext": ".nii.gz", "info": info}, "labels": labels}
