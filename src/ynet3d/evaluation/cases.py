"""One case: a prediction against its reference, for each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ynet3d.errors import InputError
from ynet3d.evaluation.counting import Confusion, class_confusion, joint_counts
from ynet3d.evaluation.metrics import ClassMetrics
from ynet3d.labels import NUM_CLASSES, Label
from ynet3d.volumes import Volume

LiverConvention = Literal["lits", "label1"]


@dataclass(frozen=True)
class EvaluatedClass:
    """A class that is scored: the labels it is made of, and how to say so."""

    labels: frozenset[int]
    definition: str


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
    """One class of one case: counts in voxels, volumes in mL, metrics from 0 to 1."""

    counts: Confusion
    metrics: ClassMetrics
    reference_ml: float
    prediction_ml: float

    @property
    def in_reference(self) -> bool:
        """Whether the reference has any voxel of the class."""
        return self.counts.reference > 0


@dataclass(frozen=True)
class CaseEvaluation:
    """One case: its name, and the result of each class of `CLASSES`."""

    name: str
    classes: Mapping[str, ClassEvaluation]


def evaluate_pair(prediction: Volume, reference: Volume, name: str) -> CaseEvaluation:
    """Score one label map against another on the same grid.

    Args:
        prediction: labels 0 background, 1 liver, 2 tumour.
        reference: the same labels, on the same grid.
        name: what the case is called in the tables.

    Raises:
        InputError: the grids differ, or a label is not 0, 1 or 2.
    """
    _check_grids(prediction, reference, name)
    _check_labels(prediction, name, "prediction")
    _check_labels(reference, name, "reference")
    table = joint_counts(prediction.array, reference.array, values=NUM_CLASSES)
    classes = {}
    for class_name, evaluated in CLASSES.items():
        counts = class_confusion(table, evaluated.labels)
        classes[class_name] = ClassEvaluation(
            counts=counts,
            metrics=ClassMetrics.of(counts),
            reference_ml=counts.reference * reference.voxel_ml,
            prediction_ml=counts.prediction * reference.voxel_ml,
        )
    return CaseEvaluation(name, classes)


def _check_labels(volume: Volume, name: str, role: str) -> None:
    array = volume.array
    if array.dtype != np.uint8 and array.dtype != np.bool_:
        raise InputError(
            f"The {role} of {name} ({volume.source or 'in memory'}) has voxels of type "
            f"{array.dtype}, but label maps are uint8: read it with read_label."
        )
    if array.size and int(array.max()) >= NUM_CLASSES:
        raise InputError(
            f"The {role} of {name} ({volume.source or 'in memory'}) holds the label "
            f"{int(array.max())}, but 0 (background), 1 (liver) and 2 (tumour) are expected: "
            "map its labels to these, or give the label map instead of the image."
        )


def _check_grids(prediction: Volume, reference: Volume, name: str) -> None:
    fix = "predict on the CT that the reference was drawn on, or resample one to the other's grid"
    if prediction.shape != reference.shape:
        raise InputError(
            f"The prediction of {name} has the shape {_times(prediction.shape)} and its reference "
            f"{_times(reference.shape)}, but both must lie on one grid: {fix}."
        )
    if not prediction.same_grid(reference):
        raise InputError(
            f"The prediction of {name} lies up to {_distance_mm(prediction, reference):.3g} mm "
            f"from its reference (axes {prediction.orientation} and {reference.orientation}), "
            f"but both must lie on one grid: {fix}."
        )


def _times(shape: tuple[int, int, int]) -> str:
    return "×".join(str(size) for size in shape)


def _distance_mm(one: Volume, other: Volume) -> float:
    """Largest distance between corresponding corner voxels of two grids of one shape."""
    corners = np.array(np.meshgrid(*([0, size - 1] for size in one.shape), [1])).reshape(4, -1)
    apart = (one.affine - other.affine) @ corners
    return float(np.linalg.norm(apart[:3], axis=0).max())
