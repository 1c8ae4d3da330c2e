"""The greatest diameter of a lesion in space."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.diameter import find_slices, hull_of, outer_corners, plane_basis
from ynet3d.evaluation.lesion_geometry import FoundLesions

#: Corners that are compared with all others at a time.
_AT_A_TIME = 1000


def greatest_diameters(
    found: FoundLesions, affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(lesions,), the largest distance in mm between two outer voxel corners of each lesion.

    Its ends are corners of the convex hull, which is taken slice by slice first.

    Args:
        found: by `find_lesions`.
        affine: that it was given.
    """
    result = np.zeros(len(found.lesions))
    if not found.lesions:
        return result
    ends = found.row_ends()
    slices = find_slices(ends, plane_basis(affine[:3, list(found.axes[1:])]))
    bounds = np.searchsorted(slices.lesion, np.arange(len(found.lesions) + 1))
    steps = affine[:3, list(found.axes)].T
    for index, first in enumerate(found.first_alike()):
        if first < index:
            result[index] = result[first]
            continue
        corners = []
        for one in range(bounds[index], bounds[index + 1]):
            rows = slice(int(slices.start[one]), int(slices.stop[one]))
            outline = outer_corners(ends.row[rows], ends.first[rows], ends.stop[rows])
            for side in (ends.plane[rows.start], ends.plane[rows.start] + 1):
                corners.append(np.column_stack([np.full(len(outline), side), outline]))
        places = hull_of(np.concatenate(corners)) @ steps
        result[index] = _largest_distance(places)
    return result


def _largest_distance(places: npt.NDArray[np.float64]) -> float:
    from scipy.spatial.distance import cdist  # scipy takes half of the package's import, hence here

    return max(
        float(cdist(places[first : first + _AT_A_TIME], places).max())
        for first in range(0, len(places), _AT_A_TIME)
    )
