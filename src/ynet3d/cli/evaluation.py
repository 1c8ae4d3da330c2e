"""`ynet3d evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Out, Quiet


class Liver(StrEnum):
    """What counts as liver in the first rows."""

    LITS = "lits"
    LABEL1 = "label1"


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="A mask, or a folder of masks.")],
    references: Annotated[
        Path, typer.Argument(help="The reference, or a folder of the same names.")
    ],
    out: Out,
    liver: Annotated[
        Liver, typer.Option(help="Liver shown first: label 1 or 2 (lits), or label 1 alone.")
    ] = Liver.LITS,
    quiet: Quiet = False,
) -> None:
    """Score masks against references: sensitivity, specificity, precision and Dice."""
    from rich.console import Console

    from ynet3d.evaluation import evaluate as evaluate_folders
    from ynet3d.evaluation import evaluation_table, write_evaluation
    from ynet3d.progress import Progress

    result = evaluate_folders(
        predictions, references, liver_convention=liver.value, progress=Progress(quiet=quiet)
    )
    folder = write_evaluation(result, out)
    Console().print(evaluation_table(result))
    typer.echo(f"Written to {folder}")
