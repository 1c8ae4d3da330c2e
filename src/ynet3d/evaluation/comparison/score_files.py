"""Scores read back from the files of an evaluation: `cases.csv`, and `summary.json` beside it."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from ynet3d.documents import read_json
from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CLASSES, class_order
from ynet3d.evaluation.comparison.scores import NO_PREDICTION, ClassScores, ModelScores
from ynet3d.evaluation.metrics import METRICS

_START = "case,class,"


def holds_evaluation(folder: str | Path) -> bool:
    """Whether a folder has the `cases.csv` of an evaluation; that of a data set is another."""
    table = Path(folder) / "cases.csv"
    if not table.is_file():
        return False
    with table.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().startswith(_START)


def read_scores(folder: str | Path) -> ModelScores:
    """Read what `ynet3d evaluate` wrote into a folder.

    `cases.csv` alone is enough; `summary.json` adds which liver comes first and the cases that
    failed. A column of another tool counts if it has the name of a metric.

    Raises:
        InputError: there is no `cases.csv`, or it cannot be read as that of an evaluation.
    """
    table = Path(folder) / "cases.csv"
    if not holds_evaluation(folder):
        raise InputError(
            f"{folder} holds no evaluation: give a folder with a cases.csv that ynet3d evaluate "
            "wrote."
        )
    with table.open(encoding="utf-8-sig", newline="") as file:
        try:
            reader = csv.DictReader(file)
            rows = list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(
                f"{table} cannot be read as a table ({error}): evaluate anew."
            ) from None
    columns = reader.fieldnames or []
    metrics = tuple(name for name in columns if name in METRICS or name.startswith("nsd_"))
    if not metrics:
        raise InputError(f"{table} has no column of a metric, such as dice: evaluate anew.")
    if not rows:
        raise InputError(f"{table} has no case: evaluate anew.")
    cases: dict[str, dict[str, ClassScores]] = {}
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(
                f"{table} has another number of cells in line {line} than in its first line: "
                "evaluate anew."
            )
        found = cases.setdefault(row["case"], {})
        if row["class"] in found:
            raise InputError(
                f"{table} has two rows of {row['case']} and {row['class']} (line {line}): keep one."
            )
        values = {metric: _number(row, metric, table, line) for metric in metrics}
        volume_ml = _number(row, "reference_ml", table, line)
        found[row["class"]] = ClassScores(values, _has_class(row, table, line), volume_ml)
    for case, found in cases.items():
        missing = ", ".join(name for name in CLASSES if name not in found)
        if missing:
            raise InputError(f"{table} has no row of {case} for {missing}: evaluate anew.")
    summary = _summary(Path(folder) / "summary.json")
    return ModelScores(cases=cases, metrics=metrics, **summary)


def _number(row: dict[str, str], column: str, table: Path, line: int) -> float | None:
    text = row.get(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{table} has {text!r} for {column} in line {line}, but a number or nothing "
            "(undefined) is expected: evaluate anew."
        )
    return value


def _has_class(row: dict[str, str], table: Path, line: int) -> bool:
    if row.get("reference_ml"):
        return (_number(row, "reference_ml", table, line) or 0.0) > 0
    if "sensitivity" not in row:
        raise InputError(
            f"{table} does not say which references have a class, because it has neither the "
            "column reference_ml nor sensitivity: evaluate anew."
        )
    # Undefined exactly where the reference has nothing of the class.
    return bool(row["sensitivity"])


def _summary(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
        liver_convention = content.get("liver_convention", "lits")
        class_order(liver_convention)
        return {
            "liver_convention": liver_convention,
            "failures": {
                failure["case"]: NO_PREDICTION if failure["missing"] else failure["reason"]
                for failure in content.get("failures", [])
            },
        }
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise InputError(
            f"{path} is not the summary of an evaluation: evaluate anew, or move it away."
        ) from None
