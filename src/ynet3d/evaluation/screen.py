"""An evaluation on screen: the figures to quote; the files have the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ynet3d.evaluation.bootstrap import Estimate, Interval
from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.conventions import EMPTY_CLASS_RULE, LITS_RULE
from ynet3d.evaluation.figures import scored_words
from ynet3d.evaluation.lesion_geometry import SIZE_CLASSES, SIZE_WORDS
from ynet3d.evaluation.summary import Evaluation, MetricSummary

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

#: The paper's four, and what overlap alone does not tell.
_SHOWN = (
    "sensitivity",
    "specificity",
    "precision",
    "dice",
    "rvd",
    "assd_mm",
    "hd95_mm",
    "nsd_2mm",
)
_INTERVAL = "  95% interval"


def evaluation_table(evaluation: Evaluation) -> Group:
    """Tables of the classes, of the tumours one by one and of the LiTS scorer; then the rules."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Table | str | Text] = [_classes_table(evaluation), ""]
    if evaluation.lesions.reference or evaluation.lesions.prediction:
        parts += [_lesions_table(evaluation), ""]
    if evaluation.lits is not None:
        parts += [_lits_table(evaluation.lits), ""]
    parts += [Text(f"{sentence}\n") for sentence in _sentences(evaluation)]
    return Group(*parts)


@dataclass(frozen=True)
class _Column:
    """A class over all cases, or over those whose reference has it."""

    class_name: str
    expected: int
    with_reference: bool
    heading: str

    def mean(self, summary: MetricSummary) -> str:
        """Mean ± standard deviation, and over how many cases where not over all."""
        mean, sd, cases = (
            (summary.mean_with_reference, summary.sd_with_reference, summary.cases_with_reference)
            if self.with_reference
            else (summary.mean, summary.sd, summary.cases)
        )
        if mean is None:
            return "undefined"
        digits = 3 if max(abs(mean), sd or 0) < 10 else 1
        text = f"{mean:.{digits}f}" if sd is None else f"{mean:.{digits}f} ± {sd:.{digits}f}"
        return text if cases == self.expected else f"{text}\nn = {cases}"

    def interval(self, summary: MetricSummary) -> str:
        """That of the mean."""
        return _interval(
            summary.interval_95_with_reference if self.with_reference else summary.interval_95
        )


def _classes_table(evaluation: Evaluation) -> Table:
    """Mean ± sample standard deviation by metric and class, as in the paper's Table 1.

    A class that some references lack has a second column: the cases whose reference has it.
    """
    columns = _columns(evaluation)
    table = _table(f"Mean ± standard deviation over {scored_words(evaluation)}")
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    further = [name for name in evaluation.metrics if name.startswith("nsd_")]
    for metric in (*_SHOWN, *(name for name in further if name not in _SHOWN)):
        summaries = [evaluation.summary[column.class_name][metric] for column in columns]
        both = list(zip(columns, summaries, strict=True))
        table.add_row(metric, *(column.mean(summary) for column, summary in both))
        if metric != "dice":
            continue
        if len(evaluation.cases) > 1:
            table.add_row(_INTERVAL, *(column.interval(summary) for column, summary in both))
        if evaluation.failures:
            means = (
                "" if column.with_reference else _number(summary.mean_failures_as_0)
                for column, summary in both
            )
            table.add_row("  failures as 0", *means)
    table.add_section()
    whole = ["" if column.with_reference else column.class_name for column in columns]
    table.add_row(
        "dice, pooled", *(name and _number(evaluation.pooled[name].dice.value) for name in whole)
    )
    for word in ("missed", "invented"):
        counts = (name and str(getattr(evaluation.presence[name], word)) for name in whole)
        table.add_row(f"cases {word}", *counts)
    agreements = [evaluation.volumes.get(name) for name in whole]
    table.add_row(
        "volume bias, mL", *("" if one is None else _ml(one.bias_ml) for one in agreements)
    )
    limits = [None if one is None else one.limits_ml for one in agreements]
    if any(limits):
        table.add_row(
            "  95% limits", *(f"{_ml(one[0])} to {_ml(one[1])}" if one else "" for one in limits)
        )
    return table


