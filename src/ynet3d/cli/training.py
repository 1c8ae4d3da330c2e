"""`ynet3d train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Changes, Device, Kind, Labels, Licence, Out, Quiet, SplitFile


def train(
    data: Annotated[Path, typer.Argument(help="Folder or CSV of a labelled data set.")],
    out: Out,
    recipe: Annotated[
        str | None, typer.Option(help="Name or YAML file of a recipe.  [default: paper]")
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="Another network than the recipe's, by name.")
    ] = None,
    changes: Changes = None,
    split: SplitFile = None,
    fold: Annotated[
        int | None,
        typer.Option(help="Which fold of a split file with folds to validate on, from 1."),
    ] = None,
    on_all: Annotated[
        bool, typer.Option("--all", help="Train on every labelled case; none validates.")
    ] = False,
    kind: Kind = "auto",
    labels: Labels = None,
    licence: Licence = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    start: Annotated[
        str | None, typer.Option(help="Weights to begin with, as `lite`, instead of random ones.")
    ] = None,
    member: Annotated[
        int | None, typer.Option(help="Which network of --start, if it holds several, from 1.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for preprocessed cases.  [default: OUT/cache]")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Masks to make CT of, if the recipe does.  [default: the labels]"),
    ] = None,
    leave_masks: Annotated[
        list[str] | None,
        typer.Option(help="A patient of --masks to leave out, such as one validated on."),
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a network on labelled scans.

    On several GPUs or machines: torchrun --no-python --nproc-per-node 4 ynet3d train ...
    """
    from ynet3d.pipelines.training import train_on_dataset
    from ynet3d.progress import Progress
    from ynet3d.training.distributed import joined

    with joined(device) as group:
        result = train_on_dataset(
            data,
            out,
            recipe=recipe,
            network=network,
            changes=changes or [],
            split_file=split,
            fold=fold,
            on_all=on_all,
            kind=kind,
            labels=labels,
            licence=licence,
            resume=resume,
            start=start,
            member=member,
            cache=cache,
            masks=masks,
            leave_masks=leave_masks or [],
            group=group,
            progress=Progress(quiet=quiet),
        )
    if not group.first:
        return  # the first process tells
    if not result.finished:
        typer.echo(
            f"Stopped after {result.epochs} epochs; go on with the same command and --resume."
        )
        raise typer.Exit(130)
    best = (
        f"best mean validation Dice of liver and tumour {result.best_score:.3f}"
        if result.best_score is not None
        else "without validation"
    )
    typer.echo(
        f"Trained {result.epochs} epochs in {result.seconds / 60:.1f} min; {best}. "
        f"Weights: {result.best_weights}"
    )
