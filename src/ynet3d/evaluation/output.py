"""An evaluation as files: `cases.csv`, `lesions.csv`, `summary.json` and pictures."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CLASSES, CaseEvaluation
from ynet3d.evaluation.conventions import EMPTY_CLASS_RULE, LITS_RULE
from ynet3d.evaluation.lesion_plot import save_lesion_plot
from ynet3d.evaluation.lesion_rows import LesionRow, lesion_rows
from ynet3d.evaluation.lesion_summary import THRESHOLDS
from ynet3d.evaluation.plots import save_dice_plot
from ynet3d.evaluation.summary import Evaluation
from ynet3d.evaluation.volume_plot import save_volume_plot
from ynet3d.files import ensure_output_folder, write_csv, write_json

#: Header and rows.
Table = tuple[list[str], list[list[Any]]]

_CASES, _LESIONS = "cases.csv", "lesions.csv"


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> Path:
    """Write the tables, `summary.json` and the pictures (see docs/evaluation.md).

    Returns:
        The folder, made if it did not exist.

    Raises:
        InputError: the folder cannot be written, or a table in it is not of an evaluation.
    """
    path = ensure_output_folder(folder)
    _refuse_foreign_table(path / _CASES, "case,class,")
    _refuse_foreign_table(path / _LESIONS, "case,side,")
    write_csv(path / _CASES, *_case_rows(evaluation))
    write_csv(path / _LESIONS, *_lesion_rows(evaluation))
    write_json(path / "summary.json", evaluation_json(evaluation))
    save_dice_plot(evaluation, path / "dice.png")
    save_volume_plot(evaluation, path / "volumes.png")
    save_lesion_plot(evaluation, path / "lesions.png")
    return path


def _refuse_foreign_table(table: Path, start: str) -> None:
    """A data set may have a `cases.csv` of its own, which says whose each scan is."""
    if table.is_file():
        with table.open(encoding="utf-8", errors="replace") as file:
            header = file.readline()
        if not header.startswith(start):
            raise InputError(
                f"{table} is not the table of an earlier evaluation and would be lost: choose "
                "another folder with -o."
            )


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """The content of `summary.json`; what is undefined is None."""
    return {
        "convention": evaluation.convention,
        "liver_convention": evaluation.liver_convention,
        "headline": list(evaluation.headline),
        "class_definitions": {name: CLASSES[name].definition for name in evaluation.class_names},
        "empty_class_rule": EMPTY_CLASS_RULE,
        "number_of_cases": len(evaluation.cases),
        "number_of_references": evaluation.number_of_references,
        "failures": [
            {"case": failure.name, "reason": failure.reason, "missing": failure.missing}
            for failure in evaluation.failures
        ],
        "predictions_without_reference": list(evaluation.without_reference),
        "classes": {
            class_name: {metric: asdict(summary) for metric, summary in metrics.items()}
            for class_name, metrics in evaluation.summary.items()
        },
        "presence": {name: asdict(presence) for name, presence in evaluation.presence.items()},
        "pooled": {name: asdict(overlap) for name, overlap in evaluation.pooled.items()},
        "lesions": asdict(evaluation.lesions),
        "tumour_burden": asdict(evaluation.burden),
        "volumes": {name: asdict(agreement) for name, agreement in evaluation.volumes.items()},
        "lits": None if evaluation.lits is None else dict(evaluation.lits),
        "lits_rule": None if evaluation.lits is None else LITS_RULE,
        "cases": [_case_json(case, evaluation) for case in evaluation.cases],
    }


def _case_rows(evaluation: Evaluation) -> Table:
    metrics = evaluation.metrics
    header = ["case", "class", *metrics, "reference_ml", "prediction_ml"]
    rows = []
    for case in evaluation.cases:
        for class_name in evaluation.class_names:
            result = case.classes[class_name]
            values = [result.value(metric) for metric in metrics]
            volumes = [result.reference_ml, result.prediction_ml]
            rows.append([case.name, class_name, *values, *volumes])
    return header, rows


def _lesion_rows(evaluation: Evaluation) -> Table:
    # A centroid has three columns, a list of numbers one.
    names = [field.name for field in fields(LesionRow)]
    header = ["case"]
    for name in names:
        header += ["i", "j", "k"] if name == "centroid" else [name]
    rows = []
    for case in evaluation.cases:
        for lesion in lesion_rows(case.lesions):
            row: list[object] = [case.name]
            for name in names:
                value = getattr(lesion, name)
                if name == "centroid":
                    row += [round(coordinate, 3) for coordinate in value]
                elif name == "matched_to":
                    row.append(" ".join(map(str, value)))
                else:
                    row.append(value)
            rows.append(row)
    return header, rows


def _case_json(case: CaseEvaluation, evaluation: Evaluation) -> dict[str, Any]:
    classes = {}
    for class_name in evaluation.class_names:
        result = case.classes[class_name]
        classes[class_name] = {
            **{metric: result.value(metric) for metric in evaluation.metrics},
            "voxels": asdict(result.counts),
            "reference_ml": result.reference_ml,
            "prediction_ml": result.prediction_ml,
        }
    return {
        "case": case.name,
        "classes": classes,
        "lesions": {
            "reference": len(case.lesions.reference),
            "prediction": len(case.lesions.prediction),
            "lesion_wise_dice": case.lesions.lesion_wise_dice,
            **{
                name: asdict(case.lesions.detection(minimum_iou))
                for name, minimum_iou in THRESHOLDS.items()
            },
        },
        "tumour_burden": asdict(case.burden),
        "notes": list(case.notes),
    }
