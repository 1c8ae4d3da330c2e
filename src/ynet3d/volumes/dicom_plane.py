"""Where one plane of pixels lies in the patient, as DICOM says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A slice of a series, or a frame of a multi-frame image.

    Attributes:
        position: centre of the first pixel, LPS mm.
        orientation: direction cosines along a row (first three) and along a column, LPS.
        pixel_spacing: mm between rows, mm between columns (DICOM's order).
    """

    rows: int
    columns: int
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    orientation: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    pixel_spacing: tuple[float, float] = (0.0, 0.0)

    @property
    def normal(self) -> npt.NDArray[np.float64]:
        """Unit vector across the plane, LPS."""
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-12))