def _columns(evaluation: Evaluation) -> list[_Column]:
    number = len(evaluation.cases)
    columns = []
    for name in evaluation.class_names:
        definition = CLASSES[name].definition.split(",")[0]
        columns.append(_Column(name, number, False, f"{name}\n{definition}"))
        having = evaluation.summary[name]["dice"].cases_with_reference
        if 0 < having < number:
            columns.append(_Column(name, having, True, f"{name}\n{having} with it"))
    return columns


def _lesions_table(evaluation: Evaluation) -> Table:
    lesions = evaluation.lesions
    table = _table(
        f"Tumours one by one: {lesions.reference} in the reference, {lesions.prediction} predicted"
    )
    thresholds = list(lesions.thresholds.values())
    for threshold in thresholds:
        heading = f"IoU > {threshold.minimum_iou:g}" if threshold.minimum_iou else "any overlap"
        table.add_column(heading, justify="right", no_wrap=True)
    for label, name in (
        ("recall", "recall"),
        ("precision", "precision"),
        ("F1", "f1"),
        ("false positives a scan", "false_positives_per_scan"),
    ):
        found: list[Estimate] = [getattr(one.all_sizes, name) for one in thresholds]
        table.add_row(label, *(_number(estimate.value) or "undefined" for estimate in found))
        if any(estimate.interval_95 for estimate in found):
            table.add_row(_INTERVAL, *(_interval(estimate.interval_95) for estimate in found))
    table.add_section()
    for size in SIZE_CLASSES if lesions.reference else ():
        counts = [one.by_size[size].counts for one in thresholds]
        table.add_row(
            f"found, {SIZE_WORDS[size]}",
            *(f"{one.true_positives} of {one.references}" for one in counts),
        )
    return table


def _lits_table(scores: Mapping[str, float | None]) -> Table:
    """Names as the scorer prints them, cut at "lesion_" and "liver_"."""
    table = _table("Figures of the LiTS challenge's scorer, by its names")
    objects = ("lesion", "liver")
    for name in objects:
        table.add_column(f"{name}_", justify="right", no_wrap=True)
    of_objects = dict.fromkeys(
        name.removeprefix(f"{one}_") for one in objects for name in scores if name.startswith(one)
    )
    for name in of_objects:
        table.add_row(name, *(_number(scores.get(f"{one}_{name}")) for one in objects))
    table.add_section()
    for name, value in scores.items():
        if not name.startswith(objects):
            table.add_row(name, _number(value))
    return table


def _sentences(evaluation: Evaluation) -> list[str]:
    lesions, burden = evaluation.lesions, evaluation.burden
    found = []
    if lesions.lesion_wise_dice.value is not None:
        interval = _interval(lesions.lesion_wise_dice.interval_95)
        more = f" (95% interval {interval})" if interval else ""
        found.append(
            "Lesion-wise Dice, the mean over the tumours of the reference, 0 for a missed one: "
            f"{lesions.lesion_wise_dice.value:.3f}{more}."
        )
    if burden.rmse is not None and burden.maximum is not None:
        found.append(
            f"Tumour burden (tumour / liver): RMSE {burden.rmse:.4f}, largest error "
            f"{burden.maximum:.4f}."
        )
    rules = [EMPTY_CLASS_RULE]
    if any(one.missed or one.invented for one in evaluation.presence.values()):
        rules.append(
            "A class that was missed or invented does not worsen the mean distances, because there "
            "is none to measure: quote those cases, or NSD, with them."
        )
    if _hides_cases(evaluation):
        rules.append("n: the cases averaged where not all are.")
    paragraphs = [" ".join(found), " ".join(rules)]
    if evaluation.lits is not None:
        paragraphs.append(LITS_RULE)
    return [paragraph for paragraph in paragraphs if paragraph]


def _hides_cases(evaluation: Evaluation) -> bool:
    return any(
        0 < metrics[metric].cases < len(evaluation.cases)
        for metrics in evaluation.summary.values()
        for metric in _SHOWN
    )


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
        title=title,
        title_justify="left",
    )
    table.add_column("", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _ml(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"
