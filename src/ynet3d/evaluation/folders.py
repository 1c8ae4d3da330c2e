"""Evaluating files: two label maps, or two folders of them."""

from __future__ import annotations

from pathlib import Path

from ynet3d.evaluation.cases import CaseEvaluation, LiverConvention, class_order, evaluate_pair
from ynet3d.evaluation.pairing import match_pairs
from ynet3d.evaluation.summary import Evaluation, summarise
from ynet3d.progress import Progress
from ynet3d.volumes import read_label_pair


def evaluate(
    predictions: str | Path,
    references: str | Path,
    *,
    liver_convention: LiverConvention = "lits",
    progress: Progress | None = None,
) -> Evaluation:
    """Score predicted label maps against references, one pair in memory at a time.

    Args:
        predictions: a label map, or a folder of them (see `match_pairs` for the names).
        references: likewise.
        liver_convention: which liver is the headline, "lits" (label 1 or 2) or "label1"
            (label 1 alone); both are scored.
        progress: where to tell how far it is; nothing is told by default.

    Raises:
        InputError: a case has no partner, a file cannot be read, grids differ, or labels are
            not 0, 1 and 2.
    """
    class_order(liver_convention)  # a wrong convention shows before the work, not after it
    progress = progress or Progress(quiet=True)
    pairs = match_pairs(predictions, references)
    cases: list[CaseEvaluation] = []
    for pair in progress.track(pairs, "evaluating", total=len(pairs)):
        prediction, reference = read_label_pair(pair.prediction, pair.reference)
        cases.append(evaluate_pair(prediction, reference, pair.name))
    return summarise(cases, liver_convention=liver_convention)
