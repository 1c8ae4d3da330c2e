"""The tables of an experiment's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ynet3d.evaluation import Evaluation
from ynet3d.evaluation.comparison import Comparison, difference, effect, p_value
from ynet3d.experiments.costs import RunCost
from ynet3d.experiments.plan import PlannedRun
from ynet3d.experiments.published import METRICS
from ynet3d.experiments.table1 import Table1, has_published
from ynet3d.labels import Label
from ynet3d.reporting import Cell, Column, Table
from ynet3d.reporting.templating import duration

_CLASSES = {"liver": ("Liver", Label.LIVER), "tumour": ("Tumours", Label.TUMOUR)}
#: Beyond the paper's metrics: name, how to print it, and whether more is better.
_FURTHER = (
    ("dice", ".3f", True),
    ("nsd_2mm", ".3f", True),
    ("hd95_mm", ".1f", False),
    ("assd_mm", ".2f", False),
)
_DETECTION = ("Recall", "Precision", "F1", "FP")
_HEADS = {"dice": "Dice", "nsd_2mm": "NSD 2 mm", "hd95_mm": "HD95, mm", "assd_mm": "ASSD, mm"}


def paper_table(table: Table1) -> Table:
    """Table 1 in the paper's layout, each figure beside the published one."""
    paired = has_published(table)
    columns: list[str | Column] = ["Network", "Class"]
    for metric in METRICS:
        group = metric.capitalize()
        if paired:
            columns += [Column("here", group, numeric=True), Column("paper", group, numeric=True)]
        else:
            columns.append(Column(group, numeric=True))
    rows: list[list[str | Cell | None]] = []
    previous = None
    for row in table.rows:
        words, label = _CLASSES[row.class_name]
        cells: list[str | Cell | None] = [
            None if row.run == previous else row.title,
            Cell(words, label=label),
        ]
        for metric in METRICS:
            cell = row.cells[metric]
            cells.append(Cell(cell.words, best=table.is_best(row, metric)))
            if paired:
                cells.append(cell.published_words)
        rows.append(cells)
        previous = row.run
    return Table("Table 1", columns, rows, notes=[table.note], heads=2)


def further_table(
    runs: Sequence[PlannedRun], evaluations: Mapping[str, Evaluation], about: str
) -> Table:
    """Overlap and surface, with 95% intervals of the mean."""
    columns: list[str | Column] = ["Network"]
    for words, label in _CLASSES.values():
        columns += [
            Column(_HEADS[metric], words, numeric=True, label=label) for metric, _, _ in _FURTHER
        ]
    rows: list[list[str | Cell | None]] = [[run.title] for run in runs]
    for class_name in _CLASSES:
        for metric, form, higher in _FURTHER:
            found = [evaluations[run.name].summary[class_name] for run in runs]
            whole = [each["dice"].cases_with_reference for each in found]
            summaries = [each[metric] for each in found]
            means = [_printed(each.mean_with_reference, form) for each in summaries]
            counted = [each.cases_with_reference for each in summaries]
            # A network that leaves out the cases that it missed must not look the best.
            best = _best(means, higher=higher) if counted == whole else None
            for row, summary, mean, cases in zip(rows, summaries, means, whole, strict=True):
                if mean is None:
                    row.append("–")
                    continue
                detail = _interval(summary.interval_95_with_reference, form)
                if summary.cases_with_reference < cases:
                    detail = f"{detail}; n = {summary.cases_with_reference}".removeprefix("; ")
                row.append(Cell(f"{mean:{form}}", best=mean == best, detail=detail))
    note = (
        f"Mean over {about} (tumours: those with a tumour), with the 95% bootstrap interval of the "
        "mean below it. Surface distances are undefined where nothing was predicted; n says over "
        "how many cases such a mean is, and it is then not comparable with the others."
    )
    return Table("With intervals", columns, rows, notes=[note], heads=1)


