"""`ynet3d data`: check and split data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Kind, Labels, Quiet, Seed

app = typer.Typer(help="Check and split data sets.", no_args_is_help=True)


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(help="Folder or CSV of a data set.")],
    kind: Kind = "auto",
    labels: Labels = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table to this CSV.")] = None,
    quiet: Quiet = False,
) -> None:
    """List each case with its grid, HU, labels and volumes, and say what is wrong (exit code 1)."""
    from rich.console import Console

    from ynet3d.datasets import Severity, check_dataset, check_table, open_dataset, write_check_csv
    from ynet3d.progress import Progress

    dataset = open_dataset(folder, kind=kind, labels=labels)
    checks = check_dataset(dataset, progress=Progress(quiet=quiet))
    console = Console()
    console.print(check_table(checks, title=f"{dataset.name} ({dataset.kind})"))
    flagged = [(item.name, flag) for item in checks for flag in item.flags]
    for name, flag in flagged:
        if flag.severity is not Severity.INFORMATION:
            console.print(f"{name}: {flag.sentence}", highlight=False, markup=False)
    errors = {name for name, flag in flagged if flag.severity is Severity.ERROR}
    cases = "1 case" if len(checks) == 1 else f"{len(checks)} cases"
    console.print(f"{cases}, {len(errors)} with errors.", highlight=False)
    if dataset.cases and not dataset.labelled:
        first = dataset.cases[0]
        console.print(
            f"No case has a label (for {first.name}, {first.label_sought or 'none was given'}).",
            highlight=False,
            markup=False,
        )
    if csv is not None:
        write_check_csv(checks, csv)
    if errors:
        raise typer.Exit(1)


@app.command("split")
def split(
    folder: Annotated[Path, typer.Argument(help="Folder or CSV of a data set.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Split file to write (.yaml or .json).")],
    ratio: Annotated[
        str, typer.Option(help="Training/validation/test, in any numbers.")
    ] = "100/15/15",
    folds: Annotated[
        int | None, typer.Option(help="Make this many folds of equal size instead.")
    ] = None,
    seed: Seed = 0,
    kind: Kind = "auto",
    labels: Labels = None,
) -> None:
    """Share the cases out at random, by patient; the paper's 100/15/15 by default."""
    from ynet3d.datasets import make_split, open_dataset, write_split
    from ynet3d.errors import InputError

    try:
        parts = [float(part) for part in ratio.split("/")]
    except ValueError:
        raise InputError(
            f"--ratio is {ratio!r}, expected numbers separated by /, for instance 100/15/15."
        ) from None
    dataset = open_dataset(folder, kind=kind, labels=labels)
    made = make_split(dataset, ratio=parts, seed=seed, folds=folds)
    write_split(made, out)
    left_out = len(dataset.cases) - len(dataset.labelled)
    without = f" ({left_out} without label left out)" if left_out else ""
    typer.echo(f"{made.summary()}{without}. Written to {out}")


@app.command("merge")
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Folders or CSVs of data sets.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")],
    name: Annotated[str | None, typer.Option(help="Of the new data set.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write labelled cases of several data sets as one, in nnU-Net's raw layout (NIfTI)."""
    from ynet3d.datasets import merge_datasets, open_dataset
    from ynet3d.progress import Progress

    datasets = [open_dataset(folder) for folder in folders]
    count = merge_datasets(datasets, out, name=name, progress=Progress(quiet=quiet))
    typer.echo(f"{count} cases written to {out}; whose they are: {out / 'cases.csv'}")
