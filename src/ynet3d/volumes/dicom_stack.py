"""From sorted slices to one regular grid: as they lie, or resampled along their normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_geometry import PLACE_TOLERANCE_MM, plane_affine
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.volume import Volume

#: One step may be this much longer or shorter than another (positions are often rounded to 0.1 mm,
#: and two steps have up to four roundings of 0.05 mm).
STEP_TOLERANCE_MM = 0.21
#: Between slices farther apart than this nothing is interpolated: a tumour of 1 cm fits between.
LARGEST_STEP_MM = 10.0
#: A step longer than this times the usual one means that slices are missing.
_GAP_FACTOR = 1.5
#: More long steps than this share are not gaps, but a series of mixed spacing.
_MOST_GAPS = 0.1
#: Steps on each side by which the usual step at a place is told.
_NEIGHBOURS = 2
#: A grid on which every slice lies has at most this many planes for each slice.
_MOST_PLANES = 3
#: A slice this near to a plane is that plane, in voxels.
_SAME_PLACE = 1e-6


@dataclass(frozen=True, eq=False)
class Stack:
    """A regular grid for slices.

    Attributes:
        affine: voxel to RAS mm.
        planes: of the grid.
        places: of each slice along k, in voxels; 0, 1, 2, ... if slices are evenly spaced.
        warning: how slices were resampled, as a sentence; "" if they were not.
    """

    affine: npt.NDArray[np.float64]
    planes: int
    places: npt.NDArray[np.float64]
    warning: str = ""

    def share(self, plane: int, at: int) -> float:
        """How much of `plane` comes from slice `at`, the rest from the one before; 1 for all."""
        place = float(self.places[at])
        if at == 0 or plane >= place - _SAME_PLACE:
            return 1.0
        before = float(self.places[at - 1])
        return (plane - before) / (place - before)

    def reaches(self, plane: int, at: int) -> bool:
        """Whether `plane` lies at slice `at` or before it."""
        return plane < self.planes and plane <= self.places[at] + _SAME_PLACE


def stack_of(slices: Sequence[Plane], name: str) -> Stack:
    """The grid of sorted slices, one per position.

    The third column of the affine is the step from slice to slice as the positions have it. With a
    tilted gantry that step is not along the normal, and the affine is sheared: it is kept, because
    every voxel then has its true place and the mask returns on the source grid; the axes are only
    permuted and flipped for the network, which so sees the slices as they were taken (`ct_problems`
    warns).

    Uneven steps of a complete series get an even grid between the first and the last slice: of the
    shortest step if all slices then lie on it, else of the usual step. Planes between two slices
    are interpolated linearly.

    Raises:
        InputError: fewer than two slices, missing ones, or slices that are not one above the other.
    """
    if len(slices) < 2:
        raise InputError(
            f"{name} is a single slice: give the folder with all slices of the 3D scan."
        )
    positions = np.array([header.position for header in slices])
    along = (positions - positions[0]) @ slices[0].normal
    absolute = positions @ slices[0].normal
    _check_gaps(absolute, name)
    way = positions[-1] - positions[0]
    away = np.linalg.norm(positions - positions[0] - np.outer(along / along[-1], way), axis=1)
    if away.max() > PLACE_TOLERANCE_MM:
        worst = int(away.argmax())
        raise InputError(
            f"{name} is not a straight, even stack: the slice at {absolute[worst]:.2f} mm lies "
            f"{away[worst]:.2f} mm from its place (at most {PLACE_TOLERANCE_MM} mm is accepted): "
            "resample it, or export it again."
        )
    index = np.arange(len(slices))
    if _fits(along, index):
        return Stack(
            plane_affine(slices[0], way / index[-1]), len(slices), index.astype(np.float64)
        )
    return _resampled(slices, along, way, name)


def on_source_slices(volume: Volume) -> npt.NDArray[Any]:
    """The array of a scan's or mask's `volume` at the slices of its DICOM source.

    Returns:
        (column, row, slice), in the order of `SOPInstanceUIDs`; the nearest plane of each slice
        where uneven slices were resampled, else a copy of the array.
    """
    places = np.asarray(volume.metadata["source_slices"])
    nearest = np.clip(np.rint(places).astype(np.int64), 0, volume.shape[2] - 1)
    return volume.array[:, :, nearest]


def _fits(along: npt.NDArray[np.float64], index: npt.NDArray[np.int64]) -> bool:
    """Whether slices lie at these multiples of one step."""
    step = along[-1] / index[-1]
    steps = np.diff(along) / np.diff(index)
    even = np.abs(steps - np.percentile(steps, 50, method="lower")).max() <= STEP_TOLERANCE_MM
    return bool(even and np.abs(along - index * step).max() <= PLACE_TOLERANCE_MM)


def _resampled(
    slices: Sequence[Plane], along: npt.NDArray[np.float64], way: npt.NDArray[np.float64], name: str
) -> Stack:
    steps = np.diff(along)
    if steps.max() > LARGEST_STEP_MM + STEP_TOLERANCE_MM:
        raise InputError(
            f"{name} has uneven slice spacing (from {steps.min():.4g} to {steps.max():.4g} mm), "
            f"with more than {LARGEST_STEP_MM:g} mm between some slices: give one reconstruction "
            "of even spacing."
        )
    index = np.rint(along / steps.min()).astype(np.int64)
    on_grid = np.diff(index).min() > 0 and index[-1] < _MOST_PLANES * len(slices)
    if on_grid and _fits(along, index):
        planes = int(index[-1]) + 1
        places = index.astype(np.float64)
    else:
        usual = float(np.percentile(steps, 50, method="lower"))
        planes = max(2, round(along[-1] / usual) + 1)
        places = along / along[-1] * (planes - 1)
    step_mm = along[-1] / (planes - 1)
    nearest = np.abs(np.arange(planes)[:, None] - places[None, :]).min(axis=1)
    between = int((nearest > _SAME_PLACE).sum())
    farthest_mm = nearest.max() * step_mm
    warning = (
        f"{name} has uneven slice spacing (from {steps.min():.4g} to {steps.max():.4g} mm): its "
        f"{len(slices)} slices were resampled to {planes} planes {step_mm:.4g} mm apart, of which "
        f"{between} were interpolated, up to {farthest_mm:.2g} mm from the nearest slice."
    )
    affine = plane_affine(slices[0], way / (planes - 1))
    return Stack(affine, planes, places, warning)


def _check_gaps(along: npt.NDArray[np.float64], name: str) -> None:
    """Steps that are long among their neighbours are missing slices, not another spacing."""
    steps = np.diff(along)
    usual = float(np.percentile(steps, 50, method="lower"))
    odd = np.flatnonzero(np.abs(steps - usual) > STEP_TOLERANCE_MM)
    if odd.size == 0:
        return
    few = odd.size <= max(1.0, _MOST_GAPS * steps.size)
    if not (few and (steps[odd] > _GAP_FACTOR * usual).all()):
        near = [
            np.percentile(
                steps[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1], 50, method="lower"
            )
            for at in range(steps.size)
        ]
        odd = np.flatnonzero(
            steps > np.maximum(_GAP_FACTOR * np.array(near), 2 * STEP_TOLERANCE_MM)
        )
        if odd.size == 0:
            return
    missing = max(1, int(np.rint(steps[odd] / usual - 1).sum()))
    gaps = " and ".join(f"{along[at]:.2f} and {along[at + 1]:.2f} mm" for at in odd[:3])
    more = f" and {odd.size - 3} more places" if odd.size > 3 else ""
    raise InputError(
        f"{name} lacks {missing} slice{'s' if missing > 1 else ''} between {gaps}{more} "
        f"(slices are {usual:g} mm apart): export or copy the complete series."
    )
