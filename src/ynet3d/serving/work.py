"""What a worker does: find liver and tumours in a scan, or measure anew what a person corrected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ynet3d.pipelines.correction import correct_files
from ynet3d.pipelines.extra_outputs import ExtraOutputs
from ynet3d.pipelines.prediction import predict_file
from ynet3d.pipelines.scans import targets_of
from ynet3d.serving.folders import JobFolders
from ynet3d.serving.job import Job
from ynet3d.serving.jobs import JobStore
from ynet3d.volumes import Volume, write_volume

if TYPE_CHECKING:
    from ynet3d.serving.worker import JobProgress


def predict(
    store: JobStore,
    folders: JobFolders,
    job: Job,
    options: dict[str, Any],
    progress: JobProgress,
) -> str:
    """Write the scan's image for the viewer, then the whole result; return its summary.

    The mask lies there before surfaces and report, so that the page can show it early.

    Args:
        options: `weights`, `device` and `runtime` of the server.
    """
    # Here, because corrections need no torch.
    from ynet3d.inference import make_predictor
    from ynet3d.weights.shipped import default_weights

    scan = folders.input(job)

    def show(volume: Volume, notes: list[str]) -> None:
        store.describe(job.id, notes=notes, series=volume.metadata.get("SeriesInstanceUID"))
        write_volume(volume, folders.image(job.id))
        progress.stage("Preparing the scan")

    progress.stage("Reading the scan")
    extra, _ = ExtraOutputs.possible()  # what is not installed is not missed here
    predictor = make_predictor(
        options["weights"] or default_weights(),
        device=options["device"],
        runtime=options["runtime"],
    )
    ((name, folder),) = targets_of([scan], folders.result(job.id))
    done = predict_file(
        predictor,
        scan,
        folder,
        name=name,
        extra=replace(extra, where_possible=True),  # a zip may hold anything
        opened=show,
        progress=progress,
    )
    found = done.statistics
    store.describe(job.id, notes=found["notes"], series=found["series"])
    return str(found["summary"])


def correct(folders: JobFolders, job: Job, progress: JobProgress) -> str:
    """Put a corrected mask in the place of the old one, with all that follows from it."""
    progress.stage("Measuring the corrected mask")
    found = correct_files(
        folders.input(job),
        folders.correction(job.id),
        folders.result(job.id),
        progress=progress,
    )
    return str(found["summary"])
