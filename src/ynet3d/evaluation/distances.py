"""Distances between the surfaces of two masks, by two distance transforms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances in mm from each surface voxel of one mask to the nearest of the other."""

    prediction_to_reference_mm: npt.NDArray[np.float32]
    reference_to_prediction_mm: npt.NDArray[np.float32]

    @property
    def _pooled(self) -> npt.NDArray[np.float64]:
        both = (self.prediction_to_reference_mm, self.reference_to_prediction_mm)
        return np.concatenate(both).astype(np.float64)

    @property
    def assd_mm(self) -> float:
        """Mean over both surfaces."""
        return float(self._pooled.mean())

    @property
    def rmsd_mm(self) -> float:
        """Root of the mean square over both surfaces."""
        return float(np.sqrt((self._pooled**2).mean()))

    @property
    def msd_mm(self) -> float:
        """Largest of all."""
        return float(self._pooled.max())

    @property
    def hd95_mm(self) -> float:
        """The larger of the two directed 95th percentiles."""
        both = (self.prediction_to_reference_mm, self.reference_to_prediction_mm)
        return max(float(np.percentile(one, 95)) for one in both)

    def nsd(self, tolerance_mm: float) -> float:
        """Share of both surfaces that lies within `tolerance_mm` of the other."""
        return float((self._pooled <= tolerance_mm).mean())


def surface_distances(
    prediction_mask: npt.NDArray[np.bool_],
    reference_mask: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> SurfaceDistances | None:
    """Compare two surfaces; None if either mask is empty."""
    from scipy import ndimage

    if not prediction_mask.any() or not reference_mask.any():
        return None
    box = bounding_box(prediction_mask | reference_mask)
    neighbours = ndimage.generate_binary_structure(3, 2)
    surfaces = [
        mask[box] & ~ndimage.binary_erosion(mask[box], neighbours)
        for mask in (prediction_mask, reference_mask)
    ]
    to_prediction, to_reference = (
        ndimage.distance_transform_edt(~surface, sampling=spacing_mm) for surface in surfaces
    )
    return SurfaceDistances(
        to_reference[surfaces[0]].astype(np.float32), to_prediction[surfaces[1]].astype(np.float32)
    )
