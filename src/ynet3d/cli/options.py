"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Seed = Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)]
Labels = Annotated[
    Path | None, typer.Option(help="Folder of the labels, if they do not lie beside the images.")
]
Kind = Annotated[
    str,
    typer.Option(
        help="Layout of the data set: auto, lits, decathlon, nnunet, ircadb, chaos, bids, pairs, "
        "csv."
    ),
]
