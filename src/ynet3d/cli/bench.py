"""`ynet3d bench`."""

from __future__ import annotations

from typing import Annotated

import typer

from ynet3d.cli.options import Out, Quiet


def bench(
    out: Out,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Tiny sizes: does it work? The figures mean nothing."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Just this measurement, as training; repeatable."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Measure this machine's ceilings and this software against them; write table and picture."""
    from rich.console import Console

    from ynet3d.benchmarks.output import benchmark_table
    from ynet3d.benchmarks.suite import run_bench
    from ynet3d.progress import Progress

    result = run_bench(out, quick=quick, only=only or (), progress=Progress(quiet=quiet))
    Console().print(benchmark_table(result))
    typer.echo(f"Written to {out}")
