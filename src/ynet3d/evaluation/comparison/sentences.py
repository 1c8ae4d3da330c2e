"""What must be said with the figures of a comparison."""

from __future__ import annotations

from ynet3d.evaluation.comparison.comparing import Comparison
from ynet3d.evaluation.comparison.pairs import CaseSet
from ynet3d.evaluation.comparison.scores import NO_PREDICTION
from ynet3d.evaluation.significance import EXACT_CASES, RESAMPLES, smallest_p

CASE_SETS: dict[CaseSet, str] = {
    "with_reference": "cases that every model has a score for, whose reference has the class",
    "all": "all cases that every model has a score for",
    "failures_as_0": "all cases whose reference has the class; a model without a score gets 0",
}
METHOD = (
    "Differences are taken case by case. Median difference with its 95% percentile "
    f"bootstrap interval ({RESAMPLES} draws of the cases). p: two-sided Wilcoxon "
    f"signed-rank test, zeros after Pratt, exact up to {EXACT_CASES} differences. p (Holm): "
    "corrected for all pairs of models within one metric and class, not for the number of metrics "
    "and classes. Effect: matched-pairs rank-biserial correlation, -1 to 1."
)
NOT_EQUAL = (
    "A p above 0.05 does not show that models are equal: the interval says which differences the "
    "cases leave possible."
)
#: Up to so many cases the smallest p that the test can give is said.
_FEW_CASES = 12
_LISTED = 5


def case_sentences(comparison: Comparison) -> list[str]:
    """Over which cases the comparison is, and which are left out."""
    number, whole = len(comparison.cases), len(comparison.cases) + len(comparison.incomplete)
    models = f"all {len(comparison.models)} models"
    if len(comparison.models) == 2:
        models = "both models"
    sentences = [f"{number} of {whole} case{'s' if whole > 1 else ''} scored for {models}."]
    if comparison.incomplete:
        sentences += _left_out(comparison)
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
                f"Figures of {class_name} are over the {having} of these {number} cases whose "
                f"reference has it. "
                f"{class_name.capitalize()} invented in the other {number - having}: "
                f"{_inventions(comparison, class_name)}."
            )
        elif not having:
            sentences.append(
                f"No reference has {class_name}: its figures are over all cases, where Dice is 1 "
                "if a model leaves it out and 0 if it invents some."
            )
    return sentences


def _left_out(comparison: Comparison) -> list[str]:
    """Which cases lack a score for which models, and the reasons that are not obvious."""
    cases: list[str] = []
    reasons: list[str] = []
    for case, why in comparison.incomplete.items():
        words = []
        for model, reason in why.items():
            missing = reason == NO_PREDICTION
            words.append(f"{model}: {reason if missing else 'could not be scored'}")
            reasons += [] if missing else [f"{model}, {case}: {reason}"]
        cases.append(f"{case} ({'; '.join(words)})")
    more = len(cases) - _LISTED
    end = f" and {more} more." if more > 0 else "."
    return [f"Left out: {', '.join(cases[:_LISTED])}{end}", *reasons[:_LISTED]]


def _inventions(comparison: Comparison, class_name: str) -> str:
    """In how many cases without the class each model predicts some: its Dice is then 0, else 1."""
    dice = comparison.values(class_name, "dice", "all")
    without = [not comparison.in_reference(case, class_name) for case in comparison.cases]
    numbers = (dice[without] == 0).sum(axis=0).tolist()
    return ", ".join(
        f"{model} {number}" for model, number in zip(comparison.models, numbers, strict=True)
    )


def strength_sentences(comparison: Comparison) -> list[str]:
    """What the number of cases lets the test show at all."""
    pairs = len(comparison.models) * (len(comparison.models) - 1) // 2
    classes: dict[int, list[str]] = {}
    for name in comparison.headline:
        n = len(comparison.names(name, comparison.case_set(name)))
        if n <= _FEW_CASES:
            classes.setdefault(n, []).append(name)
    sentences = []
    for n, names in classes.items():
        least = smallest_p(n)
        corrected = min(1.0, pairs * least)
        text = (
            f"With {n} case{'s' if n > 1 else ''} of {' and '.join(names)} the smallest p that "
            f"this test can give is {least:.3g}"
        )
        if pairs > 1:
            text += f", and {corrected:.3g} after Holm's correction over {pairs} pairs"
        if corrected > 0.05:
            text += ": no difference, however large, can be significant at 0.05 here"
        sentences.append(text + ".")
    return [*sentences, NOT_EQUAL]
