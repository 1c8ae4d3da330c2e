"""An evaluation on screen: the figures to quote; the files have the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.conventions import EMPTY_CLASS_RULE
from ynet3d.evaluation.figures import scored_words
from ynet3d.evaluation.summary import Evaluation, MetricSummary

if TYPE_CHECKING:
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


def evaluation_table(evaluation: Evaluation) -> Table:
    """Mean ± sample standard deviation by metric and class, and the interval of the mean Dice.

    A class that some references lack has a second column: the cases whose reference has it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    number = len(evaluation.cases)
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
        title=f"Mean ± standard deviation over {scored_words(evaluation)}",
        caption=_caption(evaluation),
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    columns: list[tuple[str, int, bool]] = []  # class, cases expected, only those with reference
    for class_name in evaluation.class_names:
        having = evaluation.summary[class_name]["dice"].cases_with_reference
        definition = CLASSES[class_name].definition.split(",")[0]
        columns.append((class_name, number, False))
        table.add_column(f"{class_name}\n{definition}", justify="right", no_wrap=True)
        if 0 < having < number:
            columns.append((class_name, having, True))
            table.add_column(f"{class_name}\n{having} with it", justify="right", no_wrap=True)
    further = tuple(name for name in evaluation.metrics if name.startswith("nsd_"))
    for metric in (*_SHOWN, *(name for name in further if name not in _SHOWN)):
        cells = [
            _cell(evaluation.summary[name][metric], expected, with_reference=having)
            for name, expected, having in columns
        ]
        table.add_row(metric, *cells)
        if metric == "dice":
            _add_rows_of_dice(table, evaluation, columns)
    return table


def _add_rows_of_dice(
    table: Table, evaluation: Evaluation, columns: list[tuple[str, int, bool]]
) -> None:
    """The interval of the mean, and the mean in which failures count."""
    summaries = [(evaluation.summary[name]["dice"], having) for name, _, having in columns]
    if len(evaluation.cases) > 1:
        intervals = [_interval(summary, with_reference=having) for summary, having in summaries]
        table.add_row("  95% interval", *intervals)
    if evaluation.failures:
        means = [
            ""
            if having or summary.mean_failures_as_0 is None
            else f"{summary.mean_failures_as_0:.3f}"
            for summary, having in summaries
        ]
        table.add_row("  failures as 0", *means)


def _caption(evaluation: Evaluation) -> str:
    words = [EMPTY_CLASS_RULE]
    if any(
        summary.cases < len(evaluation.cases)
        for metrics in evaluation.summary.values()
        for summary in metrics.values()
    ):
        words.append("n: the cases averaged where not all are.")
    return " ".join(words)


def _cell(summary: MetricSummary, expected: int, *, with_reference: bool) -> str:
    mean, sd, cases = (
        (summary.mean_with_reference, summary.sd_with_reference, summary.cases_with_reference)
        if with_reference
        else (summary.mean, summary.sd, summary.cases)
    )
    if mean is None:
        return "undefined"
    digits = 3 if max(abs(mean), sd or 0) < 10 else 1
    text = f"{mean:.{digits}f}" if sd is None else f"{mean:.{digits}f} ± {sd:.{digits}f}"
    return text if cases == expected else f"{text}\nn = {cases}"


def _interval(summary: MetricSummary, *, with_reference: bool) -> str:
    interval = summary.interval_95_with_reference if with_reference else summary.interval_95
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
