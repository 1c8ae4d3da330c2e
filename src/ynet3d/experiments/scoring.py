"""Scoring the masks of an experiment against their references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ynet3d.evaluation import CaseEvaluation, Evaluation, evaluate_pair, summarise, write_evaluation
from ynet3d.experiments.prediction import Predictions, TestSet
from ynet3d.progress import Progress

#: By test set, then run.
Scores = dict[str, dict[str, Evaluation]]


def score(
    runs: Sequence[str],
    test_sets: Sequence[TestSet],
    predictions: Predictions,
    folder: Path,
    progress: Progress,
) -> Scores:
    """Evaluate every run on every test set; written to `folder`/RUN/SET."""
    scores: Scores = {}
    total = len(runs) * sum(len(test_set.cases) for test_set in test_sets)
    with progress.task("Evaluating", total=total) as task:
        for test_set in test_sets:
            cases: dict[str, list[CaseEvaluation]] = {run: [] for run in runs}
            for case in test_set.cases:
                reference = case.read_label()  # once for all runs
                for run in runs:
                    mask = predictions.read(run, test_set.name, case.name)
                    cases[run].append(evaluate_pair(mask, reference, case.name))
                    task.advance(note=f"{run}, {case.name}")
            scores[test_set.name] = {run: summarise(found) for run, found in cases.items()}
            for run, evaluation in scores[test_set.name].items():
                write_evaluation(evaluation, folder / run / test_set.name)
    return scores
