"""`ynet3d phantom`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Quiet, Seed


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    cases: Annotated[int, typer.Option(help="Number of phantoms.", min=1)] = 3,
    seed: Seed = 0,
    matrix: Annotated[int, typer.Option(help="Pixels along each side of a slice.")] = 512,
    slices: Annotated[int | None, typer.Option(help="Slices.  [default: drawn]")] = None,
    tumours: Annotated[int | None, typer.Option(help="Tumours in each.  [default: drawn]")] = None,
    dicom: Annotated[bool, typer.Option("--dicom", help="Also write DICOM series.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make cases again that are there already.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make abdominal CT phantoms with labels, named as LiTS names its scans."""
    from ynet3d.phantoms import PhantomOptions, write_phantoms
    from ynet3d.progress import Progress

    written = write_phantoms(
        out,
        cases=cases,
        seed=seed,
        options=PhantomOptions.checked(matrix=matrix, slices=slices, tumours=tumours),
        dicom=dicom,
        overwrite=overwrite,
        progress=Progress(quiet=quiet),
    )
    typer.echo(f"{len(written)} phantoms in {out}")
