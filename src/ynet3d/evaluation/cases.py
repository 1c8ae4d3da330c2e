"""One case: a prediction against its reference, for each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ynet3d.components import joint_bounding_box
from ynet3d.errors import InputError
from ynet3d.evaluation.burden import TumourBurden, tumour_burden
from ynet3d.evaluation.conventions import Convention, check_convention
from ynet3d.evaluation.counting import Confusion, class_confusion, joint_counts
from ynet3d.evaluation.lesion_geometry import Lesion
from ynet3d.evaluation.lesions import LesionMatching, match_lesions
from ynet3d.evaluation.lits import LitsCase, lits_case
from ynet3d.evaluation.metrics import NSD_TOLERANCE_MM, ClassMetrics, nsd, nsd_name
from ynet3d.evaluation.surface import surface_distances
from ynet3d.labels import NUM_CLASSES, Label
from ynet3d.volumes import Volume

LiverConvention = Literal["lits", "label1"]

_LISTED = 5


@dataclass(frozen=True)
class EvaluatedClass:
    """A class that is scored: the labels it is made of, and how to say so."""

    labels: frozenset[int]
    definition: str

    def mask(self, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Where a label map has a label of the class."""
        first, *others = sorted(self.labels)
        mask = array == first
        for label in others:
            mask |= array == label
        return mask


#: By the name in `cases.csv`. Both conventions of "liver" are always scored.
CLASSES: dict[str, EvaluatedClass] = {
    "liver": EvaluatedClass(
        frozenset({Label.LIVER, Label.TUMOUR}), "label 1 or 2, the organ, as LiTS scores it"
    ),
    "liver_label1": EvaluatedClass(
        frozenset({Label.LIVER}), "label 1 alone, liver without its tumours"
    ),
    "tumour": EvaluatedClass(frozenset({Label.TUMOUR}), "label 2"),
}


def class_order(liver_convention: LiverConvention) -> tuple[str, str, str]:
    """Names of the classes in the order of every table: headline liver, tumour, the other liver.

    Raises:
        InputError: no such convention.
    """
    if liver_convention == "lits":
        return "liver", "tumour", "liver_label1"
    if liver_convention == "label1":
        return "liver_label1", "tumour", "liver"
    raise InputError(
        f"There is no liver convention {liver_convention!r}: "
        "choose lits (label 1 or 2) or label1 (label 1 alone)."
    )


@dataclass(frozen=True)
class ClassEvaluation:
    """One class of one case: counts in voxels, volumes in mL, metrics (see `ClassMetrics`).

    `further` holds the metrics that were asked for besides `METRICS`: NSD at other tolerances.
    """

    counts: Confusion
    metrics: ClassMetrics
    reference_ml: float
    prediction_ml: float
    further: Mapping[str, float] = field(default_factory=dict)

    @property
    def in_reference(self) -> bool:
        """Whether the reference has any voxel of the class."""
        return self.counts.reference > 0

    def value(self, metric: str) -> float | None:
        """A metric by its name, of `METRICS` or of `further`; None where undefined."""
        if metric in self.further:
            return self.further[metric]
        value: float | None = getattr(self.metrics, metric)
        return value


@dataclass(frozen=True)
class CaseEvaluation:
    """One case.

    Attributes:
        name: what it is called in the tables.
        classes: the result of each class of `CLASSES`.
        lesions: the tumours of both sides, matched by the default convention.
        burden: tumour voxels / voxels of the organ.
        lits: what the LiTS scorer makes of the case, where it was asked for.
        notes: sentences to know about it.
    """

    name: str
    classes: Mapping[str, ClassEvaluation]
    lesions: LesionMatching
    burden: TumourBurden
    lits: LitsCase | None = None
    notes: tuple[str, ...] = ()


