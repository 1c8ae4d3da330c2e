"""Lesions of prediction and reference compared as one object: overlap and surface distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.lesion_geometry import FoundLesions
from ynet3d.evaluation.overlaps import Group, Overlaps
from ynet3d.evaluation.surface import SurfaceDistances, surface_distances


@dataclass(frozen=True)
class LesionMatch:
    """Lesions of either side that are compared as one object.

    Attributes:
        prediction: numbers of the predicted lesions; several if the prediction is split.
        reference: numbers of the reference lesions; several if one prediction bridges them.
        prediction_voxels: of these lesions together.
        reference_voxels: likewise.
        overlap_voxels: voxels they share.
        assd_mm: average symmetric surface distance in mm; like the next three it is None if a side
            is empty, which is so only for more than 255 lesions in the LiTS convention.
        rmsd_mm: root mean square of the distances of both directions.
        msd_mm: the largest of them.
        hd95_mm: the larger of the directed 95th percentiles.
    """

    prediction: tuple[int, ...]
    reference: tuple[int, ...]
    prediction_voxels: int
    reference_voxels: int
    overlap_voxels: int
    assd_mm: float | None
    rmsd_mm: float | None
    msd_mm: float | None
    hd95_mm: float | None

    @property
    def iou(self) -> float:
        """Shared voxels / voxels of the union."""
        union = self.reference_voxels + self.prediction_voxels - self.overlap_voxels
        return self.overlap_voxels / union

    @property
    def dice(self) -> float:
        """2 × shared voxels / voxels of both sides."""
        return 2 * self.overlap_voxels / (self.reference_voxels + self.prediction_voxels)


def compare_lesions(
    group: Group,
    prediction: FoundLesions,
    reference: FoundLesions,
    overlaps: Overlaps,
    affine: npt.NDArray[np.float64],
) -> LesionMatch:
    """Compare some lesions of a prediction with some of a reference, in the box around them."""
    distances = _distances(group, prediction, reference, affine)
    return LesionMatch(
        prediction=group.prediction,
        reference=group.reference,
        prediction_voxels=sum(overlaps.prediction_voxels[p - 1] for p in group.prediction),
        reference_voxels=sum(overlaps.reference_voxels[r - 1] for r in group.reference),
        overlap_voxels=overlaps.shared(group.prediction, group.reference),
        assd_mm=distances.assd_mm if distances else None,
        rmsd_mm=distances.rmsd_mm if distances else None,
        msd_mm=distances.msd_mm if distances else None,
        hd95_mm=distances.hd95_mm if distances else None,
    )


def _distances(
    group: Group,
    prediction: FoundLesions,
    reference: FoundLesions,
    affine: npt.NDArray[np.float64],
) -> SurfaceDistances | None:
    if not group.prediction or not group.reference:
        return None
    boxes = prediction.box_around(group.prediction), reference.box_around(group.reference)
    box = np.stack(
        [
            np.minimum(boxes[0][:, 0], boxes[1][:, 0]),
            np.maximum(boxes[0][:, 1], boxes[1][:, 1]),
        ],
        axis=1,
    )
    i, j, k = np.linalg.norm(affine[:3, list(reference.axes)], axis=0).tolist()
    return surface_distances(
        prediction.mask(group.prediction, box), reference.mask(group.reference, box), (i, j, k)
    )
