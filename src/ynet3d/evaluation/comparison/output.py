"""A comparison as files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.comparison.differences import save_differences
from ynet3d.evaluation.comparison.markdown import comparison_markdown
from ynet3d.evaluation.comparison.pairs import PairComparison
from ynet3d.evaluation.comparison.scatter import save_scatter
from ynet3d.evaluation.comparison.sentences import (
    CASE_SETS,
    METHOD,
    case_sentences,
    strength_sentences,
)
from ynet3d.files import ensure_output_folder, write_csv, write_json, write_text

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
    write_csv(path / "comparison.csv", _COLUMNS, map(_row, comparison.pairs))
    header = ("case", "class", "metric", "in_reference", *comparison.models)
    write_csv(path / "paired.csv", header, _paired_rows(comparison))
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


def _paired_rows(comparison: Comparison) -> list[tuple[Any, ...]]:
    """Every case that any model has: one column per model, empty where undefined or not scored."""
    return [
        (
            case,
            class_name,
            metric,
            comparison.in_reference(case, class_name),
            *(comparison.value(model, case, class_name, metric) for model in comparison.models),
        )
        for case in comparison.every_case
        for class_name in comparison.class_names
        for metric in comparison.measured
    ]
