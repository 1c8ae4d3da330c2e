"""`ynet3d networks`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def networks(
    size: Annotated[
        tuple[int, int, int], typer.Option(help="Input for the FLOPs: slices, rows, columns.")
    ] = (64, 256, 256),
    figure: Annotated[
        str | None, typer.Option(help="Draw this network instead of listing all.", metavar="NAME")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to draw it: a .png, .pdf or .svg file."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="An option of the drawn network, for instance fusion=none."),
    ] = None,
) -> None:
    """List the networks (parameters, FLOPs of one input, options), or draw one as built."""
    from ynet3d.errors import InputError

    if min(size) < 1:
        raise InputError(f"--size is {size}, expected three numbers of at least 1.")
    if figure is None:
        if out is not None or changes:
            raise InputError("-o and --set belong to --figure NAME: say which network to draw.")
        _list(size)
        return
    if out is None:
        raise InputError(f"--figure {figure} has no place to go: give -o FILE.png.")
    import torch

    from ynet3d.networks import architecture
    from ynet3d.recipes import load_recipe
    from ynet3d.reporting import save_architecture
    from ynet3d.weights import build_network

    options = [f"network.options.{change}" for change in changes or []]
    recipe = load_recipe("paper", changes=[f"network.name={figure}", *options])
    with torch.device("meta"):
        network = build_network(recipe)
    save_architecture(architecture(network, size=size, name=figure), out)
    typer.echo(f"Drawn: {out}")


def _list(size: tuple[int, int, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ynet3d.errors import MissingExtraError
    from ynet3d.networks import complexity, list_networks, network_entry

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
            f"{key}={list(value) if isinstance(value, tuple) else value}"
            for key, value in entry.options.items()
        )
        try:
            counted = complexity(name, size=size)
        except MissingExtraError as error:
            table.add_row(name, "", "", options, f"{entry.source}. {error}")
            continue
        flop = f"{counted.flop / 1e12:.2f}"
        table.add_row(name, f"{counted.parameters:,}", flop, options, entry.source)
    Console(markup=False).print(table)
