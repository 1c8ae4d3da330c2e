"""A comparison as Markdown, ready for a paper."""

from __future__ import annotations

from collections.abc import Sequence

from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.comparison.sentences import METHOD, case_sentences, strength_sentences
from ynet3d.evaluation.comparison.tables import (
    group_p,
    headline_pairs,
    means_row,
    undefined_counts,
)
from ynet3d.evaluation.comparison.words import difference, effect, metric_name, p_value, plain


def comparison_markdown(comparison: Comparison) -> str:
    """The tables for a paper, with what must be said below them."""
    lines = [f"# {', '.join(map(_escaped, comparison.models))}", ""]
    if comparison.data:
        lines += [f"Data: {_escaped(comparison.data)}.", ""]
    lines += [*(f"- {_escaped(sentence)}" for sentence in case_sentences(comparison)), ""]
    lines += _means_lines(comparison) + _pairs_lines(comparison) + _cases_lines(comparison)
    lines += ["## Method", "", METHOD, *strength_sentences(comparison)]
    if len(comparison.models) > 2:
        lines.append("Friedman's p is by the chi-squared law, which is rough for few cases.")
    return "\n".join(lines) + "\n"


def _means_lines(comparison: Comparison) -> list[str]:
    test = "p" if len(comparison.models) == 2 else "p (Friedman)"
    lines = [
        "## Mean ± standard deviation",
        "",
        "Over the n cases in which the metric is defined for every model; the best mean is bold.",
        "",
        *_header(["class", "metric", "n", *comparison.models, test]),
    ]
    for class_name in comparison.headline:
        for metric in comparison.metrics:
            row = means_row(comparison, class_name, metric)
            cells = [f"**{c}**" if i in row.best else c for i, c in enumerate(row.cells)]
            n = str(row.n) if row.n == row.of else f"{row.n} of {row.of}"
            p = group_p(comparison, class_name, metric)
            lines.append(_line([class_name, metric_name(metric), n, *cells, p]))
    return [*lines, "", *_undefined_lines(comparison)]


def _undefined_lines(comparison: Comparison) -> list[str]:
    """Which metrics some model leaves undefined, and how often: those rows flatter who misses."""
    lines = []
    for class_name in comparison.headline:
        metrics: dict[tuple[int, ...], list[str]] = {}
        for metric in comparison.metrics:
            counts = undefined_counts(comparison, class_name, metric)
            if any(counts):
                metrics.setdefault(counts, []).append(metric_name(metric))
        lines += [
            f"- Cases in which {class_name} has no {', '.join(names)}: "
            f"{_counted(comparison.models, counts)}. Such cases are left out of these rows for all "
            "models, and no mean there is bold."
            for counts, names in metrics.items()
        ]
    return [*lines, ""] if lines else []


def _counted(models: Sequence[str], counts: Sequence[int]) -> str:
    return ", ".join(f"{_escaped(m)} {n}" for m, n in zip(models, counts, strict=True))


def _pairs_lines(comparison: Comparison) -> list[str]:
    titles = ["class", "models", "n", "median difference [95%]", "p", "p (Holm)", "effect"]
    lines = ["## Dice, pair by pair", "", *_header(titles)]
    for row in headline_pairs(comparison):
        models = f"{row.model_b} \u2212 {row.model_a}"
        p = p_value(row.test.p if row.test else None)
        figures = [str(row.n), difference(row), p, p_value(row.p_holm), effect(row)]
        lines.append(_line([row.class_name, models, *figures]))
    return [*lines, "", "All metrics and classes: `comparison.csv`.", ""]


def _cases_lines(comparison: Comparison) -> list[str]:
    lines = ["## Cases that differ most in Dice", ""]
    titles = ["class", "case", *comparison.models, "spread"]
    rows = [
        _line(
            [
                class_name,
                case.case,
                *(plain(v, "dice") for v in case.values.values()),
                f"{case.spread:.3f}",
            ]
        )
        for class_name in comparison.headline
        for case in comparison.differing_cases(class_name)
    ]
    return [*lines, *_header(titles), *rows, ""] if rows else [*lines, "None differs.", ""]


def _header(titles: Sequence[str]) -> list[str]:
    return [_line(titles), "|" + "---|" * len(titles)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