def evaluate_pair(
    prediction: Volume,
    reference: Volume,
    name: str,
    *,
    convention: Convention = "default",
    nsd_tolerances_mm: Sequence[float] = (),
    notes: Sequence[str] = (),
) -> CaseEvaluation:
    """Score one label map against another on the same grid.

    Args:
        prediction: labels 0 background, 1 liver, 2 tumour.
        reference: the same labels, on the same grid.
        name: what the case is called in the tables.
        convention: "lits" adds what the LiTS challenge's scorer makes of the case.
        nsd_tolerances_mm: tolerances of NSD besides the 2 mm that are always there.
        notes: sentences to keep with the case.

    Raises:
        InputError: the grids differ, or a label is not 0, 1 or 2.
    """
    check_convention(convention)
    check_tolerances(nsd_tolerances_mm)
    _check_grids(prediction, reference, name)
    check_labels(prediction, name, "prediction")
    check_labels(reference, name, "reference")
    # Most of a scan is background in both: beyond this box, there is nothing but to count it.
    box = joint_bounding_box(prediction.array, reference.array) or (slice(0, 0),) * 3
    predicted, referred = prediction.array[box], reference.array[box]
    table = joint_counts(predicted, referred, values=NUM_CLASSES)
    table[0, 0] += reference.array.size - referred.size
    further = sorted(set(nsd_tolerances_mm) - {NSD_TOLERANCE_MM})
    classes: dict[str, ClassEvaluation] = {}
    for class_name, evaluated in CLASSES.items():
        counts = class_confusion(table, evaluated.labels)
        distances = surface_distances(
            evaluated.mask(predicted), evaluated.mask(referred), reference.spacing
        )
        classes[class_name] = ClassEvaluation(
            counts=counts,
            metrics=ClassMetrics.of(counts, distances),
            reference_ml=counts.reference * reference.voxel_ml,
            prediction_ml=counts.prediction * reference.voxel_ml,
            further={nsd_name(mm): nsd(counts, distances, mm) for mm in further},
        )
    tumours = predicted == Label.TUMOUR, referred == Label.TUMOUR
    lesions = match_lesions(*tumours, affine=reference.affine)
    scorer = None
    if convention == "lits":
        theirs = match_lesions(*tumours, affine=reference.affine, convention="lits")
        scorer = lits_case(table, theirs, classes["liver"].metrics)
    return CaseEvaluation(
        name=name,
        classes=classes,
        lesions=_moved(lesions, tuple(side.start for side in box)),
        burden=tumour_burden(table),
        lits=scorer,
        notes=tuple(notes),
    )


def _moved(matching: LesionMatching, offset: tuple[int, ...]) -> LesionMatching:
    """Lesions found in a box, with their centroids in voxels of the whole scan."""

    def moved(lesion: Lesion) -> Lesion:
        i, j, k = (at + start for at, start in zip(lesion.centroid, offset, strict=True))
        return replace(lesion, centroid=(i, j, k))

    return replace(
        matching,
        prediction=tuple(map(moved, matching.prediction)),
        reference=tuple(map(moved, matching.reference)),
    )


def check_tolerances(tolerances_mm: Sequence[float]) -> None:
    """Refuse tolerances of NSD that are not lengths.

    Raises:
        InputError: one is negative, infinite or not a number.
    """
    for tolerance in tolerances_mm:
        if not 0 <= tolerance < math.inf:
            raise InputError(
                f"A tolerance of NSD of {tolerance:g} mm makes no sense: give 0 mm or more, "
                "for instance the distance by which two readers differ."
            )


def check_labels(volume: Volume, name: str, role: str) -> None:
    """Refuse what is not a label map of background, liver and tumour.

    Raises:
        InputError: a label is not 0, 1 or 2, or the voxels are not uint8.
    """
    array = volume.array
    if array.dtype != np.uint8 and array.dtype != np.bool_:
        raise InputError(
            f"The {role} of {name} ({volume.source or 'in memory'}) has voxels of type "
            f"{array.dtype}, but label maps are uint8: read it with read_label."
        )
    if array.size and int(array.max()) >= NUM_CLASSES:
        extra = [str(label) for label in np.unique(array).tolist() if label >= NUM_CLASSES]
        listed = ", ".join(extra[:_LISTED]) + (", ..." if len(extra) > _LISTED else "")
        raise InputError(
            f"The {role} of {name} ({volume.source or 'in memory'}) holds the "
            f"label{'s' if len(extra) > 1 else ''} {listed}, but 0 (background), 1 (liver) and "
            f"2 (tumour) are expected: say what they mean with --{role}-labels, for instance "
            f"{extra[0]}=0, or give the label map if this is an image."
        )


def _check_grids(prediction: Volume, reference: Volume, name: str) -> None:
    fix = (
        "predict on the CT that the reference was drawn on, or take the nearest voxels of the "
        "prediction with --resample"
    )
    if prediction.shape != reference.shape:
        raise InputError(
            f"The prediction of {name} has the shape {_times(prediction.shape)} and its reference "
            f"{_times(reference.shape)}, but both must lie on one grid: {fix}."
        )
    if not prediction.same_grid(reference):
        raise InputError(
            f"The prediction of {name} lies up to {prediction.grid_distance_mm(reference):.3g} mm "
            f"from its reference (axes {prediction.orientation} and {reference.orientation}), "
            f"but both must lie on one grid: {fix}."
        )


def _times(shape: tuple[int, int, int]) -> str:
    return "×".join(str(size) for size in shape)
