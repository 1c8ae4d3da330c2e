"""`ynet3d synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Changes, Kind, Labels, Quiet, Seed

app = typer.Typer(help="Synthetic tumours, and CT made from label maps.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("preview")
def preview(
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG to write.")],
    data: Annotated[
        Path | None, typer.Argument(help="Folder or CSV of a labelled data set.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Data set whose masks CT is made of.  [default: none]")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Recipe whose grid, window and synthesis are shown.")
    ] = "real-small",
    changes: Changes = None,
    seed: Seed = 0,
    count: Annotated[int, typer.Option(help="Pictures of each kind.", min=1, max=12)] = 4,
    outlines: Annotated[bool, typer.Option(help="Draw liver and tumours as labelled.")] = True,
    cache: Annotated[
        Path | None, typer.Option(help="Folder to keep label maps in.  [default: none kept]")
    ] = None,
    kind: Kind = "auto",
    labels: Labels = None,
    quiet: Quiet = False,
) -> None:
    """One sheet of synthetic slices beside real ones, to judge them by."""
    from ynet3d.pipelines.synthesis import preview_synthesis
    from ynet3d.progress import Progress

    preview_synthesis(
        out,
        data=data,
        masks=masks,
        recipe=recipe,
        changes=changes or [],
        seed=seed,
        count=count,
        outlines=outlines,
        cache=cache,
        kind=kind,
        labels=labels,
        progress=Progress(quiet=quiet),
    )
    typer.echo(f"Written to {out}")
