"""`ynet3d predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Cache, Device, Out, Quiet, Report


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="NIfTI, NRRD, MHA or zip files, DICOM folders, or folders of files.",
        ),
    ],
    out: Out,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            "-w",
            help="A .safetensors file, a run of `ynet3d train`, or a name of `ynet3d weights "
            "list`; several times: their mean.  [default: lite]",
        ),
    ] = None,
    refine: Annotated[
        list[Path] | None,
        typer.Option(
            help="Weights of a second stage, applied to the box of the liver that --weights find."
        ),
    ] = None,
    device: Device = "auto",
    runtime: Annotated[
        str,
        typer.Option(
            help="auto, torch, openvino or onnx; auto takes the fastest that gives the same masks."
        ),
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="auto, fp32, bf16, int8, or training: as the network was validated, unchecked."
        ),
    ] = "auto",
    cache: Cache = None,
    series: Annotated[
        str | None,
        typer.Option(help="SeriesInstanceUID of another series, see `ynet3d dicom list`."),
    ] = None,
    hu_offset: Annotated[
        int, typer.Option(help="Added to every voxel, for instance -1024 for files of HU + 1024.")
    ] = 0,
    dicom: Annotated[
        bool,
        typer.Option(
            "--dicom", help="Write SEG, structured report and RT structure set too (DICOM inputs)."
        ),
    ] = False,
    meshes: Annotated[
        bool, typer.Option("--meshes", help="Write closed surfaces too, as `ynet3d mesh` does.")
    ] = False,
    report: Report = False,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify", help="Outputs do not tell whose scans they are of, see docs/outputs.md."
        ),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(help="With --deidentify: CSV to write, outside of OUT: which scan is which."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Find liver and tumours: mask on the scan's own grid, statistics, pictures."""
    from ynet3d.pipelines.prediction import predict_files
    from ynet3d.progress import Progress

    done, failed = predict_files(
        inputs,
        out,
        weights=weights or None,
        refine=refine or None,
        device=device,
        runtime=runtime,
        precision=precision,
        cache=cache,
        series=series,
        hu_offset=hu_offset,
        dicom=dicom,
        meshes=meshes,
        report=report,
        deidentify=deidentify,
        key=key,
        progress=Progress(quiet=quiet),
    )
    for item in done:
        typer.echo(f"{item.name}: {item.statistics['summary']} Files: {item.folder}")
    for failure in failed:
        typer.echo(f"Error: {failure.shown}: {failure.error}", err=True)
    if failed:
        typer.echo(f"{len(failed)} of {len(failed) + len(done)} scans failed.", err=True)
        raise typer.Exit(max(failure.error.exit_code for failure in failed))
