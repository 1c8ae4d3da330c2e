"""`ynet3d evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Liver, Out, PredictionLabels, Quiet, ReferenceLabels, Resample
from ynet3d.errors import InputError


class Rule(StrEnum):
    """By whose definitions the data set is scored."""

    DEFAULT = "default"
    LITS = "lits"


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="A mask, or a folder of masks.")],
    references: Annotated[
        Path, typer.Argument(help="The reference, or a folder of the same names.")
    ],
    out: Out,
    convention: Annotated[
        Rule, typer.Option(help="lits: also the LiTS challenge scorer's own figures.")
    ] = Rule.DEFAULT,
    liver: Annotated[
        Liver, typer.Option(help="Liver shown first: label 1 or 2 (lits), or label 1 alone.")
    ] = Liver.LITS,
    nsd_tolerance: Annotated[
        list[float] | None,
        typer.Option(metavar="MM", help="Tolerance of NSD besides 2 mm; can be repeated."),
    ] = None,
    prediction_labels: PredictionLabels = None,
    reference_labels: ReferenceLabels = None,
    resample: Resample = False,
    quiet: Quiet = False,
) -> None:
    """Score masks against references: overlap, surfaces, lesions and volumes."""
    from rich.console import Console

    from ynet3d.evaluation import evaluate as evaluate_folders
    from ynet3d.evaluation import (
        evaluation_table,
        failure_sentences,
        parse_label_map,
        write_evaluation,
    )
    from ynet3d.progress import Progress

    result = evaluate_folders(
        predictions,
        references,
        convention=convention.value,
        liver_convention=liver.value,
        nsd_tolerances_mm=nsd_tolerance or (),
        prediction_labels=parse_label_map(prediction_labels) if prediction_labels else None,
        reference_labels=parse_label_map(reference_labels) if reference_labels else None,
        resample=resample,
        progress=Progress(quiet=quiet),
    )
    folder = write_evaluation(result, out)
    Console().print(evaluation_table(result))
    typer.echo(f"Written to {folder}")
    if result.without_reference:
        names = ", ".join(result.without_reference)
        typer.echo(f"Left out, because no reference has their name: {names}.", err=True)
    for sentence in failure_sentences(result.failures):
        typer.echo(f"Error: {sentence}", err=True)
    if result.failures:
        typer.echo(
            f"{len(result.cases)} of {result.number_of_references} cases were scored.", err=True
        )
        raise typer.Exit(InputError.exit_code)
