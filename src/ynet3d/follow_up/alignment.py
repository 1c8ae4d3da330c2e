"""Two livers of one patient laid over each other: turned and shifted, never stretched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box
from ynet3d.errors import InputError
from ynet3d.volumes import Volume, nearest_on_grid

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere

_GRID_MM = 4.0
#: Around the liver, so that its distance map has something to pull at.
_MARGIN_MM = 40.0
#: Distances to the surface beyond this count as this far.
_REACH_MM = 25.0
#: A patient does not lie turned by more; what looks like it is a fit gone wrong.
_MOST_DEGREES = 35.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where the later scan lies in the earlier one.

    Attributes:
        to_before: 4x4, a place in the later scan to the same place in the earlier, mm in RAS+.
        kind: "rigid", or "centroid" where turning did not help.
        dice: of the two livers, one laid over the other so, from 0 to 1.
        degrees: by how much it is turned.
        shift_mm: how far the middle of the liver moves.
    """

    to_before: npt.NDArray[np.float64]
    kind: Literal["rigid", "centroid"]
    dice: float
    degrees: float
    shift_mm: float


def align(before: Volume, after: Volume) -> Alignment:
    """Lay the later liver over the earlier one.

    First their middles (centroids) are laid over each other. From there a rigid transform is
    sought that brings the signed distances to both surfaces together (least mean square, gradient
    descent over all points of a 4 mm grid, SimpleITK). If the livers then overlap less than
    before, or one had to be turned by more than 35 degrees, the centroids alone count.

    Args:
        before, after: label maps, 0 background, 1 liver, 2 tumour; any grids.

    Raises:
        InputError: one has no liver.
    """
    fixed, moving = _coarse(before, "earlier"), _coarse(after, "later")
    middles = [_middle(one) for one in (fixed, moving)]
    straight = np.eye(4)
    straight[:3, 3] = middles[0] - middles[1]
    turned = _rigid(fixed, moving, middles)
    degrees = math.degrees(math.acos(np.clip((np.trace(turned[:3, :3]) - 1) / 2, -1, 1)))
    overlaps = [_dice(fixed, moving, one) for one in (straight, turned)]
    if degrees > _MOST_DEGREES or overlaps[1] < overlaps[0]:
        return Alignment(straight, "centroid", overlaps[0], 0.0, _shift(straight, middles[1]))
    return Alignment(turned, "rigid", overlaps[1], degrees, _shift(turned, middles[1]))


def _shift(to_before: npt.NDArray[np.float64], middle: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(to_before[:3, :3] @ middle + to_before[:3, 3] - middle))


def _coarse(label: Volume, which: str) -> Volume:
    """The organ on a grid along the patient's axes."""
    box = bounding_box(label.array)
    if box is None:
        raise InputError(
            f"The {which} scan ({label.source or 'in memory'}) shows no liver, so that the two "
            "cannot be laid over each other: give two segmentations that have one."
        )
    affine = label.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [side.start for side in box]
    organ = Volume((label.array[box] != 0).astype(np.uint8), affine)
    last = np.array(organ.shape) - 1
    corners = np.array(list(np.ndindex(2, 2, 2))) * last @ affine[:3, :3].T + affine[:3, 3]
    low = corners.min(axis=0) - _MARGIN_MM
    size = np.ceil((corners.max(axis=0) + _MARGIN_MM - low) / _GRID_MM).astype(int) + 1
    grid = np.diag([_GRID_MM, _GRID_MM, _GRID_MM, 1.0])
    grid[:3, 3] = low
    i, j, k = (int(count) for count in size)
    return nearest_on_grid(organ, Volume(np.broadcast_to(np.uint8(0), (i, j, k)), grid))


def _middle(coarse: Volume) -> npt.NDArray[np.float64]:
    found = np.argwhere(coarse.array)
    if not len(found):  # smaller than the grid
        return np.asarray(coarse.affine[:3, 3] + (np.array(coarse.shape) - 1) * _GRID_MM / 2)
    return np.asarray(found.mean(axis=0) * _GRID_MM + coarse.affine[:3, 3], dtype=np.float64)


def _rigid(
    fixed: Volume, moving: Volume, middles: list[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """4x4, later to earlier, in RAS mm."""
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere

    start = sitk.Euler3DTransform()
    start.SetCenter(middles[0].tolist())
    start.SetTranslation((middles[1] - middles[0]).tolist())
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMeanSquares()
    registration.SetMetricSamplingStrategy(registration.NONE)
    registration.SetInterpolator(sitk.sitkLinear)
    registration.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0,
        minStep=0.001,
        numberOfIterations=200,
        gradientMagnitudeTolerance=1e-8,
        relaxationFactor=0.8,
    )
    registration.SetOptimizerScalesFromPhysicalShift()
    registration.SetInitialTransform(start, inPlace=True)
    try:
        registration.Execute(_distances(fixed), _distances(moving))
    except RuntimeError:  # the two no longer overlap: gone astray
        return np.diag([-1.0, -1.0, 1.0, 1.0])  # turned by half a circle, which is refused
    to_after = np.eye(4)
    to_after[:3, :3] = np.reshape(start.GetMatrix(), (3, 3))
    to_after[:3, 3] = start.TransformPoint((0.0, 0.0, 0.0))
    return np.asarray(np.linalg.inv(to_after), dtype=np.float64)


def _distances(coarse: Volume) -> sitk.Image:
    """Signed distance to the surface of the organ in mm, positive outside."""
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere

    organ = sitk.GetImageFromArray(np.ascontiguousarray(coarse.array.transpose(2, 1, 0)))
    organ.SetSpacing([_GRID_MM] * 3)
    organ.SetOrigin(coarse.affine[:3, 3].tolist())
    distances: Any = sitk.SignedMaurerDistanceMap(
        organ, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    return sitk.Clamp(distances, sitk.sitkFloat32, -_REACH_MM, _REACH_MM)


def _dice(fixed: Volume, moving: Volume, to_before: npt.NDArray[np.float64]) -> float:
    moved = nearest_on_grid(Volume(moving.array, to_before @ moving.affine), fixed)
    both = int(np.count_nonzero(moved.array & fixed.array))
    total = int(np.count_nonzero(moving.array)) + int(np.count_nonzero(fixed.array))
    return 2 * both / total if total else 0.0