def lesion_table(
    runs: Sequence[PlannedRun], evaluations: Mapping[str, Evaluation], about: str
) -> Table:
    """Tumours one by one: found, invented, how well, and the error of the tumour burden."""
    columns: list[str | Column] = ["Network"]
    columns += [Column(name, "Any overlap", numeric=True) for name in _DETECTION]
    columns += [Column(name, "IoU > 0.5", numeric=True) for name in _DETECTION]
    columns += [
        Column("Lesion-wise", detail="Dice", numeric=True),
        Column("Burden", detail="RMSE, %", numeric=True),
    ]
    rows: list[list[str | Cell | None]] = []
    for run in runs:
        found = evaluations[run.name]
        cells: list[str | Cell | None] = [run.title]
        for threshold in found.lesions.thresholds.values():
            every = threshold.all_sizes
            cells += [
                _number(every.recall.value, ".2f"),
                _number(every.precision.value, ".2f"),
                _number(every.f1.value, ".2f"),
                _number(every.false_positives_per_scan.value, ".1f"),
            ]
        cells.append(_number(found.lesions.lesion_wise_dice.value, ".3f"))
        rmse = found.burden.rmse
        cells.append(_number(None if rmse is None else 100 * rmse, ".1f"))
        rows.append(cells)
    reference = evaluations[runs[0].name].lesions.reference
    note = (
        f"{reference} reference tumours in {about}, all counted alike; FP: invented ones a scan. "
        "Burden: the tumours' share of the liver, in percentage points."
    )
    return Table("Tumours one by one", columns, rows, notes=[note], heads=1)


def _printed(mean: float | None, form: str) -> float | None:
    return None if mean is None else float(f"{mean:{form}}")


def _best(means: Sequence[float | None], *, higher: bool) -> float | None:
    """The best of figures that are all there and not all the same."""
    defined = [mean for mean in means if mean is not None]
    if len(defined) < len(means) or min(defined) == max(defined):
        return None
    return max(defined) if higher else min(defined)


def _interval(interval: tuple[float, float] | None, form: str) -> str:
    return "" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def cost_table(costs: Sequence[RunCost]) -> Table:
    """Parameters, FLOPs, time and memory."""
    columns: list[str | Column] = [
        "Network",
        Column("Width", numeric=True),
        Column("Parameters", detail="million", numeric=True),
        Column("GFLOP", detail="one input", numeric=True),
        Column("Epochs", numeric=True),
        Column("Training", numeric=True),
        Column("Peak memory", detail="training, GB", numeric=True),
        Column("Seconds", detail="a case", numeric=True),
        Column("Best validation", detail="Dice, liver and tumour", numeric=True),
    ]
    rows = [
        (
            cost.title,
            str(cost.width),
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.flop / 1e9:.1f}",
            str(cost.epochs),
            duration(cost.training_seconds),
            f"{cost.peak_memory_bytes / 1e9:.2f}",
            "–" if cost.seconds_per_case is None else f"{cost.seconds_per_case:.2f}",
            f"{cost.best_validation_dice:.3f}",
        )
        for cost in costs
    ]
    devices = sorted(
        {
            f"{cost.device}, {cost.threads} thread{'' if cost.threads == 1 else 's'}"
            for cost in costs
        }
    )
    note = (
        f"Trained on {' and '.join(devices)}. Memory: of a GPU by tensors, of a CPU by the whole "
        "training process. Seconds: from the scan in memory to its mask in memory."
    )
    return Table("What each network costs", columns, rows, notes=[note], heads=1)


def question_table(question: str, comparison: Comparison, about: str) -> Table:
    """The first run of a question against each other: Dice, median difference, p, effect size."""
    first, *others = comparison.models
    columns: list[str | Column] = ["Network"]
    for words, label in _CLASSES.values():
        columns += [
            Column("Dice", words, numeric=True, label=label),
            Column("difference", words, detail="median, 95%", numeric=True),
            Column("p", words, detail="Holm", numeric=True),
            Column("effect", words, detail="rank-biserial", numeric=True),
        ]
    rows: list[list[str | Cell | None]] = []
    for model in (first, *others):
        cells: list[str | Cell | None] = [model]
        for class_name in _CLASSES:
            case_set = comparison.case_set(class_name)
            values = comparison.values(class_name, "dice", case_set)[
                :, comparison.models.index(model)
            ]
            mean = f"{values.mean():.3f}" if len(values) else "–"
            if model == first:
                cells += [mean, "", "", ""]
                continue
            pair = comparison.pair(first, model, class_name=class_name)
            cells += [mean, difference(pair), p_value(pair.p_holm), effect(pair)]
        rows.append(cells)
    note = (
        f"Over {about}. Difference: this network less {first}, case by case. p: Wilcoxon "
        f"signed-rank test, Holm's correction over all pairs of the {len(comparison.models)}."
    )
    return Table(question, columns, rows, notes=[note], heads=1)
