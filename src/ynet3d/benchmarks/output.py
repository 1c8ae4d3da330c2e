"""A benchmark as a table on the screen, `bench.json`, `bench.md` and `roofline.png`."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ynet3d.benchmarks.pictures import save_roofline
from ynet3d.benchmarks.rows import Row
from ynet3d.benchmarks.suite import Benchmark
from ynet3d.files import write_json, write_text

_COLOURS = {"met": "green", "not met": "red"}
_COLUMNS = ("target", "measured", "ratio", "limit", "verdict")


def write_benchmark(result: Benchmark, folder: Path) -> None:
    """Write all files into `folder`."""
    write_json(folder / "bench.json", result.as_json())
    write_text(folder / "bench.md", as_markdown(result))
    save_roofline(result, folder / "roofline.png")


def benchmark_table(result: Benchmark) -> Table:
    """For a terminal."""
    table = Table(caption=describe(result), show_lines=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in ("ratio", "limit") else "left")
    group = ""
    for row in result.rows:
        if row.group != group:
            table.add_section()
            group = row.group
        verdict = _verdict(row)
        colour = _COLOURS.get(row.verdict)
        table.add_row(*_cells(row), f"[{colour}]{verdict}[/]" if colour else verdict)
    return table


def as_markdown(result: Benchmark) -> str:
    """The table, after what it was measured on."""
    lines = ["# Benchmark", "", describe(result), ""]
    if result.quick:
        lines += ["Quick: tiny sizes, to see that all works; the figures mean nothing.", ""]
    lines += ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    lines += [f"| {' | '.join((*_cells(row), _verdict(row)))} |" for row in result.rows]
    lines += ["", "![roofline](roofline.png)"]
    return "\n".join(lines) + "\n"


def describe(result: Benchmark) -> str:
    """Date, machine and software in one line."""
    machine = result.machine
    parts = [
        result.date,
        f"{machine['processor']}, {machine['cores']} cores ({', '.join(machine['capabilities'])})",
        f"{machine['memory_gb']} GB",
        *machine["gpus"],
        f"torch {machine['torch']}, {machine['threads']} threads",
    ]
    return "; ".join(parts) + "."


def _cells(row: Row) -> tuple[str, str, str, str]:
    sign = "at least" if row.at_least else "at most"
    return (
        row.target,
        row.measured,
        "" if row.ratio is None else f"{row.ratio:.3g}",
        "" if row.limit is None else f"{sign} {row.limit:g}",
    )


def _verdict(row: Row) -> str:
    return f"{row.verdict}: {row.reason}" if row.reason else row.verdict
