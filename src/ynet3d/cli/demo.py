"""`ynet3d demo` and `ynet3d real`: the whole system at work, on phantoms and on real scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ynet3d.cli.options import Device, Quiet


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("demo"),
    short: Annotated[
        bool, typer.Option("--short", help="A minute or two: every step, but hardly any training.")
    ] = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Make phantoms, train a small network, predict unseen ones, evaluate, write a page."""
    from ynet3d.pipelines.demo import run_demo
    from ynet3d.progress import Progress

    result = run_demo(out, short=short, device=device, progress=Progress(quiet=quiet))
    typer.echo(result.words)
    if not result.passed:
        raise typer.Exit(1)


def real(
    data: Annotated[Path, typer.Argument(help="Folder with the real data sets.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("real"),
    weights: Annotated[
        str | None, typer.Option(help="Weights to judge.  [default: those of this package]")
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Judge weights on real CT, each scan by a network of theirs that has not seen its patient."""
    from ynet3d.pipelines.real import run_real
    from ynet3d.progress import Progress

    result = run_real(data, out, weights=weights, device=device, progress=Progress(quiet=quiet))
    typer.echo(result.words)
    if not result.passed:
        raise typer.Exit(1)
