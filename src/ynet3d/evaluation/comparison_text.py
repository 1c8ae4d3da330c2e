"""A comparison in words and numbers for people: sentences, table cells, Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ynet3d.evaluation.comparison import Comparison, DifferingCase
from ynet3d.evaluation.comparison_pairs import CaseSet, PairComparison, higher_is_better
from ynet3d.evaluation.significance import EXACT_CASES, RESAMPLES, smallest_p

CASE_SETS: dict[CaseSet, str] = {
    "with_reference": "cases that every model has a score for, whose reference has the class",
    "all": "all cases that every model has a score for",
    "failures_as_0": "all cases whose reference has the class; a model without a score gets 0",
}
METHOD = (
    "Differences are the second model less the first, case by case. Median difference with its 95% "
    f"percentile bootstrap interval ({RESAMPLES} draws of the cases). p: two-sided Wilcoxon "
    f"signed-rank test, zeros after Pratt, exact up to {EXACT_CASES} differences. p (Holm): "
    "corrected for all pairs of models within one metric and class, not for the number of metrics "
    "and classes. Effect: matched-pairs rank-biserial correlation, -1 to 1."
)
NOT_EQUAL = (
    "A p above 0.05 does not show that models are equal: the interval says which differences the "
    "cases leave possible."
)
_METRIC_NAMES = {
    "dice": "Dice",
    "jaccard": "Jaccard",
    "voe": "VOE",
    "rvd": "RVD",
    "abs_rvd": "RVD, size",
    "assd_mm": "ASSD (mm)",
    "rmsd_mm": "RMSD (mm)",
    "msd_mm": "MSD (mm)",
    "hd95_mm": "HD95 (mm)",
}
#: Up to so many cases the smallest p that the test can give is said.
_FEW_CASES = 12
_LISTED = 5


def metric_name(metric: str) -> str:
    """A metric for people: `hd95_mm` is HD95 (mm)."""
    if metric.startswith("nsd_"):
        return f"NSD at {metric.removeprefix('nsd_').removesuffix('mm')} mm"
    return _METRIC_NAMES.get(metric, metric.replace("_", " "))


def plain(value: float | None, metric: str) -> str:
    """A value of a metric: two digits after the point for mm, three for shares."""
    return "-" if value is None else f"{value:.{_digits(metric)}f}"


def signed(value: float | None, metric: str) -> str:
    """A difference of a metric, always with its sign, unless it is 0."""
    if value is None:
        return "-"
    text = f"{value:+.{_digits(metric)}f}".replace("-", "\u2212")
    return text[1:] if float(text[1:]) == 0 else text


def difference(row: PairComparison) -> str:
    """Median difference and its interval: +0.031 [0.010, 0.052]."""
    text = signed(row.median_difference, row.metric)
    if row.interval_95 is None:
        return text
    low, high = (signed(end, row.metric) for end in row.interval_95)
    return f"{text} [{low}, {high}]"


def p_value(p: float | None) -> str:
    """Three significant digits, as far as anyone reads them."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3g}"


def effect(row: PairComparison) -> str:
    """The effect size with its sign."""
    return "-" if row.test is None else signed(round(row.test.rank_biserial, 2), "_mm")


@dataclass(frozen=True)
class MeansRow:
    """Means of all models over the cases in which all define the metric.

    Attributes:
        metric: its name.
        n: how many cases.
        of: how many the set has.
        cells: mean ± standard deviation, one per model.
        best: places of the best models among the cells; none if nothing tells them apart.
    """

    metric: str
    n: int
    of: int
    cells: tuple[str, ...]
    best: frozenset[int]


def means_row(comparison: Comparison, class_name: str, metric: str) -> MeansRow:
    """A row of the table of means, over the cases to quote."""
    values = comparison.values(class_name, metric, comparison.case_set(class_name))
    complete = values[np.isfinite(values).all(axis=1)]
    number = len(complete)
    if not number:
        blank = tuple("-" for _ in comparison.models)
        return MeansRow(metric, 0, len(values), blank, frozenset())
    shown = [plain(mean, metric) for mean in complete.mean(axis=0).tolist()]
    deviations = complete.std(axis=0, ddof=1).tolist() if number > 1 else [None] * len(shown)
    cells = tuple(
        mean if sd is None else f"{mean} ± {plain(sd, metric)}"
        for mean, sd in zip(shown, deviations, strict=True)
    )
    higher = higher_is_better(metric)
    best: frozenset[int] = frozenset()
    if higher is not None and len(set(shown)) > 1:
        top = (max if higher else min)(shown, key=float)
        best = frozenset(index for index, mean in enumerate(shown) if mean == top)
    return MeansRow(metric, number, len(values), cells, best)


def group_p(comparison: Comparison, class_name: str, metric: str) -> str:
    """Whether any models differ: p of the one pair, or of Friedman's test."""
    case_set = comparison.case_set(class_name)
    if len(comparison.models) == 2:
        a, b = comparison.models
        row = comparison.pair(a, b, class_name=class_name, metric=metric, case_set=case_set)
        return p_value(row.test.p if row.test else None)
    result = comparison.friedman.get((class_name, metric, case_set))
    return p_value(result.p if result else None)


