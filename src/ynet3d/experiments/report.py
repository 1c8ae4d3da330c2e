"""The report of an experiment: one page, and every figure of it in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ynet3d.evaluation import compare, write_comparison
from ynet3d.evaluation.comparison import Comparison
from ynet3d.experiments.costs import RunCost, gather_costs, write_costs
from ynet3d.experiments.pictures import draw_architectures, draw_cases, draw_cost, draw_curves
from ynet3d.experiments.plan import PlannedRun
from ynet3d.experiments.prediction import Predictions, TestSet
from ynet3d.experiments.report_tables import (
    cost_table,
    further_table,
    lesion_table,
    paper_table,
    question_table,
)
from ynet3d.experiments.scoring import Scores
from ynet3d.experiments.suite import Suite
from ynet3d.experiments.table1 import make_table, write_table
from ynet3d.labels import Label
from ynet3d.pipelines.report import mean_dice
from ynet3d.progress import Progress
from ynet3d.reporting import (
    Headline,
    Picture,
    Section,
    SectionPage,
    Table,
    write_section_page,
)

_ENOUGH_FOR_COST_PICTURE = 4
#: With fewer pairs than this, no two-sided signed-rank test can reach p < 0.05.
_PAIRS_FOR_SIGNIFICANCE = 6


@dataclass(frozen=True)
class Findings:
    """All that a report is made of."""

    suites: Sequence[Suite]
    runs: Sequence[PlannedRun]
    failures: Mapping[str, str]
    tests: Sequence[TestSet]
    scores: Scores
    predictions: Predictions
    trained: Path
    provenance: Mapping[str, Any]
    seconds: float

    def of_suite(self, suite: Suite) -> list[PlannedRun]:
        """The runs of a suite, in its order."""
        by_name = {run.name: run for run in self.runs}
        return [by_name[run.name] for run in suite.runs if run.name in by_name]

    def reference(self, suite: Suite) -> str:
        """The suite's reference, or its first run if that failed or was left out."""
        names = [run.name for run in self.of_suite(suite)]
        return suite.reference if suite.reference in names else names[0]


def write_report(findings: Findings, out: Path, *, progress: Progress) -> str:
    """Write tables, pictures and `index.html` into `out`; returns words for the user."""
    seconds = {run.name: findings.predictions.seconds(run.name) for run in findings.runs}
    costs = gather_costs(findings.runs, findings.trained, seconds)
    write_costs(costs, out / "tables" / "costs.csv")
    sections: list[Section] = []
    with progress.task("Reporting", total=len(findings.suites) + 2) as task:
        for suite in findings.suites:
            if findings.of_suite(suite):
                sections.append(_suite_section(suite, findings, costs, out))
            task.advance(note=suite.name)
        sections.append(_pictures_section(findings, out))
        task.advance(note="pictures")
        sections.append(_training_section(findings, out))
        task.advance(note="curves")
    if findings.failures:
        sections.append(_failures_section(findings))
    sections += [_reading_section(findings), _provenance_section(findings)]
    page = SectionPage(
        title="Liver and tumour networks compared",
        lead=_lead(findings),
        headlines=_headlines(findings),
        sections=sections,
        settings=findings.provenance["recipe"],
        files={
            "tables/": "every table as Markdown, CSV and LaTeX",
            "evaluation/": "each network's scores, case by case",
            "comparison/": "paired tests of each question",
            "runs/": "weights, logs and recipe of each network",
            "predictions/": "the masks",
            "provenance.json": "data, split, versions, hardware",
        },
        seconds=findings.seconds,
        versions=findings.provenance["versions"],
    )
    write_section_page(out / "index.html", page)
    return f"{_words(findings)}\nOpen {out / 'index.html'} in a browser."


def _suite_section(
    suite: Suite, findings: Findings, costs: Sequence[RunCost], out: Path
) -> Section:
    runs = findings.of_suite(suite)
    tables: list[Table] = []
    for test in findings.tests:
        found = findings.scores[test.name]
        table = make_table(runs, found, about=test.about)
        name = f"{suite.name}-{test.name}"
        write_table(table, out / "tables", name)
        shown = paper_table(table)
        title = "Table 1" if suite.name == "paper" else "Sensitivity, specificity, precision, Dice"
        tables.append(replace(shown, title=f"{title}: {test.about}"))
        for make in (further_table, lesion_table):
            further = make(runs, found, test.about)
            tables.append(replace(further, title=f"{further.title}: {test.about}"))
    names = {run.name for run in runs}
    tables.append(cost_table([cost for cost in costs if cost.name in names]))
    pictures = []
    main = findings.tests[0]
    for number, group in enumerate(suite.comparisons, 1):
        members = [name for name in group.runs if name in names]
        if len(members) < 2:
            continue
        comparison = _compare(members, findings, main)
        folder = out / "comparison" / f"{suite.name}-{number}"
        write_comparison(comparison, folder)
        tables.append(question_table(group.question, comparison, main.about))
        pictures.append(
            Picture(
                str((folder / "differences.png").relative_to(out)),
                f"{group.question} Differences of Dice, case by case",
                group.question,
            )
        )
    if len(runs) >= _ENOUGH_FOR_COST_PICTURE:
        path = out / "figures" / f"cost-{suite.name}.png"
        draw_cost(runs, findings.scores[main.name], path, about=main.about)
        pictures.append(
            Picture(
                str(path.relative_to(out)),
                "Dice against FLOPs and against parameters",
                f"Dice against cost, over {main.about}.",
            )
        )
    return Section(f"Suite {suite.name}", [suite.about], tables, pictures)


