"""`ynet3d follow-up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Out, Quiet


def follow_up(
    before: Annotated[
        Path, typer.Argument(help="The earlier scan: a folder of `ynet3d predict`, or a label map.")
    ],
    after: Annotated[Path, typer.Argument(help="The later scan, likewise.")],
    out: Out,
    before_ct: Annotated[
        Path | None, typer.Option(help="CT of the earlier scan, for HU if BEFORE is a label map.")
    ] = None,
    after_ct: Annotated[Path | None, typer.Option(help="CT of the later scan.")] = None,
    limit: Annotated[
        float,
        typer.Option(metavar="MM", help="Lesions that do not overlap are one up to this distance."),
    ] = 20.0,
    quiet: Quiet = False,
) -> None:
    """Match the lesions of two scans of one patient, and tabulate what has changed."""
    from ynet3d.pipelines.follow_up import follow_up as follow_up_files
    from ynet3d.pipelines.follow_up import summary
    from ynet3d.progress import Progress

    done = follow_up_files(
        before,
        after,
        out,
        before_ct=before_ct,
        after_ct=after_ct,
        limit_mm=limit,
        progress=Progress(quiet=quiet),
    )
    typer.echo(f"{summary(done.content)} Files: {done.folder}")
