"""An evaluation as files (`cases.csv`, `summary.json`, `dice.png`) and as a table on screen."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CLASSES, CaseEvaluation
from ynet3d.evaluation.metrics import EMPTY_CLASS_RULE, METRICS
from ynet3d.evaluation.plots import save_dice_plot
from ynet3d.evaluation.summary import Evaluation, MetricSummary
from ynet3d.files import ensure_output_folder, write_json, write_text

if TYPE_CHECKING:
    from rich.table import Table

_CASES = "cases.csv"


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> Path:
    """Write `cases.csv`, `summary.json` and `dice.png` (see docs/evaluation.md).

    Returns:
        The folder, made if it did not exist.

    Raises:
        InputError: the folder cannot be written, or its `cases.csv` is not of an evaluation.
    """
    path = ensure_output_folder(folder)
    _refuse_foreign_table(path / _CASES)
    write_text(path / _CASES, _cases_csv(evaluation))
    write_json(path / "summary.json", evaluation_json(evaluation))
    save_dice_plot(evaluation, path / "dice.png")
    return path


def _refuse_foreign_table(table: Path) -> None:
    """A data set may have a `cases.csv` of its own, which says whose each scan is."""
    if table.is_file():
        with table.open(encoding="utf-8", errors="replace") as file:
            header = file.readline()
        if not header.startswith("case,class,"):
            raise InputError(
                f"{table} is not the table of an earlier evaluation and would be lost: choose "
                "another folder with -o."
            )


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """The content of `summary.json`; what is undefined is None."""
    return {
        "liver_convention": evaluation.liver_convention,
        "headline": list(evaluation.headline),
        "class_definitions": {name: CLASSES[name].definition for name in evaluation.class_names},
        "empty_class_rule": EMPTY_CLASS_RULE,
        "number_of_cases": len(evaluation.cases),
        "classes": {
            class_name: {metric: asdict(summary) for metric, summary in metrics.items()}
            for class_name, metrics in evaluation.summary.items()
        },
        "cases": [_case_json(case, evaluation.class_names) for case in evaluation.cases],
    }


def evaluation_table(evaluation: Evaluation) -> Table:
    """Mean ± sample standard deviation per class, like the paper's Table 1.

    A class that some references lack has a second row: the cases whose reference has it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    number = len(evaluation.cases)
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
        title=f"Mean ± standard deviation over {number} case{'s' if number > 1 else ''}",
        caption=f"{EMPTY_CLASS_RULE} n: the cases averaged where not all are; "
        "with it: only the cases whose reference has the class.",
        caption_justify="left",
    )
    table.add_column("class", no_wrap=True)
    for metric in METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    for class_name in evaluation.class_names:
        metrics = evaluation.summary[class_name]
        label = f"{class_name}\n  {CLASSES[class_name].definition.split(',')[0]}"
        table.add_row(label, *(_cell(metrics[metric], number) for metric in METRICS))
        having = metrics["dice"].cases_with_reference
        if having < number:
            table.add_row(
                f"  {having} with it",
                *(_cell(metrics[metric], having, with_reference=True) for metric in METRICS),
            )
    return table


def _cell(summary: MetricSummary, expected: int, *, with_reference: bool = False) -> str:
    mean, sd, cases = (
        (summary.mean_with_reference, summary.sd_with_reference, summary.cases_with_reference)
        if with_reference
        else (summary.mean, summary.sd, summary.cases)
    )
    if mean is None:
        return "undefined"
    text = f"{mean:.3f}" if sd is None else f"{mean:.3f} ± {sd:.3f}"
    return text if cases == expected else f"{text}\nn = {cases}"


def _cases_csv(evaluation: Evaluation) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["case", "class", *METRICS])
    for case in evaluation.cases:
        for class_name in evaluation.class_names:
            metrics = case.classes[class_name].metrics
            values = (getattr(metrics, metric) for metric in METRICS)
            writer.writerow([case.name, class_name, *("" if v is None else v for v in values)])
    return buffer.getvalue()


def _case_json(case: CaseEvaluation, class_names: tuple[str, ...]) -> dict[str, Any]:
    classes = {}
    for class_name in class_names:
        result = case.classes[class_name]
        classes[class_name] = {
            **asdict(result.metrics),
            "voxels": asdict(result.counts),
            "reference_ml": result.reference_ml,
            "prediction_ml": result.prediction_ml,
        }
    return {"case": case.name, "classes": classes}
