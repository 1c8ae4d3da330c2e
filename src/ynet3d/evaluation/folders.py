"""Evaluating files: two label maps, or two folders of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ynet3d.errors import InputError, YnetError
from ynet3d.evaluation.cases import (
    CaseEvaluation,
    LiverConvention,
    check_tolerances,
    class_order,
    evaluate_pair,
)
from ynet3d.evaluation.conventions import Convention, check_convention
from ynet3d.evaluation.failures import Failure
from ynet3d.evaluation.pairing import Pair, match_pairs
from ynet3d.evaluation.relabelling import LabelMap, check_label_map, relabelled
from ynet3d.evaluation.summary import Evaluation, summarise
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, nearest_on_grid, read_label, read_label_pair


def evaluate(
    predictions: str | Path,
    references: str | Path,
    *,
    convention: Convention = "default",
    liver_convention: LiverConvention = "lits",
    nsd_tolerances_mm: Sequence[float] = (),
    prediction_labels: LabelMap | None = None,
    reference_labels: LabelMap | None = None,
    resample: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Score predicted label maps against references, one pair in memory at a time.

    A case that cannot be scored does not stop the others: it is among the `failures`.

    Args:
        predictions: a label map, or a folder of them (see `match_pairs` for the names).
        references: likewise.
        convention: "lits" adds the figures of the LiTS challenge's scorer.
        liver_convention: which liver is the headline, "lits" (label 1 or 2) or "label1"
            (label 1 alone); both are scored.
        nsd_tolerances_mm: tolerances of NSD besides 2 mm.
        prediction_labels: what becomes of the predictions' labels, for instance {5: 1, "*": 0}.
        reference_labels: likewise.
        resample: bring a prediction on another grid to that of its reference, by nearest voxel;
            else such a case fails.
        seed: of the bootstrap's draws.
        progress: where to tell how far it is; nothing is told by default.

    Raises:
        InputError: words that make no sense, no pair of label maps, or no case that can be scored.
    """
    # What is wrong with the words shows before the work, not after it.
    class_order(liver_convention)
    check_convention(convention)
    check_tolerances(nsd_tolerances_mm)
    reading = _Reading(prediction_labels or {}, reference_labels or {}, resample)
    progress = progress or Progress(quiet=True)
    pairing = match_pairs(predictions, references)
    cases: list[CaseEvaluation] = []
    failures = list(pairing.unpaired)
    for pair in progress.track(pairing.pairs, "evaluating", total=len(pairing.pairs)):
        try:
            prediction, reference, notes = reading.read(pair)
            case = evaluate_pair(
                prediction,
                reference,
                pair.name,
                convention=convention,
                nsd_tolerances_mm=nsd_tolerances_mm,
                notes=notes,
            )
        except YnetError as error:
            if len(pairing.pairs) == 1 and not failures:
                raise
            failures.append(Failure(pair.name, str(error)))
        else:
            cases.append(case)
            for note in notes:
                progress.say(f"Note: {note}")
    if not cases:
        raise InputError(
            f"None of the {len(failures)} cases could be scored; {failures[-1].name}: "
            f"{failures[-1].reason}"
        )
    return summarise(
        cases,
        liver_convention=liver_convention,
        failures=failures,
        without_reference=pairing.without_reference,
        seed=seed,
    )


@dataclass(frozen=True)
class _Reading:
    """How label maps are read: what their values mean, and whether grids may differ."""

    prediction_labels: LabelMap = field(default_factory=dict)
    reference_labels: LabelMap = field(default_factory=dict)
    resample: bool = False

    def __post_init__(self) -> None:
        check_label_map(self.prediction_labels)
        check_label_map(self.reference_labels)

    def read(self, pair: Pair) -> tuple[Volume, Volume, list[str]]:
        """Prediction, reference, and sentences on what was done to them."""
        prediction, reference = self._read_files(pair)
        if self.prediction_labels:
            prediction = relabelled(prediction, self.prediction_labels)
        if self.reference_labels:
            reference = relabelled(reference, self.reference_labels)
        if not self.resample or prediction.same_grid(reference):
            return prediction, reference, []
        moved = nearest_on_grid(prediction, reference)
        if prediction.array.any() and not moved.array.any():
            raise InputError(
                f"The prediction of {pair.name} lies outside the grid of its reference, so that "
                "nothing of it is left after --resample: check that both are of one scan."
            )
        note = (
            f"The prediction of {pair.name} was brought from its grid ({_grid_words(prediction)}) "
            f"to that of its reference ({_grid_words(reference)}), by nearest voxel."
        )
        return moved, reference, [note]

    def _read_files(self, pair: Pair) -> tuple[Volume, Volume]:
        try:
            return read_label_pair(pair.prediction, pair.reference)
        except InputError:
            if not self.resample:
                raise
            # A DICOM SEG whose planes are not those of the other; alone it has a grid of its own.
            return read_label(pair.prediction), read_label(pair.reference)


def _grid_words(volume: Volume) -> str:
    shape = "×".join(str(size) for size in volume.shape)
    spacing = "×".join(f"{size:.3g}" for size in volume.spacing)
    return f"{shape} voxels of {spacing} mm, axes {volume.orientation}"
