"""`ynet3d networks`."""

from __future__ import annotations

from typing import Annotated

import typer


def networks(
    size: Annotated[
        tuple[int, int, int], typer.Option(help="Input for the FLOPs: slices, rows, columns.")
    ] = (64, 256, 256),
) -> None:
    """List the networks: name, parameters, FLOPs of one input, source."""
    from rich.console import Console
    from rich.table import Table

    from ynet3d.errors import InputError
    from ynet3d.networks import complexity, list_networks, network_entry

    if min(size) < 1:
        raise InputError(f"--size is {size}, expected three numbers of at least 1.")
    shape = " x ".join(map(str, size))
    table = Table(caption=f"One CT channel, three classes; FLOPs of one {shape} input.")
    table.add_column("network")
    for column in ("parameters", "TFLOP"):
        table.add_column(column, justify="right")
    table.add_column("source")
    for name in list_networks():
        counted = complexity(name, size=size)
        flop = f"{counted.flop / 1e12:.2f}"
        table.add_row(name, f"{counted.parameters:,}", flop, network_entry(name).source)
    Console().print(table)
