"""`ynet3d tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Device, Kind, Labels, Quiet


def tune(
    run: Annotated[Path, typer.Argument(help="A run of `ynet3d train`.")],
    data: Annotated[Path, typer.Argument(help="The data set that it was trained on.")],
    kind: Kind = "auto",
    labels: Labels = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Choose a run's post-processing on its validation cases; predictions use it from then on."""
    from ynet3d.pipelines.tuning import tune_run
    from ynet3d.progress import Progress

    tuning = tune_run(
        run, data, kind=kind, labels=labels, device=device, progress=Progress(quiet=quiet)
    )
    for name in ("nothing", "before", "best"):
        row = tuning[name]
        tumour = "none" if row["dice_tumour"] is None else f"{row['dice_tumour']:.3f}"
        typer.echo(
            f"{name}: Dice liver {row['dice_liver']:.3f}, tumour {tumour}, tumour claimed "
            f"{row['tumour_claimed']}; bias {row['tumour_bias']:g}, largest component "
            f"{_yes(row['largest_liver_component'])}, tumours inside the liver only "
            f"{_yes(row['tumours_inside_liver'])}, from {row['minimum_tumour_ml']:g} mL."
        )
    typer.echo(
        f"Kept: {tuning['adopted']} (gain on cases that it was not chosen on: "
        f"{tuning['held_out_gain']:+.4f})."
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
