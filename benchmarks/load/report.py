"""What the load test found, as Markdown, JSON and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ynet3d.files import save_figure, write_json, write_text
from ynet3d.plots import GREY, INK, new_figure, tidy

_TIMES = ("p50", "p95", "p99", "max")
_COLOURS = ("#2b6cb0", "#2f855a", "#c05621", "#6b46c1", "#b83280")


def write_report(found: dict[str, Any], out: Path) -> None:
    """`load.json`, `load.md`, `load.png`."""
    write_json(out / "load.json", found)
    write_text(out / "load.md", markdown(found))
    draw(found, out / "load.png")


def markdown(found: dict[str, Any]) -> str:
    """A table of all phases, and what else was counted."""
    lines = [
        f"{found['date']}, {found['machine']}; {found['plan']['rate']:g} questions a second.",
        "",
        "| phase | question | answers | a second | errors | p50 ms | p95 | p99 | max |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for phase in found["phases"]:
        lines += [
            f"| {phase['name']} | {row['kind']} | {row['answers']} | {row['per_second']:.0f} | "
            f"{row['errors']} | {' | '.join(_shown(row[f'{key}_ms']) for key in _TIMES)} |"
            for row in phase["rows"]
        ]
    lines += ["", *(f"* {name}: {value}" for name, value in found["counted"].items())]
    refused = [row for row in found["phases"][-1]["rows"] if row["kind"] in found["attacks"]]
    lines += [f"* {row['kind']}: answered {_words(row['statuses'])}" for row in refused]
    return "\n".join(lines) + "\n"


def _shown(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f}"


def _words(statuses: dict[str, int]) -> str:
    return ", ".join(f"{status} ({count} times)" for status, count in sorted(statuses.items()))


def draw(found: dict[str, Any], target: Path) -> None:
    """p50, p95, p99 and the longest time of each question, one panel for each phase."""
    phases = [
        (phase["name"], [row for row in phase["rows"] if row["kind"] not in found["attacks"]])
        for phase in found["phases"]
    ]
    figure = new_figure(8.0, 1.0 + 0.24 * sum(len(rows) + 1 for _, rows in phases))
    panels = figure.subplots(
        len(phases), 1, sharex=True, height_ratios=[len(rows) + 1 for _, rows in phases]
    )
    kinds = sorted({row["kind"] for _, rows in phases for row in rows})
    for (name, rows), axes in zip(phases, panels, strict=True):
        for height, row in enumerate(reversed(rows)):
            colour = _COLOURS[kinds.index(row["kind"]) % len(_COLOURS)]
            times = [row[f"{key}_ms"] for key in _TIMES]
            if None in times:
                continue
            axes.plot(times, [height] * 4, "-", color=colour, linewidth=1.2)
            for time, mark in zip(times, "o|d>", strict=True):
                axes.plot(time, height, mark, color=colour, markersize=5)
        axes.set_yticks(range(len(rows)), [row["kind"] for row in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(name, fontsize=9, loc="left", color=INK)
        axes.set_xscale("log")
        tidy(axes)
    panels[-1].set_xlabel(
        "milliseconds: median (circle), 95% (bar), 99% (diamond), longest (arrow)",
        fontsize=8,
        color=GREY,
    )
    figure.tight_layout()
    save_figure(figure, target)
