"""The currency of the package: a 3D array with its place in the patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3D image or label map and where its voxels lie.

    Attributes:
        array: shape (i, j, k) in the voxel order of the source (for DICOM: column, row, slice).
            CT in HU; label maps as uint8.
        affine: 4x4 float64, voxel index (i, j, k, 1) to patient mm in RAS+ (NIfTI's world: x grows
            to the right, y to the front, z to the head).
        source: path or description, for messages and logs.
        metadata: what the format adds (a NIfTI header, DICOM UIDs); never needed for geometry.
    """

    array: npt.NDArray[Any]
    affine: npt.NDArray[np.float64]
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise ValueError(f"Volume needs a 3D array, found shape {self.array.shape}")
        if self.affine.shape != (4, 4):
            raise ValueError(f"Volume needs a 4x4 affine, found shape {self.affine.shape}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (i, j, k)."""
        i, j, k = self.array.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along (i, j, k)."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def orientation(self) -> str:
        """Where each array axis runs to, for instance "LPS" (nearest, if oblique)."""
        return "".join(nibabel.orientations.aff2axcodes(self.affine))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def with_array(self, array: npt.NDArray[Any]) -> Volume:
        """Another array (a mask, say) on this grid; the shape must be the same."""
        if array.shape != self.array.shape:
            raise ValueError(f"array of shape {array.shape} on a grid of shape {self.shape}")
        return replace(self, array=array)

    def same_grid(self, other: Volume, *, tolerance_mm: float = 1e-2) -> bool:
        """Same shape, and no corner voxel farther apart than `tolerance_mm`."""
        return self.grid_distance_mm(other) <= tolerance_mm

    def grid_distance_mm(self, other: Volume) -> float:
        """How far the same voxel lies apart in two grids, at the corner where it is farthest.

        Between affine grids the distance is largest at a corner. Infinite if the shapes differ.
        """
        if self.shape != other.shape:
            return math.inf
        last = np.array(self.shape) - 1
        corners = np.array([[*(last * ends), 1] for ends in np.ndindex(2, 2, 2)])
        apart = corners @ (self.affine - other.affine).T
        return float(np.linalg.norm(apart[:, :3], axis=1).max())


def in_lps(voxels: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Places (..., 3), given as voxel indices (i, j, k), in mm in DICOM's patient axes.

    DICOM, ITK and 3D Slicer's files count to the patient's left, back and head.
    """
    ras = voxels @ affine[:3, :3].T + affine[:3, 3]
    return np.asarray(ras * np.array([-1.0, -1.0, 1.0]), dtype=np.float64)
