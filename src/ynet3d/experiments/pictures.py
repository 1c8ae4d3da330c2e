"""The pictures of an experiment's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.evaluation import Evaluation
from ynet3d.experiments.execution import read_log
from ynet3d.experiments.plan import PlannedRun
from ynet3d.networks import architecture
from ynet3d.reporting import (
    ComparedCase,
    CostPoint,
    save_architecture,
    save_curves_of_runs,
    save_dice_against_cost,
    save_network_comparison,
)

if TYPE_CHECKING:
    from ynet3d.experiments.report import Findings


def draw_architectures(runs: Sequence[PlannedRun], folder: Path) -> list[tuple[Path, str]]:
    """The paper's Figure 1 of each run, drawn from the network as built."""
    drawn = []
    for run in runs:
        options: dict[str, Any] = dict(run.recipe.network.options)
        network = run.recipe.network.name
        built = architecture(network, size=run.input_size, name=run.title, **options)
        path = folder / f"architecture-{run.name}.png"
        save_architecture(built, path)
        drawn.append((path, run.title))
    return drawn


def draw_cases(
    runs: Sequence[PlannedRun], reference: str, findings: Findings, path: Path
) -> list[str]:
    """The paper's Figure 2: best, median and worst case of `reference`; returns their names."""
    test = findings.tests[0]
    found = findings.scores[test.name]
    chosen = best_median_worst(found[reference])
    cases = []
    for name, remark in chosen.items():
        case = next(case for case in test.cases if case.name == name)
        image = case.read_image()
        cases.append(
            ComparedCase(
                name,
                remark,
                image,
                case.read_label(image=image),
                {run.title: findings.predictions.read(run.name, test.name, name) for run in runs},
                {run.title: _note(found[run.name], name) for run in runs},
            )
        )
    save_network_comparison(cases, path)
    return [f"{name} ({remark})" for name, remark in chosen.items()]


def best_median_worst(evaluation: Evaluation) -> dict[str, str]:
    """Up to three cases by the mean of their Dice of liver and tumour, and which of them it is.

    Tumour counts where the reference has one, and such cases come first: they say more.
    """
    with_tumour = [case for case in evaluation.cases if case.classes["tumour"].in_reference]
    pool = with_tumour if len(with_tumour) >= 3 else list(evaluation.cases)

    def dice(name: str) -> float:
        classes = next(case.classes for case in pool if case.name == name)
        names = ["liver", "tumour"] if classes["tumour"].in_reference else ["liver"]
        return sum(classes[each].metrics.dice for each in names) / len(names)

    ranked = sorted((case.name for case in pool), key=dice, reverse=True)
    chosen = {ranked[0]: "best"}
    if len(ranked) > 2:
        chosen[ranked[len(ranked) // 2]] = "median"
    if len(ranked) > 1:
        chosen[ranked[-1]] = "worst"
    return chosen


def _note(evaluation: Evaluation, name: str) -> str:
    classes = next(case.classes for case in evaluation.cases if case.name == name)
    note = f"Dice {classes['liver'].metrics.dice:.2f}"
    if classes["tumour"].in_reference:
        note += f" / {classes['tumour'].metrics.dice:.2f}"
    return note


def draw_cost(
    runs: Sequence[PlannedRun], evaluations: Mapping[str, Evaluation], path: Path, *, about: str
) -> None:
    """Dice against FLOPs and parameters."""
    points = []
    for run in runs:
        summary = evaluations[run.name].summary
        liver, tumour = summary["liver"]["dice"], summary["tumour"]["dice"]
        points.append(
            CostPoint(
                name=run.title,
                parameters=run.cost.parameters,
                flop=run.cost.flop,
                dice_liver=liver.mean_with_reference,
                dice_tumour=tumour.mean_with_reference,
                interval_liver=liver.interval_95_with_reference,
                interval_tumour=tumour.interval_95_with_reference,
                family=run.family,
            )
        )
    save_dice_against_cost(points, path, note=f"Mean over {about}; tumour: those with one")


def draw_curves(runs: Sequence[PlannedRun], trained: Path, path: Path, *, validation: int) -> None:
    """Training loss and validation Dice of all runs; `validation`: number of cases."""
    histories = {run.title: read_log(trained / run.name) for run in runs}
    save_curves_of_runs(histories, path, note=f"{validation} validation scans, network grid")
