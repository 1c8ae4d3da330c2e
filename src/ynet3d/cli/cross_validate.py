"""`ynet3d cross-validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Changes, Device, Jobs, Kind, Labels, Licence, Out, Quiet


def cross_validate(
    data: Annotated[Path, typer.Argument(help="Folder or CSV of a labelled data set.")],
    out: Out,
    recipe: Annotated[str, typer.Option(help="Name or YAML file of a recipe.")],
    changes: Changes = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of equal size, by patient.")] = 5,
    split: Annotated[
        Path | None, typer.Option("--split", help="A split file with folds instead.")
    ] = None,
    only: Annotated[
        list[int] | None, typer.Option(help="Just this fold, from 1; repeatable.")
    ] = None,
    kind: Kind = "auto",
    labels: Labels = None,
    licence: Licence = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Masks to make CT of, if the recipe does; those of a fold's patients are left out."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Weights with a network for each fold, to go on from, as `lite`."),
    ] = None,
    device: Device = "auto",
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Train on all folds but one, in turn, and score every scan by a network that never saw it.

    Goes on where it stood when it is called again.
    """
    from ynet3d.experiments.cross_validation import Options
    from ynet3d.experiments.cross_validation import cross_validate as run
    from ynet3d.progress import Progress

    options = Options(
        recipe=recipe,
        changes=changes or [],
        folds=folds,
        split=split,
        only=only or [],
        kind=kind,
        labels=labels,
        licence=licence,
        masks=masks,
        start=start,
        device=device,
        jobs=jobs,
    )
    result = run(data, out, options, progress=Progress(quiet=quiet))
    typer.echo(result.words)
    if result.failures:
        raise typer.Exit(1)
