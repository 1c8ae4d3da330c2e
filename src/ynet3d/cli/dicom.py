"""`ynet3d dicom`: what lies in DICOM folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="List the series of DICOM folders.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """List the series of DICOM folders."""


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
