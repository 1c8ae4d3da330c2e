"""`ynet3d archive`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Cache, Device, Meshes, Quiet, Runtime, Weights


def archive(
    archive: Annotated[
        str,
        typer.Argument(
            help="Folder tree, list of scans (.txt, .csv), or a URL of one, as s3://bucket/scans."
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder or URL to write to.")],
    engine: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Scans at a time.")] = 1,
    weights: Weights = None,
    refine: Annotated[
        list[str] | None, typer.Option(help="Weights of a second stage, as for `ynet3d predict`.")
    ] = None,
    device: Device = "auto",
    runtime: Runtime = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, int8 or training.")] = "auto",
    cache: Cache = None,
    hu_offset: Annotated[int, typer.Option(help="Added to every voxel of every scan.")] = 0,
    dicom: Annotated[
        bool, typer.Option("--dicom", help="Write DICOM objects too (DICOM inputs alone).")
    ] = False,
    meshes: Meshes = False,
    report: Annotated[bool, typer.Option("--report", help="Write reports too.")] = False,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify", help="OUT/cases does not tell whose scans are in it; OUT's tables do."
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Of one worker.  [default: this machine's cores shared out]"),
    ] = None,
    memory_gb: Annotated[
        float | None, typer.Option(help="That one worker may allocate, in GB (Linux).")
    ] = None,
    case_minutes: Annotated[
        float | None, typer.Option(help="After which a scan is taken from its worker.")
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="I/N", help="Only the I-th of N parts, for array jobs.")
    ] = "1/1",
    verify: Annotated[
        str,
        typer.Option(help="Of results that are there: full (checksums), or size (names, sizes)."),
    ] = "full",
    again: Annotated[
        bool, typer.Option("--again", help="Make all results again, with these settings.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed scans once more.")
    ] = False,
    ray_address: Annotated[
        str | None, typer.Option(help="Of an existing Ray cluster, as auto or ray://host:10001.")
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(help="Of all machines together, to tell the price of a scan.")
    ] = None,
    temp: Annotated[
        Path | None,
        typer.Option(help="Folder for copies of remote scans.  [default: the system's]"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Predict a whole archive with many workers; called again, it goes on with what is missing."""
    from ynet3d.archive.command import run_archive
    from ynet3d.progress import Progress

    summary = run_archive(
        archive,
        out,
        settings={
            "weights": weights or [],
            "refine": refine or [],
            "device": device,
            "runtime": runtime,
            "precision": precision,
            "hu_offset": hu_offset,
            "dicom": dicom,
            "meshes": meshes,
            "report": report,
            "deidentify": deidentify,
        },
        options={
            "engine": engine,
            "workers": workers,
            "threads": threads,
            "memory_gb": memory_gb,
            "case_minutes": case_minutes,
            "part": part,
            "verify": verify,
            "again": again,
            "retry_failed": retry_failed,
            "ray_address": ray_address,
            "price_per_hour": price_per_hour,
            "temp": temp,
            "cache": cache,
        },
        progress=Progress(quiet=quiet),
    )
    typer.echo(summary.sentence())
    if summary.interrupted:
        typer.echo("Stopped; go on with the same command.", err=True)
        raise typer.Exit(130)
    raise typer.Exit(summary.exit_code)
