"""`ynet3d mesh`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Out, Quiet


def mesh(
    segmentation: Annotated[
        Path, typer.Argument(help="A label map (NIfTI, NRRD, MHA, DICOM SEG), or a prediction.")
    ],
    out: Out,
    formats: Annotated[
        str, typer.Option(help="Some of stl, obj, ply, glb, separated by commas.")
    ] = "stl,obj,ply,glb",
    quiet: Quiet = False,
) -> None:
    """Closed surfaces of the liver and each tumour in patient mm, for 3D Slicer, Blender, print."""
    from ynet3d.pipelines.meshes import parse_formats, write_meshes
    from ynet3d.progress import Progress

    done = write_meshes(
        segmentation, out, formats=parse_formats(formats), progress=Progress(quiet=quiet)
    )
    count = len(done.surfaces)
    typer.echo(
        f"{count} surface{'s' if count > 1 else ''} ({', '.join(one.name for one in done.surfaces)}"
        f") in {len(done.files)} files: {done.folder}"
    )
