"""`ynet3d export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Out


def export(
    weights: Annotated[
        Path, typer.Argument(help="A .safetensors file, or a run of `ynet3d train`.")
    ],
    out: Out,
    to: Annotated[str, typer.Option(help="onnx, openvino, torchscript or monai-bundle.")],
    size: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Input: slices, rows, columns.  [default: the recipe's]"),
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="For any size that the network halves evenly.")
    ] = False,
) -> None:
    """Write a network for other programs, checked against PyTorch."""
    from ynet3d.exporting import export_weights

    done = export_weights(weights, out, to=to, size=size, dynamic=dynamic)
    typer.echo(f"Written: {done.path} ({done.parity.words})")
