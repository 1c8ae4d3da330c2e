"""`ynet3d networks`."""

from __future__ import annotations

from typing import Annotated

import typer


def networks(
    size: Annotated[
        tuple[int, int, int], typer.Option(help="Input for the FLOPs: slices, rows, columns.")
    ] = (64, 256, 256),
) -> None:
    """List the networks: name, parameters, FLOPs of one input, options, source."""
    from rich.console import Console
    from rich.table import Table

    from ynet3d.errors import InputError, MissingExtraError
    from ynet3d.networks import complexity, list_networks, network_entry

    if min(size) < 1:
        raise InputError(f"--size is {size}, expected three numbers of at least 1.")
    shape = " x ".join(map(str, size))
    table = Table(
        caption=f"One CT channel, three classes; FLOPs of one {shape} input. "
        "Options with their defaults: --set network.options.width=16",
        show_lines=True,
    )
    table.add_column("network", no_wrap=True)
    for column in ("parameters", "TFLOP"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("options")
    table.add_column("source")
    for name in list_networks():
        entry = network_entry(name)
        options = "\n".join(
            f"{key}={[] if value == () else value}" for key, value in entry.options.items()
        )
        try:
            counted = complexity(name, size=size)
        except MissingExtraError as error:
            table.add_row(name, "", "", options, f"{entry.source}. {error}")
            continue
        flop = f"{counted.flop / 1e12:.2f}"
        table.add_row(name, f"{counted.parameters:,}", flop, options, entry.source)
    Console(markup=False).print(table)
