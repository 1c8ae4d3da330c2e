"""A case's lesions as rows of a table, one per lesion of either side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ynet3d.evaluation.lesion_geometry import Lesion, SizeClass
from ynet3d.evaluation.lesion_match import LesionMatch
from ynet3d.evaluation.lesions import LesionMatching


@dataclass(frozen=True)
class LesionRow:
    """One lesion.

    Attributes:
        side: "reference" or "prediction".
        number: its number on that side.
        status: "found" or "missed" for a reference lesion, "true positive" or "false positive" for
            a predicted one, at any overlap.
        voxels: how many it has.
        volume_ml: their volume in mL.
        diameter_mm: longest diameter in one axial slice.
        size_class: by that diameter, in mm.
        centroid: mean voxel index (i, j, k).
        matched_to: numbers of the lesions of the other side it is compared with.
        overlap_voxels: how many of its voxels are tumour on the other side.
        iou: of its match, with all lesions merged in that; 0 without a match.
        dice: likewise.
        assd_mm: average symmetric surface distance of its match; None without a match.
        hd95_mm: 95th percentile of the same distances, the larger of both directions; likewise.
        detected_overlap: whether it counts as detected at any overlap.
        detected_iou50: whether it does at IoU > 0.5.
    """

    side: Literal["reference", "prediction"]
    number: int
    status: Literal["found", "missed", "true positive", "false positive"]
    voxels: int
    volume_ml: float
    diameter_mm: float
    size_class: SizeClass
    centroid: tuple[float, float, float]
    matched_to: tuple[int, ...]
    overlap_voxels: int
    iou: float
    dice: float
    assd_mm: float | None
    hd95_mm: float | None
    detected_overlap: bool
    detected_iou50: bool


def lesion_rows(matching: LesionMatching) -> tuple[LesionRow, ...]:
    """All lesions of a case: those of the reference first, by number."""
    right, found = matching.found(0)
    right_iou50, found_iou50 = matching.found(0.5)
    reference = zip(matching.reference, matching.reference_matches, found, found_iou50, strict=True)
    prediction = zip(
        matching.prediction, matching.prediction_matches, right, right_iou50, strict=True
    )
    overlaps = matching.overlaps
    return (
        *(
            _row("reference", *entry, overlaps.by_reference.get(entry[0].number, {}))
            for entry in reference
        ),
        *(
            _row("prediction", *entry, overlaps.by_prediction.get(entry[0].number, {}))
            for entry in prediction
        ),
    )


def _row(
    side: Literal["reference", "prediction"],
    lesion: Lesion,
    match: LesionMatch | None,
    detected_overlap: bool,
    detected_iou50: bool,
    shared: dict[int, int],
) -> LesionRow:
    status: Literal["found", "missed", "true positive", "false positive"]
    if side == "reference":
        status = "found" if detected_overlap else "missed"
        matched_to = match.prediction if match else ()
    else:
        status = "true positive" if detected_overlap else "false positive"
        matched_to = match.reference if match else ()
    return LesionRow(
        side=side,
        number=lesion.number,
        status=status,
        voxels=lesion.voxels,
        volume_ml=lesion.volume_ml,
        diameter_mm=lesion.diameter_mm,
        size_class=lesion.size_class,
        centroid=lesion.centroid,
        matched_to=matched_to,
        overlap_voxels=sum(shared.values()),
        iou=match.iou if match else 0.0,
        dice=match.dice if match else 0.0,
        assd_mm=match.assd_mm if match else None,
        hd95_mm=match.hd95_mm if match else None,
        detected_overlap=detected_overlap,
        detected_iou50=detected_iou50,
    )
