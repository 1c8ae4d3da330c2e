"""How far lesions lie from the surface of the organ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box, label_components
from ynet3d.evaluation.lesion_geometry import FoundLesions

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

#: Corners of each lesion that are looked up first; they bound the search for the others.
_FIRST_CORNERS = 24

Mask = npt.NDArray[np.bool_]
Corners = npt.NDArray[np.int64]


def depths(
    found: FoundLesions, labels: npt.NDArray[np.bool_ | np.uint8], affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(lesions,), the smallest distance in mm from each lesion to the outside of the organ.

    Voxels are taken whole: a lesion that touches the outside, be it by a corner, is at 0. Cavities
    of the organ, closed all around, are not outside, and what lies beyond the scan is unknown and
    not outside either. NaN where there is no outside. Between two sets of whole voxels the smallest
    distance is one between corners; in sheared scans it is taken as if they were not.

    Args:
        found: the lesions, by `find_lesions`.
        labels: (i, j, k), not 0 in the organ and its lesions, on the same grid.
        affine: 4x4, voxel index to mm.
    """
    result = np.full(len(found.lesions), np.nan)
    if not found.lesions:
        return result
    spacing = np.linalg.norm(affine[:3, list(found.axes)], axis=0)
    axial = labels.transpose(found.axes)
    box = _box(axial)
    surface = _organ_surface(axial[box] != 0)
    if not len(surface):
        return result
    start = np.array([side.start for side in box], dtype=np.int64)
    from scipy.spatial import cKDTree  # scipy takes half of the package's import, hence here

    tree = cKDTree((surface + start) * spacing, balanced_tree=False, compact_nodes=False)
    lesion, corners = _lesion_corners(found)
    return _smallest(tree, lesion, corners * spacing, len(found.lesions))


def _box(labels: npt.NDArray[np.bool_ | np.uint8]) -> tuple[slice, ...]:
    """The box around the organ and one voxel more on each side that the scan has."""
    inner = bounding_box(labels)
    assert inner is not None  # lesions are part of the organ
    return tuple(
        slice(max(0, side.start - 1), min(size, side.stop + 1))
        for side, size in zip(inner, labels.shape, strict=True)
    )


def _organ_surface(organ: Mask) -> Corners:
    """Corners that the organ shares with its outside: (n, 3), corner c is before voxel c."""
    outside = _outside(~organ)
    return np.argwhere(_any_around(organ) & _any_around(outside))


def _outside(background: Mask) -> Mask:
    """Background without cavities: what reaches the sides of the box."""
    regions = label_components(np.ascontiguousarray(background), connectivity=6)
    reaching = np.zeros(int(regions.max()) + 1, dtype=np.bool_)
    for axis in range(3):
        for side in (0, -1):
            reaching[regions[(*(slice(None),) * axis, side)]] = True
    reaching[0] = False
    if reaching[1:].all():
        return background
    return reaching[regions]


def _any_around(mask: Mask) -> Mask:
    """For each corner of the voxel grid (one more along each axis), is any voxel around it set?"""
    for axis in range(3):
        shape = list(mask.shape)
        shape[axis] += 1
        wider = np.zeros(shape, dtype=np.bool_)
        before = (slice(None),) * axis
        wider[(*before, slice(0, -1))] = mask
        wider[(*before, slice(1, None))] |= mask
        mask = wider
    return mask


def _lesion_corners(found: FoundLesions) -> tuple[Corners, Corners]:
    """Index of the lesion, and place, of every outer corner of lesions, by lesion."""
    tumour = found.components > 0
    padded = np.pad(~tumour, 1, constant_values=True)
    other = _any_around(padded)[1:-1, 1:-1, 1:-1]
    corners = np.argwhere(_any_around(tumour) & other)
    # Lesions never meet at a corner, so that any voxel around one says whose it is.
    lesion = np.zeros(len(corners), dtype=np.int64)
    last = np.array(tumour.shape) - 1
    for step in np.ndindex(2, 2, 2):
        voxel = corners - step
        valid = (voxel >= 0).all(axis=1) & (voxel <= last).all(axis=1)
        numbers = found.number_of[found.components[tuple(voxel[valid].T)]]
        lesion[valid] = np.maximum(lesion[valid], numbers)
    order = np.argsort(lesion, kind="stable")
    return lesion[order] - 1, corners[order] + found.offset


def _smallest(
    tree: cKDTree, lesion: Corners, places: npt.NDArray[np.float64], count: int
) -> npt.NDArray[np.float64]:
    """The smallest distance of each lesion's places to the tree.

    Places far from the surface cost most. A few of each lesion first say how far the others need
    to be looked for.
    """
    bounds = np.searchsorted(lesion, np.arange(count + 1))
    size = np.diff(bounds)[lesion]
    rank = np.arange(len(lesion)) - bounds[lesion]
    first = rank % np.maximum(1, size // _FIRST_CORNERS) == 0
    result = np.full(count, np.inf)
    np.minimum.at(result, lesion[first], tree.query(places[first])[0])
    for index in np.flatnonzero((np.diff(bounds) > _FIRST_CORNERS) & (result > 0)).tolist():
        one = slice(bounds[index], bounds[index + 1])
        rest = places[one][~first[one]]
        if len(rest):
            nearest, _ = tree.query(rest, distance_upper_bound=result[index])
            result[index] = min(result[index], nearest.min())
    return result
