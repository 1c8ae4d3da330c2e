"""Post-processing of a run's weights, chosen on its validation cases alone, kept in their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ynet3d.datasets import open_dataset
from ynet3d.datasets.split_file import FOLDS_FILE
from ynet3d.devices import explained_memory_errors
from ynet3d.errors import InputError
from ynet3d.inference.choosing import (
    NOTHING,
    CaseScore,
    Choice,
    Setting,
    candidates,
    choose,
    score_case,
)
from ynet3d.pipelines.unseen import Unseen, logits_of, unseen_by_folds, unseen_by_run
from ynet3d.progress import Progress, Task
from ynet3d.weights import rewrite_facts

_RULE = (
    "Dice on the scans' own grids, means over the validation cases; score is the mean of liver and "
    "tumour, where a case without tumour counts 1 for tumour if none is claimed, else 0. "
    "dice_tumour is over the cases that have one. held_out_gain is that of settings chosen without "
    "the case that they are scored on; without a gain there, the recipe's own values stay."
)


def tune_run(
    run: Path,
    dataset_path: Path,
    *,
    kind: str = "auto",
    labels: Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Choose `inference` values on unseen scans, and put them into the weights' JSON.

    That JSON then says under "recipe" what predictions use, and under "tuning" the scores with
    nothing, with the recipe's values and with the best ones. The tensors stay as they are.

    Args:
        run: of `ynet3d train`: its best weights, and the validation cases of its split. Or the
            folder of a cross-validation: all its scans, each by the fold that did not see it; a
            fold gets what the scans of the other folds choose, so that its own scans chose
            nothing, and "adopted_values" are what all choose together, for weights packed from it.
        dataset_path: the data set that the run was trained on.

    Returns:
        What "tuning" says.

    Raises:
        InputError: no run, no data set, or fewer than two unseen cases.
    """
    progress = progress or Progress(quiet=True)
    dataset = open_dataset(dataset_path, kind=kind, labels=labels)
    folds = (run / FOLDS_FILE).is_file()
    networks = unseen_by_folds(run, dataset) if folds else [unseen_by_run(run, dataset)]
    names = [case.name for network in networks for case in network.cases]
    if len(names) < 2:
        raise InputError(
            f"The run {run} has {len(names)} validation case(s): at least 2 are needed to choose "
            "on some and look at others."
        )
    before = Setting.of(networks[0].weights.recipe.inference)
    scores: list[list[dict[Setting, CaseScore]]] = []
    with (
        explained_memory_errors("close other programs, or use a machine with more memory"),
        progress.task("Trying on unseen cases", total=len(names)) as task,
    ):
        for network in networks:
            scores.append(_score(network, candidates(before), device, task))
    together = [case for fold in scores for case in fold]
    choice = choose(together, before)
    tuning = _table(choice, together, names)
    for number, network in enumerate(networks):
        others = [case for fold in scores[:number] + scores[number + 1 :] for case in fold]
        adopted = choose(others, before).adopted if len(others) > 1 else choice.adopted
        inference = adopted.put_into(network.weights.recipe.inference)
        rewrite_facts(network.weights, inference, {"tuning": tuning})
    return tuning


def _score(
    network: Unseen, settings: Sequence[Setting], device: str, task: Task
) -> list[dict[Setting, CaseScore]]:
    weights = network.weights
    unbiased = weights.recipe.inference.model_copy(update={"tumour_bias": 0.0})
    scores = []
    for case, logits, image, label in logits_of(weights, network.cases, unbiased, device=device):
        scored = score_case(logits, image, label, settings)
        scores.append({setting: scored[setting] for setting in settings})
        task.advance(note=case.name)
    return scores


def _table(
    choice: Choice, scores: Sequence[dict[Setting, CaseScore]], names: Sequence[str]
) -> dict[str, Any]:
    rows = {"nothing": NOTHING, "before": choice.before, "best": choice.best}
    return {
        **{name: _row(setting, scores) for name, setting in rows.items()},
        "adopted": "best" if choice.adopted == choice.best else "before",
        "adopted_values": asdict(choice.adopted),
        "held_out_gain": round(choice.held_out_gain, 5),
        "validation_cases": list(names),
        "tried": len(scores[0]),
        "rule": _RULE,
    }


def _row(setting: Setting, scores: Sequence[dict[Setting, CaseScore]]) -> dict[str, Any]:
    cases = [case[setting] for case in scores]
    having = [case.tumour for case in cases if case.has_tumour]
    without = [case.claims_tumour for case in cases if not case.has_tumour]
    return {
        **asdict(setting),
        "score": round(float(np.mean([case.mean for case in cases])), 4),
        "dice_liver": round(float(np.mean([case.liver for case in cases])), 4),
        "dice_tumour": round(float(np.mean(having)), 4) if having else None,
        "tumour_claimed": f"in {sum(without)} of {len(without)} cases without one",
    }
