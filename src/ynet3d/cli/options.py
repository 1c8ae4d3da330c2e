"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Liver(StrEnum):
    """What counts as liver in the first rows."""

    LITS = "lits"
    LABEL1 = "label1"


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Weights = Annotated[
    list[str] | None,
    typer.Option("--weights", "-w", help="As for `ynet3d predict`.  [default: lite]"),
]
Runtime = Annotated[str, typer.Option(help="auto, torch, openvino or onnx.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="Where converted networks are kept.  [default: the user's cache folder]"),
]
Meshes = Annotated[bool, typer.Option("--meshes", help="Write closed surfaces too.")]
Report = Annotated[bool, typer.Option("--report", help="Write report.html and report.pdf too.")]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Networks that train at a time.  [default: one, or one for each GPU]"),
]
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
PredictionLabels = Annotated[
    str | None,
    typer.Option(metavar="OLD=NEW,...", help="Other labels in the masks, as 5=1,*=0."),
]
ReferenceLabels = Annotated[
    str | None,
    typer.Option(metavar="OLD=NEW,...", help="Other labels in the references, as 3=2,4=0."),
]
Resample = Annotated[
    bool,
    typer.Option("--resample", help="Bring masks to the reference's grid by nearest voxel."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a value of the recipe, as in training.epochs=10."),
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", help="Split file; without it, the paper's 100/15/15 is drawn."),
]
Licence = Annotated[
    str | None, typer.Option(help="Licence of the data, to be kept with the weights.")
]
