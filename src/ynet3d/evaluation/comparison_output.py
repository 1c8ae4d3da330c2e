"""A comparison as files and as tables on screen."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.comparison import Comparison
from ynet3d.evaluation.comparison_pairs import PairComparison
from ynet3d.evaluation.comparison_plots import save_differences, save_scatter
from ynet3d.evaluation.comparison_text import (
    CASE_SETS,
    METHOD,
    case_sentences,
    comparison_markdown,
    difference,
    effect,
    headline_pairs,
    means_row,
    p_value,
    plain,
    strength_sentences,
)
from ynet3d.files import ensure_output_folder, write_json, write_text

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_COLUMNS = (
    "class", "metric", "case_set", "model_a", "model_b", "n", "undefined_a", "undefined_b",
    "mean_a", "mean_b", "median_a", "median_b", "median_difference", "interval_low",
    "interval_high", "p", "p_holm", "tests", "effect_size", "smallest_p", "zeros", "exact",
    "higher_is_better", "better",
)  # fmt: skip


def write_comparison(comparison: Comparison, folder: str | Path) -> Path:
    """Write tables, text and pictures of a comparison (see docs/comparison.md).

    `comparison.csv`, `paired.csv`, `summary.json`, `comparison.md`, `scatter.png` and
    `differences.png`.

    Returns:
        The folder, made if it did not exist.

    Raises:
        InputError: the folder cannot be written, or holds an evaluation that would be lost.
    """
    path = prepare_folder(folder)
    write_text(path / "comparison.csv", _pairs_csv(comparison))
    write_text(path / "paired.csv", _paired_csv(comparison))
    write_json(path / "summary.json", comparison_json(comparison))
    write_text(path / "comparison.md", comparison_markdown(comparison))
    save_scatter(comparison, path / "scatter.png")
    save_differences(comparison, path / "differences.png")
    return path


def prepare_folder(folder: str | Path) -> Path:
    """Make the folder of a comparison.

    Raises:
        InputError: it cannot be written, or holds an evaluation.
    """
    if (Path(folder) / "cases.csv").exists():
        raise InputError(
            f"{folder} holds an evaluation (cases.csv), whose summary.json would be lost: choose "
            "another folder with -o."
        )
    return ensure_output_folder(folder)


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The content of `summary.json`; what is undefined is None."""
    first = comparison.scores[comparison.models[0]]
    return {
        "models": list(comparison.models),
        "data": comparison.data,
        "convention": first.convention,
        "liver_convention": first.liver_convention,
        "headline": list(comparison.headline),
        "class_definitions": {name: CLASSES[name].definition for name in comparison.class_names},
        "number_of_cases": len(comparison.cases),
        "cases": list(comparison.cases),
        "incomplete": {case: dict(why) for case, why in comparison.incomplete.items()},
        "case_sets": dict(CASE_SETS),
        "quoted_case_set": {name: comparison.case_set(name) for name in comparison.class_names},
        "method": METHOD,
        "seed": comparison.seed,
        "notes": [*case_sentences(comparison), *strength_sentences(comparison)],
        "pairs": [dict(zip(_COLUMNS, _row(row), strict=True)) for row in comparison.pairs],
        "friedman": [
            {"class": class_name, "metric": metric, "case_set": case_set, **asdict(result)}
            for (class_name, metric, case_set), result in comparison.friedman.items()
        ],
        "cases_that_differ_most": {
            class_name: [
                {
                    "case": case.case,
                    "dice": dict(case.values),
                    "spread": case.spread,
                }
                for case in comparison.differing_cases(class_name)
            ]
            for class_name in comparison.headline
        },
    }


def comparison_table(comparison: Comparison) -> Group:
    """Means, differences pair by pair, the cases that differ most, and what to know of them."""
    from rich.console import Group
    from rich.text import Text

    notes = [
        *case_sentences(comparison),
        METHOD,
        *strength_sentences(comparison),
    ]
    tables = [_means_table(comparison), _pairs_table(comparison)]
    if any(comparison.differing_cases(class_name) for class_name in comparison.headline):
        tables.append(_cases_table(comparison))
    parts = [part for table in tables for part in (table, Text())]
    return Group(*parts, Text(" ".join(notes)))


def _means_table(comparison: Comparison) -> Table:
    n = len(comparison.cases)
    table = _table(f"Dice, mean ± standard deviation ({n} case{'s' if n > 1 else ''})")
    table.add_column("model")
    rows = [means_row(comparison, class_name, "dice") for class_name in comparison.headline]
    for class_name, row in zip(comparison.headline, rows, strict=True):
        table.add_column(f"{class_name} (n = {row.n})", justify="right", no_wrap=True)
    for index, model in enumerate(comparison.models):
        _add(table, [model, *(row.cells[index] for row in rows)])
    return table


def _pairs_table(comparison: Comparison) -> Table:
    table = _table("Difference in Dice, pair by pair")
    for title in ("class", "models"):
        table.add_column(title)
    for title in ("n", "median difference [95%]", "p", "p (Holm)", "effect"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in headline_pairs(comparison):
        p = p_value(row.test.p if row.test else None)
        models = f"{row.model_b} \u2212 {row.model_a}"
        cells = [str(row.n), difference(row), p, p_value(row.p_holm), effect(row)]
        _add(table, [row.class_name, models, *cells])
    return table


def _cases_table(comparison: Comparison) -> Table:
    table = _table("Cases that differ most in Dice")
    for title in ("class", "case"):
        table.add_column(title)
    for model in comparison.models:
        table.add_column(model, justify="right")
    for class_name in comparison.headline:
        for case in comparison.differing_cases(class_name, limit=3):
            dice = [plain(value, "dice") for value in case.values.values()]
            _add(table, [class_name, case.case, *dice])
    return table


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    return Table(
        box=SIMPLE_HEAD, pad_edge=False, show_edge=False, title=Text(title), title_justify="left"
    )


def _add(table: Table, cells: Sequence[str]) -> None:
    """A row to the letter: a name may hold what rich takes for markup."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def _row(row: PairComparison) -> list[Any]:
    test = row.test
    low, high = row.interval_95 or (None, None)
    return [
        row.class_name,
        row.metric,
        row.case_set,
        row.model_a,
        row.model_b,
        row.n,
        row.undefined_a,
        row.undefined_b,
        row.mean_a,
        row.mean_b,
        row.median_a,
        row.median_b,
        row.median_difference,
        low,
        high,
        test.p if test else None,
        row.p_holm,
        row.tests,
        test.rank_biserial if test else None,
        test.smallest_p if test else None,
        test.zeros if test else None,
        test.exact if test else None,
        row.higher_is_better,
        row.better(),
    ]


def _pairs_csv(comparison: Comparison) -> str:
    return _csv([_COLUMNS, *map(_row, comparison.pairs)])


def _paired_csv(comparison: Comparison) -> str:
    """Every case that any model has: one column per model, empty where undefined or not scored."""
    rows: list[Sequence[Any]] = [("case", "class", "metric", "in_reference", *comparison.models)]
    for case in comparison.every_case:
        for class_name in comparison.class_names:
            for metric in comparison.measured:
                values = (
                    comparison.value(model, case, class_name, metric) for model in comparison.models
                )
                has = comparison.in_reference(case, class_name)
                rows.append((case, class_name, metric, has, *values))
    return _csv(rows)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow("" if cell is None else _cell(cell) for cell in row)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
