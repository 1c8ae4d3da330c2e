"""`ynet3d experiment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Changes, Device, Jobs, Kind, Labels, Licence, Out, Quiet, SplitFile


def experiment(
    data: Annotated[Path, typer.Argument(help="Folder or CSV of a labelled data set.")],
    out: Out,
    suites: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            help="paper, fair, ablation, backbones or a YAML file; repeatable.  [default: paper]",
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(help="Settings that all networks share.")] = "paper",
    changes: Changes = None,
    width: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Width of 3DYNet, 64 in the paper; with another one, every network is narrowed to "
            "the same FLOPs.  [default: the recipe's, else 64]",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time budget of each network's training.")
    ] = None,
    split: SplitFile = None,
    external: Annotated[
        list[Path] | None, typer.Option(help="A further labelled data set to test on; repeatable.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Just this network of the suites; repeatable.")
    ] = None,
    kind: Kind = "auto",
    labels: Labels = None,
    licence: Licence = None,
    device: Device = "auto",
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Compare networks: train each under the same settings, test, and write one report.

    Goes on where it stood when it is called again.
    """
    from ynet3d.experiments import Options, run_experiment
    from ynet3d.progress import Progress

    options = Options(
        suites=suites or ["paper"],
        recipe=recipe,
        changes=changes or [],
        width=width,
        minutes=minutes,
        split=split,
        external=external or [],
        only=only or [],
        kind=kind,
        labels=labels,
        licence=licence,
        device=device,
        jobs=jobs,
    )
    result = run_experiment(data, out, options, progress=Progress(quiet=quiet))
    typer.echo(result.words)
    if result.failures:
        raise typer.Exit(1)