def _compare(members: Sequence[str], findings: Findings, test: TestSet) -> Comparison:
    found = findings.scores[test.name]
    titles = {run.name: run.title for run in findings.runs}
    return compare({titles[name]: found[name] for name in members}, data=test.about)


def _pictures_section(findings: Findings, out: Path) -> Section:
    suite = findings.suites[0]
    runs = findings.of_suite(suite)
    pictures = [
        Picture(str(path.relative_to(out)), f"Architecture of {title}", f"{title} as built.")
        for path, title in draw_architectures(runs, out / "figures")
    ]
    cases = out / "figures" / "cases.png"
    chosen = draw_cases(runs, findings.reference(suite), findings, cases)
    pictures.append(
        Picture(
            str(cases.relative_to(out)),
            "Axial slices and surfaces of CT, reference and each network",
            f"Best, median and worst test case by the Dice of "
            f"{_title(runs, findings.reference(suite))}: {', '.join(chosen)}. "
            "Orange: liver; green: tumours.",
        )
    )
    return Section("Pictures", [], [], pictures)


def _title(runs: Sequence[PlannedRun], name: str) -> str:
    return next(run.title for run in runs if run.name == name)


def _training_section(findings: Findings, out: Path) -> Section:
    path = out / "figures" / "curves.png"
    validation = len(findings.provenance["split"]["parts"]["validation"])
    draw_curves(findings.runs, findings.trained, path, validation=validation)
    picture = Picture(
        str(path.relative_to(out)), "Training loss and validation Dice of each network"
    )
    return Section("Training", [], [], [picture])


def _failures_section(findings: Findings) -> Section:
    rows = list(findings.failures.items())
    return Section("Networks that failed", [], [Table("", ("Network", "What happened"), rows)])


def _reading_section(findings: Findings) -> Section:
    test = findings.tests[0]
    found = next(iter(findings.scores[test.name].values()))
    tumours = found.summary["tumour"]["dice"].cases_with_reference
    text = [
        f"All networks saw the same {len(findings.provenance['split']['parts']['train'])} training "
        "scans in the same order under the same settings, one training run each with one seed: "
        "differences that another seed could make are not measured here.",
        f"Test: {test.about}, {tumours} of them with a tumour. Weights were chosen on the "
        "validation scans alone.",
    ]
    if tumours < _PAIRS_FOR_SIGNIFICANCE:
        text.append(
            f"With {tumours} pairs a two-sided signed-rank test cannot fall below p = "
            f"{2 / 2**tumours:.3g}, whatever the networks do: read the intervals, and do not take "
            "“not significant” for “equal”."
        )
    text.append(
        "Dice is 1 when reference and prediction are both empty and 0 when one is; "
        "docs/evaluation.md defines every metric."
    )
    return Section("How to read this", text)


def _provenance_section(findings: Findings) -> Section:
    facts = findings.provenance
    data, hardware, split = facts["data"], facts["hardware"], facts["split"]
    rows = [
        ("Data", f"{data['name']} ({data['layout']}), {data['cases']} cases"),
        ("Licence of the data", data["licence"] or "not stated in the data set"),
        ("Fingerprint of the data", data["fingerprint"]),
        *((f"Split, {part}", ", ".join(names)) for part, names in split["parts"].items()),
        ("Seed of split and training", f"{split['seed']}, {facts['seed']}"),
        ("Processor", f"{hardware['processor']}, {hardware['cores']} cores"),
        ("Memory", f"{hardware['memory_gb']} GB"),
        ("GPUs", ", ".join(hardware["gpus"]) or "none"),
    ]
    return Section("Provenance", [], [Table("", ("What", "Value"), rows, heads=1)])


def _headlines(findings: Findings) -> list[Headline]:
    suite, test = findings.suites[0], findings.tests[0]
    runs = findings.of_suite(suite)
    found = findings.scores[test.name]
    lines = []
    for class_name, label in (("liver", Label.LIVER), ("tumour", Label.TUMOUR)):
        best = max(
            runs, key=lambda run: mean_dice(found[run.name], class_name, with_reference=True)
        )
        cases = found[best.name].summary[class_name]["dice"].cases_with_reference
        lines.append(
            Headline(
                f"{mean_dice(found[best.name], class_name, with_reference=True):.3f}",
                f"best Dice, {class_name}",
                f"{best.title}; {cases} test scans",
                label,
            )
        )
    return lines


def _lead(findings: Findings) -> str:
    split, data = findings.provenance["split"]["parts"], findings.provenance["data"]["name"]
    tested = ", and on ".join(test.about for test in findings.tests)
    return (
        f"{len(findings.runs)} networks trained under identical settings on {len(split['train'])} "
        f"scans of {data}, their weights chosen on {len(split['validation'])}, tested on {tested}."
    )


def _words(findings: Findings) -> str:
    test = findings.tests[0]
    lines = [f"Mean Dice over {test.about} (tumour: those with one):"]
    for run in findings.runs:
        found = findings.scores[test.name][run.name]
        liver, tumour = (
            mean_dice(found, name, with_reference=True) for name in ("liver", "tumour")
        )
        lines.append(f"  {run.title}: liver {liver:.3f}, tumour {tumour:.3f}")
    for name, sentence in findings.failures.items():
        lines.append(f"  {name} failed: {sentence}")
    return "\n".join(lines)
