"""`ynet3d dicomweb`: scans from a PACS, and results back into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ynet3d.cli.options import Device, Meshes, Quiet, Report, Runtime, Weights

if TYPE_CHECKING:
    from ynet3d.pacs import Connection

app = typer.Typer(
    help="Fetch scans from a PACS by DICOMweb, predict them, store SEG and SR back.",
    no_args_is_help=True,
)

Url = Annotated[
    str, typer.Argument(metavar="URL", help="DICOMweb service, as https://pacs.example/dicom-web.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="File with a bearer token; - asks for it, or reads standard input."),
]
User = Annotated[
    str | None, typer.Option(help="Name for basic authentication; the password is asked for.")
]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File with the password of --user; - reads standard input.")
]
CaFile = Annotated[
    Path | None,
    typer.Option(help="Certificates (PEM) to trust, where a hospital has an authority of its own."),
]
Timeout = Annotated[
    float, typer.Option(min=1, help="Seconds of silence after which the server counts as gone.")
]
Attempts = Annotated[
    int, typer.Option(min=1, help="Of each request that fails for a reason that may pass.")
]
Rtstruct = Annotated[bool, typer.Option("--rtstruct", help="Store the RT structure set too.")]
Again = Annotated[
    bool,
    typer.Option("--again", help="Also if the PACS has results of ours of this series already."),
]


def _connection(
    url: str,
    token_file: Path | None,
    user: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    timeout: float,
    attempts: int,
) -> Connection:
    from ynet3d.pacs import Connection, read_login, require_dicomweb

    require_dicomweb()
    # Before a password is asked for.
    connection = Connection(url, ca_file=ca_file, timeout_s=timeout, attempts=attempts).checked()
    login = read_login(token_file=token_file, user=user, password_file=password_file)
    return connection.with_login(login)


@app.command("list")
def list_(
    url: Url,
    study: Annotated[
        str | None, typer.Option(help="UID: its CT series in full, and which one is taken.")
    ] = None,
    patient: Annotated[str, typer.Option(help="Only studies of this PatientID.")] = "",
    accession: Annotated[str, typer.Option(help="Only the study of this AccessionNumber.")] = "",
    date: Annotated[
        str, typer.Option(metavar="YYYYMMDD", help="Only of this day, or of YYYYMMDD-YYYYMMDD.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Studies to look through.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    timeout: Timeout = 60,
    attempts: Attempts = 4,
    quiet: Quiet = False,
) -> None:
    """List studies and series with CT; nothing about the patient is shown."""
    from ynet3d.pipelines.dicomweb_listing import list_pacs
    from ynet3d.progress import Progress

    connection = _connection(url, token_file, user, password_file, ca_file, timeout, attempts)
    listing = list_pacs(
        connection,
        study=study,
        patient=patient,
        accession=accession,
        date=date,
        limit=limit,
        progress=Progress(quiet=quiet),
    )
    if json:
        from json import dumps

        typer.echo(dumps(listing.as_json(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    table, lines = listing.as_table()
    console = Console(markup=False, highlight=False)
    console.print(table)
    for line in lines:
        console.print(line, soft_wrap=True)


@app.command("run")
def run(
    url: Url,
    study: Annotated[str, typer.Option(help="StudyInstanceUID.")],
    series: Annotated[
        str | None,
        typer.Option(help="SeriesInstanceUID of another series than `list --study` says is taken."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for the results.  [default: none is kept once stored]"
        ),
    ] = None,
    store: Annotated[
        bool, typer.Option("--store/--no-store", help="Store SEG and SR in the PACS.")
    ] = True,
    rtstruct: Rtstruct = False,
    again: Again = False,
    weights: Weights = None,
    device: Device = "auto",
    runtime: Runtime = "auto",
    meshes: Meshes = False,
    report: Report = False,
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    timeout: Timeout = 60,
    attempts: Attempts = 4,
    quiet: Quiet = False,
) -> None:
    """Fetch a study's scan, find liver and tumours, store SEG and SR beside it."""
    from ynet3d.pipelines.dicomweb import run_study
    from ynet3d.progress import Progress

    done = run_study(
        _connection(url, token_file, user, password_file, ca_file, timeout, attempts),
        study,
        series=series,
        out=out,
        store=store,
        rtstruct=rtstruct,
        again=again,
        weights=weights or None,
        device=device,
        runtime=runtime,
        meshes=meshes,
        report=report,
        progress=Progress(quiet=quiet),
    )
    files = "" if done.folder is None else f" Files: {done.folder}"
    stored = f" Stored: {', '.join(kind.name for kind in done.stored)}." if done.stored else ""
    typer.echo(f"{done.series}: {done.statistics['summary']}{stored}{files}")


@app.command("store")
def store_(
    url: Url,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Of `ynet3d dicomweb run` or `predict --dicom`."),
    ],
    rtstruct: Rtstruct = False,
    again: Again = False,
    token_file: TokenFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    timeout: Timeout = 60,
    attempts: Attempts = 4,
    quiet: Quiet = False,
) -> None:
    """Store the DICOM objects of a prediction, as far as the PACS does not have them."""
    from ynet3d.pipelines.dicomweb_storing import store_results
    from ynet3d.progress import Progress

    stored = store_results(
        _connection(url, token_file, user, password_file, ca_file, timeout, attempts),
        folder,
        rtstruct=rtstruct,
        again=again,
        progress=Progress(quiet=quiet),
    )
    typer.echo(f"Stored: {', '.join(kind.name for kind in stored)}.")
