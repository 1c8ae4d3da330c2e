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
            best = cell.mean is not None and cell.mean == table.best(row.class_name, metric)
            cells.append(Cell(cell.words, best=best))
            if paired:
                cells.append(cell.published_words)
        rows.append(cells)
        previous = row.run
    return Table("Table 1", columns, rows, notes=[table.note], heads=2)


def further_table(
    runs: Sequence[PlannedRun], evaluations: Mapping[str, Evaluation], about: str
) -> Table:
    """Overlap and surface with 95% intervals of the mean, and lesions found."""
    columns: list[str | Column] = ["Network"]
    for words, label in _CLASSES.values():
        columns += [
            Column(_HEADS[metric], words, numeric=True, label=label) for metric, _, _ in _FURTHER
        ]
    rows: list[list[str | Cell | None]] = []
    for run in runs:
        cells: list[str | Cell | None] = [run.title]
        for class_name in _CLASSES:
            for metric, form, higher in _FURTHER:
                means = [
                    evaluations[other.name].summary[class_name][metric].mean_with_reference
                    for other in runs
                ]
                defined = [mean for mean in means if mean is not None]
                found = evaluations[run.name].summary[class_name][metric]
                mean, interval = found.mean_with_reference, found.interval_95_with_reference
                if mean is None:
                    cells.append("–")
                    continue
                best = mean == (max(defined) if higher else min(defined))
                detail = "" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"
                short = (
                    found.cases_with_reference
                    < evaluations[run.name].summary[class_name]["dice"].cases_with_reference
                )
                if short:
                    detail = f"{detail}; n = {found.cases_with_reference}".removeprefix("; ")
                cells.append(Cell(f"{mean:{form}}", best=best and not short, detail=detail))
        rows.append(cells)
    note = (
        f"Mean over {about} (tumours: those with a tumour), with the 95% bootstrap interval of the "
        "mean below it. Surface distances are undefined where nothing was predicted; n says over "
        "how many cases such a mean is, and it is then not comparable with the others."
    )
    return Table("Overlap and surface, with intervals", columns, rows, notes=[note], heads=1)


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
            "–" if cost.seconds_per_case is None else f"{cost.seconds_per_case:.1f}",
            f"{cost.best_validation_dice:.3f}",
        )
        for cost in costs
    ]
    devices = sorted({f"{cost.device}, {cost.threads} threads" for cost in costs})
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
