"""`ynet3d compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Liver, Out, PredictionLabels, Quiet, ReferenceLabels, Resample, Seed


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(help="A folder of masks, or of an evaluation, for each model."),
    ],
    out: Out,
    reference: Annotated[
        Path | None,
        typer.Option(help="The reference, or a folder of the same names; needed for masks."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Name of a model, once for each.  [default: names of the folders]"),
    ] = None,
    liver: Annotated[
        Liver, typer.Option(help="Liver to quote: label 1 or 2 (lits), or label 1 alone.")
    ] = Liver.LITS,
    prediction_labels: PredictionLabels = None,
    reference_labels: ReferenceLabels = None,
    resample: Resample = False,
    data: Annotated[
        str, typer.Option(help="What the cases are, for the headings.  [default: the reference]")
    ] = "",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Compare models on the same cases: paired tests, differences with intervals, pictures."""
    from rich.console import Console

    from ynet3d.evaluation import (
        compare_files,
        comparison_table,
        parse_label_map,
        write_comparison,
    )
    from ynet3d.progress import Progress

    result = compare_files(
        models,
        reference,
        out=out,
        names=name or (),
        liver_convention=liver.value,
        prediction_labels=parse_label_map(prediction_labels) if prediction_labels else None,
        reference_labels=parse_label_map(reference_labels) if reference_labels else None,
        resample=resample,
        data=data,
        seed=seed,
        progress=Progress(quiet=quiet),
    )
    folder = write_comparison(result, out)
    Console().print(comparison_table(result))
    typer.echo(f"Written to {folder}")
