"""`ynet3d report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    prediction: Annotated[
        Path,
        typer.Argument(metavar="PREDICTION", help="Folder that `ynet3d predict` wrote."),
    ],
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="The scan that was predicted.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write to.  [default: PREDICTION]"),
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="SeriesInstanceUID, as for `ynet3d predict`.")
    ] = None,
    hu_offset: Annotated[
        int, typer.Option(help="Added to every voxel, as for `ynet3d predict`.")
    ] = 0,
) -> None:
    """Report a prediction: one HTML file with a 3D view, and a PDF."""
    from ynet3d.pipelines.case_report import report_prediction

    for path in report_prediction(prediction, scan, out, series=series, hu_offset=hu_offset):
        typer.echo(path)
