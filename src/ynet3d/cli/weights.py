"""`ynet3d weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(help="The weights of this package, and what is known of any.")


@app.command("list")
def list_weights() -> None:
    """List the weights inside this package."""
    from rich.console import Console
    from rich.table import Table

    from ynet3d.weights.packing import read_facts
    from ynet3d.weights.shipped import DEFAULT, list_shipped

    table = Table()
    for column in ("name", "network", "trained on", "licence", "MB"):
        table.add_column(column)
    for name, path in list_shipped().items():
        facts = read_facts(path.with_suffix(".json"))
        data = facts["training_data"]
        table.add_row(
            f"{name} (default)" if name == DEFAULT else name,
            f"{facts['recipe']['network']['name']}, recipe {facts['recipe']['name']}",
            data.get("name", ""),
            data.get("licence", ""),
            f"{path.stat().st_size / 1e6:.1f}",
        )
    Console().print(table)


@app.command("info")
def info(
    weights: Annotated[
        str, typer.Argument(help="A name of `ynet3d weights list`, a file, or a run.")
    ],
) -> None:
    """Say what is known of weights: data and licence, training, figures, recipe."""
    import yaml

    from ynet3d.weights import load_weights

    loaded = load_weights(weights)
    parameters = sum(tensor.numel() for tensor in loaded.network.parameters())
    content: dict[str, Any] = {
        "file": str(loaded.path),
        "parameters": parameters,
        **{name: value for name, value in loaded.facts.items() if name != "format"},
    }
    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip())


@app.command("pack")
def pack(
    weights: Annotated[
        list[Path], typer.Argument(help="A .safetensors file or a run; several become one network.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .safetensors file to write.")],
    storage: Annotated[
        Literal["float16", "int8"], typer.Option(help="Half the size, or a quarter of it.")
    ] = "float16",
    evaluation: Annotated[
        Path | None, typer.Option(help="JSON of what was measured, instead of the metrics.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="JSON of how they were trained (run.json).")
    ] = None,
    check_on: Annotated[
        Path | None, typer.Option(help="A CT to compare masks on.  [default: a phantom]")
    ] = None,
) -> None:
    """Make weights small enough to be shipped; refused if that changes their masks."""
    from ynet3d.pipelines.packing import pack_files

    parity = pack_files(
        weights, out, storage=storage, evaluation=evaluation, training=training, check_on=check_on
    )
    typer.echo(f"Written: {out} ({out.stat().st_size / 1e6:.1f} MB; {parity.words})")
