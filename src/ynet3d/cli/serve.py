"""`ynet3d serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Device, Runtime, Weights


def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; anything but this machine needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(help="The secret itself; other users of this machine may see it then."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the secret that users log in with (16 characters or more)."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of queue and scans.  [default: the user's data folder]"),
    ] = None,
    weights: Weights = None,
    device: Device = "auto",
    runtime: Runtime = "auto",
    keep_hours: Annotated[
        float, typer.Option(min=0.01, help="Hours until a finished job is deleted.")
    ] = 24.0,
    upload_limit_mb: Annotated[
        float, typer.Option(min=0.1, help="Largest upload, in MB of 10^6 bytes.")
    ] = 2000.0,
    workers: Annotated[
        int, typer.Option(min=1, help="Predictions at a time; each needs the memory of one.")
    ] = 1,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Another site whose pages may call this one, as https://ohif.example."),
    ] = None,
    fetch_viewer: Annotated[
        bool, typer.Option("--fetch-viewer", help="Fetch the page's viewer (by npm), and end.")
    ] = False,
    viewer_package: Annotated[
        Path | None,
        typer.Option(help="The viewer's package as a file, where npm cannot fetch it."),
    ] = None,
    no_viewer: Annotated[
        bool, typer.Option("--no-viewer", help="Serve the API only; fetch no viewer.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every request.")] = False,
) -> None:
    """A page in the browser for scans: drop, look, correct, download; and an API for programs."""
    from ynet3d.serving.server import read_token, require_server, serve
    from ynet3d.serving.settings import ServerSettings
    from ynet3d.serving.viewer import fetch_viewer as fetch

    if fetch_viewer:
        typer.echo(f"The viewer is here: {fetch(viewer_package)}")
        return
    require_server()
    settings = ServerSettings(
        host=host,
        port=port,
        token=token if token_file is None else read_token(token_file),
        weights=tuple(weights or ()),
        device=device,
        runtime=runtime,
        keep_hours=keep_hours,
        upload_limit_mb=upload_limit_mb,
        workers=workers,
        allowed_origins=tuple(allow_origin or ()),
    ).checked()
    if data is not None:
        settings = settings.model_copy(update={"data": data})
    viewer = None if no_viewer else fetch(viewer_package)
    typer.echo(f"Open http://{host}:{port} (Ctrl-C ends the server).", err=True)
    serve(settings, viewer=viewer, verbose=verbose)