def case_sentences(comparison: Comparison) -> list[str]:
    """Over which cases the comparison is, and which are left out."""
    number, whole = len(comparison.cases), len(comparison.cases) + len(comparison.incomplete)
    models = f"all {len(comparison.models)} models"
    if len(comparison.models) == 2:
        models = "both models"
    sentences = [f"{number} of {whole} case{'s' if whole > 1 else ''} scored for {models}."]
    if comparison.incomplete:
        left_out = [
            f"{case} ({'; '.join(f'{model}: {reason}' for model, reason in reasons.items())})"
            for case, reasons in comparison.incomplete.items()
        ]
        more = len(left_out) - _LISTED
        sentences.append(
            f"Left out: {', '.join(left_out[:_LISTED])}"
            + (f" and {more} more." if more > 0 else ".")
        )
        for class_name in comparison.headline:
            values = comparison.values(class_name, "dice", "failures_as_0")
            if len(values):
                means = ", ".join(
                    f"{model} {mean:.3f}"
                    for model, mean in zip(comparison.models, values.mean(axis=0), strict=True)
                )
                sentences.append(
                    f"If a case without a score counts as Dice 0, the mean {class_name} Dice over "
                    f"{len(values)} cases is: {means}."
                )
    for class_name in comparison.headline:
        having = len(comparison.names(class_name, "with_reference"))
        if 0 < having < number:
            sentences.append(
                f"Figures of {class_name} are over the {having} cases whose reference has it; in "
                f"the other {number - having}, {class_name} is invented by "
                f"{_inventions(comparison, class_name)}."
            )
        elif not having:
            sentences.append(
                f"No reference has {class_name}: its figures are over all cases, where Dice is 1 "
                "if a model leaves it out and 0 if it invents some."
            )
    return sentences


def _inventions(comparison: Comparison, class_name: str) -> str:
    """In how many cases without the class each model predicts some: its Dice is then 0, else 1."""
    dice = comparison.values(class_name, "dice", "all")
    without = [not comparison.in_reference(case, class_name) for case in comparison.cases]
    numbers = (dice[without] == 0).sum(axis=0).tolist()
    return ", ".join(
        f"{model} in {number}" for model, number in zip(comparison.models, numbers, strict=True)
    )


def strength_sentences(comparison: Comparison) -> list[str]:
    """What the number of cases lets the test show at all."""
    pairs = len(comparison.models) * (len(comparison.models) - 1) // 2
    numbers = {
        len(comparison.names(name, comparison.case_set(name))) for name in comparison.headline
    }
    sentences = []
    for n in sorted(number for number in numbers if number <= _FEW_CASES):
        least = smallest_p(n)
        corrected = min(1.0, pairs * least)
        text = f"With {n} case{'s' if n > 1 else ''} the smallest p of this test is {least:.3g}"
        if pairs > 1:
            text += f", and {corrected:.3g} after Holm's correction over {pairs} pairs"
        if corrected > 0.05:
            text += ": no difference, however large, can be significant at 0.05 here"
        sentences.append(text + ".")
    return [*sentences, NOT_EQUAL]


def comparison_markdown(comparison: Comparison) -> str:
    """The tables for a paper, with what must be said below them."""
    lines = [f"# {', '.join(map(_escaped, comparison.models))}", ""]
    if comparison.data:
        lines += [f"Data: {_escaped(comparison.data)}.", ""]
    lines += [_escaped(" ".join(case_sentences(comparison))), ""]
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
    return [*lines, ""]


def _pairs_lines(comparison: Comparison) -> list[str]:
    titles = ["class", "models", "n", "median difference [95%]", "p", "p (Holm)", "effect"]
    lines = ["## Dice, pair by pair", "", *_header(titles)]
    for row in headline_pairs(comparison):
        lines.append(
            _line(
                [
                    row.class_name,
                    f"{row.model_b} \u2212 {row.model_a}",
                    str(row.n),
                    difference(row),
                    p_value(row.test.p if row.test else None),
                    p_value(row.p_holm),
                    effect(row),
                ]
            )
        )
    return [*lines, "", "All metrics and classes: `comparison.csv`.", ""]


def _cases_lines(comparison: Comparison) -> list[str]:
    lines = ["## Cases that differ most in Dice", ""]
    titles = ["class", "case", *comparison.models, "spread"]
    rows = [
        _line([class_name, case.case, *_dice(case), f"{case.spread:.3f}"])
        for class_name in comparison.headline
        for case in comparison.differing_cases(class_name)
    ]
    return [*lines, *_header(titles), *rows, ""] if rows else [*lines, "None differs.", ""]


def headline_pairs(comparison: Comparison) -> list[PairComparison]:
    """Dice of the two classes to quote, over the cases to quote."""
    return [
        row
        for class_name in comparison.headline
        for row in comparison.pairs
        if (row.class_name, row.metric, row.case_set)
        == (class_name, "dice", comparison.case_set(class_name))
    ]


def _dice(case: DifferingCase) -> list[str]:
    return [plain(value, "dice") for value in case.values.values()]


def _digits(metric: str) -> int:
    return 2 if metric.endswith("_mm") else 3


def _header(titles: Sequence[str]) -> list[str]:
    return [_line(titles), "|" + "---|" * len(titles)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
