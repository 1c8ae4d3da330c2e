"""A comparison as tables on screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.comparison.sentences import METHOD, case_sentences, strength_sentences
from ynet3d.evaluation.comparison.tables import group_p, headline_pairs, means_row
from ynet3d.evaluation.comparison.words import difference, effect, p_value, plain

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def comparison_table(comparison: Comparison) -> Group:
    """Means, differences pair by pair, the cases that differ most, and what to know of them."""
    from rich.console import Group
    from rich.text import Text

    tables = [_means_table(comparison), _pairs_table(comparison)]
    if any(comparison.differing_cases(class_name) for class_name in comparison.headline):
        tables.append(_cases_table(comparison))
    notes = (case_sentences(comparison), [METHOD], strength_sentences(comparison))
    paragraphs = [Text(" ".join(sentences) + "\n") for sentences in notes]
    return Group(*(part for table in tables for part in (table, "")), *paragraphs)


def _means_table(comparison: Comparison) -> Table:
    table = _table("Dice, mean ± standard deviation")
    table.add_column("model")
    rows = [means_row(comparison, class_name, "dice") for class_name in comparison.headline]
    for class_name, row in zip(comparison.headline, rows, strict=True):
        table.add_column(f"{class_name} (n = {row.n})", justify="right", no_wrap=True)
    for index, model in enumerate(comparison.models):
        _add(table, [model, *(row.cells[index] for row in rows)])
    if len(comparison.models) > 2:
        table.add_section()
        tests = (group_p(comparison, class_name, "dice") for class_name in comparison.headline)
        _add(table, ["any differ: p (Friedman)", *tests])
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
