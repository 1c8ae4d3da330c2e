"""The table as Markdown, CSV and JSON, and where this package's own entries are not on top."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.accuracy.rows import FIGURES, Row
from benchmarks.accuracy.terms import Terms
from ynet3d.evaluation import Estimate
from ynet3d.files import write_csv, write_json, write_text
from ynet3d.hardware import hardware
from ynet3d.pipelines.report import versions

NAME = "accuracy"
_COSTS = ("training_minutes", "further_minutes", "seconds_per_case", "parameters", "load_before")


def write_tables(rows: Sequence[Row], terms: Terms, out: Path) -> None:
    """Write `accuracy.md`, `.csv` and `.json` into `out`."""
    write_text(out / f"{NAME}.md", markdown(rows, terms))
    header = ["entry", "network", "budget_minutes", "state", "trained", *_COSTS]
    for name in FIGURES:
        header += [name, f"{name}_low", f"{name}_high"]
    write_csv(out / f"{NAME}.csv", header, [_csv_row(row) for row in rows])
    content = {
        "terms": asdict(terms),
        "machine": hardware(),
        "versions": versions("scipy", "simpleitk") | {"python": platform.python_version()},
        "entries": [_json_row(row) for row in rows],
        "not_on_top": not_on_top(rows),
    }
    write_json(out / f"{NAME}.json", content)


def markdown(rows: Sequence[Row], terms: Terms) -> str:
    """The table; the best of each budget in bold, 95% intervals in brackets."""
    heads = ["Minutes", "Network", *(figure.words for figure in FIGURES.values())]
    heads += ["Trained", "Further minutes", "Seconds a case", "Million parameters"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for row in rows:
        cells = [f"{row.entry.minutes:g}", row.entry.title]
        if not row.measured:
            lines.append(_line([*cells, row.state, *[""] * (len(heads) - 3)]))
            continue
        rivals = [one for one in rows if one.entry.minutes == row.entry.minutes]
        cells += [_cell(row, name, rivals) for name in FIGURES]
        cells += [
            row.trained,
            f"{row.further_minutes:.1f}",
            f"{row.seconds_per_case:.1f}",
            f"{(row.parameters or 0) / 1e6:.2f}",
        ]
        lines.append(_line(cells))
    return "\n".join([*lines, "", *_notes(rows, terms), ""])


def not_on_top(rows: Sequence[Row]) -> list[str]:
    """Where another network does better than the best of ours, a sentence for each figure."""
    sentences = []
    for minutes in dict.fromkeys(row.entry.minutes for row in rows):
        rivals = [row for row in rows if row.entry.minutes == minutes and row.measured]
        for name, figure in FIGURES.items():
            ours = _best([row for row in rivals if row.entry.ours], name)
            other = _best([row for row in rivals if not row.entry.ours], name)
            if ours is None or other is None:
                continue
            mine, theirs = _printed(ours, name), _printed(other, name)
            if theirs != mine and (theirs > mine) == figure.higher:
                sentences.append(
                    f"{minutes:g} minutes, {_lower(figure.words)}: {other.entry.title} "
                    f"{theirs:{figure.form}}, {ours.entry.title} {mine:{figure.form}}"
                )
    return sentences


def _notes(rows: Sequence[Row], terms: Terms) -> list[str]:
    machine = hardware()
    device = machine["processor"] if terms.device == "cpu" else ", ".join(machine["gpus"])
    cases = terms.cases
    loads = [row.load_before for row in rows if row.load_before is not None]
    notes = [
        f"{terms.data}: trained on {cases['train']} scans, chosen on {cases['validation']}, tested "
        f"on {cases['test']}, one training each. {device or terms.device}, {terms.threads} "
        f"thread{'' if terms.threads == 1 else 's'} each.",
        "Means over the test scans (tumours: those with one), 95% bootstrap interval over scans in "
        "brackets; tumours one by one count as found if any voxel is. Seconds a case: from the "
        "scan in memory to its mask in memory, each by its own predictor, nnU-Net's without "
        "mirroring. Further minutes: preprocessing, start-up and the last validation, which the "
        "budget does not hold.",
    ]
    if loads:
        notes.append(
            f"Programs at work on the machine when the trainings began (load): {min(loads):.1f} to "
            f"{max(loads):.1f}."
        )
    sentences = not_on_top(rows)
    if sentences:
        notes.append(f"Not on top: {'; '.join(sentences)}.")
    elif {row.entry.ours for row in rows if row.measured} == {True, False}:
        notes.append("Ours is on top, or level, in every figure that was measured for both.")
    return [line for note in notes for line in (note, "")][:-1]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Row, name: str, rivals: Sequence[Row]) -> str:
    estimate, form = row.figures[name], FIGURES[name].form
    if estimate.value is None:
        return "undefined"
    words = f"{estimate.value:{form}}"
    best = _best(rivals, name)
    measured = {_printed(one, name) for one in rivals if _defined(one, name)}
    if best is not None and len(measured) > 1 and _printed(row, name) == _printed(best, name):
        words = f"**{words}**"
    if estimate.interval_95 is not None:
        low, high = estimate.interval_95
        words += f" ({low:{form}} to {high:{form}})"
    return words


def _defined(row: Row, name: str) -> bool:
    return row.measured and row.figures[name].value is not None


def _printed(row: Row, name: str) -> float:
    """As the table shows it: what looks the same is the same."""
    return float(f"{row.figures[name].value:{FIGURES[name].form}}")


def _best(rows: Sequence[Row], name: str) -> Row | None:
    defined = [row for row in rows if _defined(row, name)]
    if not defined:
        return None
    sign = 1 if FIGURES[name].higher else -1
    return max(defined, key=lambda row: sign * _printed(row, name))


def _lower(words: str) -> str:
    """For the middle of a sentence; abbreviations stay."""
    return words[0].lower() + words[1:]


def _csv_row(row: Row) -> list[Any]:
    cells: list[Any] = [row.entry.name, row.entry.title, row.entry.minutes, row.state, row.trained]
    cells += [getattr(row, name) for name in _COSTS]
    for name in FIGURES:
        estimate = row.figures.get(name, Estimate(None, None))
        cells += [estimate.value, *(estimate.interval_95 or (None, None))]
    return cells


def _json_row(row: Row) -> dict[str, Any]:
    return {
        "entry": row.entry.name,
        "network": row.entry.title,
        "ours": row.entry.ours,
        "budget_minutes": row.entry.minutes,
        "state": row.state,
        "trained": row.trained,
        **{name: getattr(row, name) for name in _COSTS},
        "recipe": row.entry.run.recipe.model_dump(mode="json") if row.entry.run else None,
        "figures": {name: asdict(estimate) for name, estimate in row.figures.items()},
    }
