"""`ynet3d dicom`: what lies in DICOM folders, and predictions as DICOM objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Out

app = typer.Typer(help="List DICOM series; write predictions as DICOM.", no_args_is_help=True)


@app.command("list")
def list_(
    path: Annotated[
        Path,
        typer.Argument(help="Folder (nested is fine), zip, DICOMDIR or file of DICOM images."),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List studies and series: what each is, whether it can be read, and which would be taken."""
    from json import dumps

    from rich.console import Console

    from ynet3d.volumes import list_series, series_as_json, series_table

    series = list_series(path)
    if json:
        typer.echo(dumps(series_as_json(series), indent=2, ensure_ascii=False))
        return
    table, lines = series_table(series, title=str(path))
    console = Console(markup=False, highlight=False)
    console.print(table)
    for line in lines:
        console.print(line, soft_wrap=True)


@app.command("export")
def export(
    prediction: Annotated[
        Path,
        typer.Argument(metavar="PREDICTION", help="A folder of `ynet3d predict`, or a mask file."),
    ],
    scan: Annotated[
        Path,
        typer.Argument(
            metavar="SERIES", help="The DICOM folder or zip that the prediction was made from."
        ),
    ],
    out: Out,
    seg: Annotated[bool, typer.Option("--seg", help="Write the mask as SEG.")] = False,
    sr: Annotated[
        bool,
        typer.Option("--sr", help="Write the measurements as a structured report, with its SEG."),
    ] = False,
    rtstruct: Annotated[
        bool, typer.Option("--rtstruct", help="Write contours as an RT structure set.")
    ] = False,
    together: Annotated[
        bool,
        typer.Option("--tumours-together", help="One segment for all tumours; not with --sr."),
    ] = False,
    compressed: Annotated[
        bool,
        typer.Option("--compressed", help="A SEG tens of times smaller, which not all can read."),
    ] = False,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify",
            help="Without the patient, dates and UIDs; always so for a prediction that has none.",
        ),
    ] = False,
    series: Annotated[
        str | None,
        typer.Option(help="SeriesInstanceUID, if not the prediction's own or the only one."),
    ] = None,
) -> None:
    """Write a prediction as DICOM SEG, structured report and RT structure set.  [default: all]"""
    from ynet3d.dicom_output import Kind
    from ynet3d.pipelines.dicom_export import export_prediction

    asked = {Kind.SEG: seg, Kind.SR: sr, Kind.RTSTRUCT: rtstruct}
    kinds = {kind for kind, wanted in asked.items() if wanted}
    if not kinds:
        kinds = {Kind.SEG, Kind.RTSTRUCT} if together else set(Kind)
    written = export_prediction(
        prediction,
        scan,
        out,
        series=series,
        kinds=kinds,
        one_per_tumour=not together,
        compressed=compressed,
        deidentify=deidentify,
    )
    for note in written.notes:
        typer.echo(f"Note: {note}", err=True)
    for kind, path in written.files.items():
        typer.echo(f"{kind.name}: {path}")
