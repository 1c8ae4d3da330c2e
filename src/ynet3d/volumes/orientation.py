"""Turning arrays to one orientation and back, as views: no voxel is ever copied or resampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from ynet3d.volumes.volume import Volume

#: Axes of every array a network sees: slices to the head, rows to the back, columns to the left.
#: `array[k]` shown as a picture is the radiological view: front on top, patient's right at left.
CANONICAL = ("S", "P", "L")


def turned_like(volume: Volume, like: Volume) -> Volume:
    """`volume` with its axes permuted and flipped to run as those of `like`; nothing is resampled.

    The array is a view, the affine is the new one: every voxel keeps its place in the patient.
    """
    start = nibabel.orientations.io_orientation(volume.affine)
    end = nibabel.orientations.io_orientation(like.affine)
    transform = nibabel.orientations.ornt_transform(start, end)
    affine = volume.affine @ nibabel.orientations.inv_ornt_aff(transform, volume.shape)
    array = nibabel.orientations.apply_orientation(volume.array, transform)
    return Volume(array, affine, volume.source)


@dataclass(frozen=True)
class Reorientation:
    """Permutation and flips between a source's axes and the canonical axes (S, P, L)."""

    permutation: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def of(cls, affine: npt.NDArray[np.float64]) -> Reorientation:
        """The one nearest to `affine` (oblique scans keep their obliqueness)."""
        start = nibabel.orientations.io_orientation(affine)
        end = nibabel.orientations.axcodes2ornt(CANONICAL)
        transform = nibabel.orientations.ornt_transform(start, end)
        # transform[i] says where source axis i goes; we want the source axis of each new axis.
        source_axes = np.argsort(transform[:, 0])
        first, second, third = (int(axis) for axis in source_axes)
        flip = [bool(transform[axis, 1] < 0) for axis in source_axes]
        return cls((first, second, third), (flip[0], flip[1], flip[2]))

    def apply(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A view of `array` (source axes) along the canonical axes; writing writes through."""
        steps = tuple(slice(None, None, -1 if flip else None) for flip in self.flips)
        return array.transpose(self.permutation)[steps]

    def spacing(self, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
        """Source spacing in mm, put in canonical order."""
        first, second, third = (spacing[axis] for axis in self.permutation)
        return first, second, third
