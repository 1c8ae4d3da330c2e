"""Slices through a volume as a radiologist expects them, with their size in mm.

Everything here works on views of the array; only single slices are ever copied, so that a scan of a
thousand slices costs no more memory than the scan itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.reporting import style
from ynet3d.volumes.orientation import Reorientation
from ynet3d.volumes.volume import Volume

#: (first, one past the last) voxel along each canonical axis (S, P, L).
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Point = tuple[int, int, int]

_NARROWEST_WINDOW_HU = 100.0
_AROUND_LIVER_MM = 45.0  # what coronal and sagittal views show above and below the liver
_AROUND_SLICES_MM = 14.0  # margin of the slice-by-slice pictures
_AROUND_BODY_MM = 6.0


class Plane(Enum):
    """The three planes: canonical axis across, and the letters left, right, top and bottom."""

    AXIAL = (0, "RLAP")
    CORONAL = (1, "RLHF")
    SAGITTAL = (2, "APHF")

    @property
    def axis(self) -> int:
        """Canonical axis (S, P, L) that this plane cuts."""
        return int(self.value[0])

    @property
    def letters(self) -> str:
        """Patient directions at the left, right, top and bottom of the picture."""
        return str(self.value[1])


@dataclass(frozen=True)
class Anatomy:
    """A volume along the canonical axes (S, P, L), as a view, with what it takes to draw it.

    Attributes:
        array: shape (S, P, L), a view of the source array.
        spacing: mm along (S, P, L).
    """

    volume: Volume
    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    reorientation: Reorientation

    @classmethod
    def of(cls, volume: Volume) -> Anatomy:
        """Turn `volume` without copying it."""
        turn = Reorientation.of(volume.affine)
        return cls(volume, turn.apply(volume.array), turn.spacing(volume.spacing), turn)

    def cut(self, plane: Plane, index: int, box: Box | None = None) -> npt.NDArray[Any]:
        """The slice `index` of `plane`, cropped to `box`, rows from the top of the picture down."""
        first, second = (axis for axis in range(3) if axis != plane.axis)
        # Not np.take, which copies the whole of an array that is not contiguous.
        picture = np.moveaxis(self.array, plane.axis, 0)[index]
        if box is not None:
            picture = picture[slice(*box[first]), slice(*box[second])]
        # Canonical slices run to the head; pictures have the head on top.
        return picture if plane is Plane.AXIAL else picture[::-1]

    def size_mm(self, plane: Plane, box: Box) -> tuple[float, float]:
        """Width and height in mm of a slice of `plane` cropped to `box`."""
        rows, columns = (axis for axis in range(3) if axis != plane.axis)
        height = (box[rows][1] - box[rows][0]) * self.spacing[rows]
        width = (box[columns][1] - box[columns][0]) * self.spacing[columns]
        return width, height

    def source_index(self, plane: Plane, index: int) -> tuple[str, int]:
        """Source axis ("i", "j" or "k") and voxel index of slice `index` of `plane`."""
        axis = self.reorientation.permutation[plane.axis]
        flipped = self.reorientation.flips[plane.axis]
        return "ijk"[axis], self.volume.shape[axis] - 1 - index if flipped else index

    def position_mm(self, plane: Plane, index: int) -> float:
        """Patient position (RAS+) of the middle of the slice, along the direction it cuts."""
        axis = self.reorientation.permutation[plane.axis]
        voxel = (np.array(self.volume.shape) - 1) / 2.0
        voxel[axis] = self.source_index(plane, index)[1]
        patient_axis = {Plane.AXIAL: 2, Plane.CORONAL: 1, Plane.SAGITTAL: 0}[plane]
        return float((self.volume.affine @ np.append(voxel, 1.0))[patient_axis])

    @property
    def whole(self) -> Box:
        """The box of all voxels."""
        slices, rows, columns = self.array.shape
        return (0, slices), (0, rows), (0, columns)

    def grow(self, box: Box, margin_mm: tuple[float, float, float]) -> Box:
        """`box` with a margin in mm along (S, P, L), no larger than the volume."""
        grown = []
        for (first, last), size, step, margin in zip(
            box, self.array.shape, self.spacing, margin_mm, strict=True
        ):
            voxels = int(np.ceil(margin / step))
            grown.append((max(0, first - voxels), min(size, last + voxels)))
        return grown[0], grown[1], grown[2]

    def body_around(self, point: Point, found: Box | None) -> Box:
        """The body in the axial slice of `point`, and what was found, with a small margin."""
        top, bottom, left, right = body_box(self.cut(Plane.AXIAL, point[0]))
        body: Box = (self.whole[0], (top, bottom), (left, right))
        if found is not None:
            body = union(body, found)
        return self.grow(body, (0.0, _AROUND_BODY_MM, _AROUND_BODY_MM))

    def view_box(self, plane: Plane, body: Box, found: Box | None) -> Box:
        """What a view shows: all of `body`, or it from above to below what was found."""
        if plane is Plane.AXIAL or found is None:
            return body
        heights = self.grow(found, (_AROUND_LIVER_MM, 0.0, 0.0))[0]
        return heights, body[1], body[2]

    def slices_box(self, found: Box) -> Box:
        """What pictures slice by slice show of `found`."""
        return self.grow(found, (0.0, _AROUND_SLICES_MM, _AROUND_SLICES_MM))


def refuse_other_grids(image: Volume, labels: Mapping[str, Volume | None]) -> None:
    """Make sure that label maps, given by their names for people, lie on the image's grid.

    Raises:
        InputError: one does not.
    """
    for name, label in labels.items():
        if label is not None and not image.same_grid(label):
            raise InputError(
                f"The {name} ({label.source or 'in memory'}, shape {label.shape}) lies on "
                f"another grid than the image ({image.source or 'in memory'}, shape "
                f"{image.shape}): give the one that belongs to this image."
            )


def foreground_box(array: npt.NDArray[Any]) -> Box | None:
    """First and one past the last voxel above 0 along each axis; None if there is none.

    One pass in the order of memory, one slice at a time.
    """
    slowest = int(np.argmax(np.abs(array.strides)))
    slices = np.moveaxis(array, slowest, 0)
    occupied = np.zeros(slices.shape[0], bool)
    shadow = np.zeros(slices.shape[1:], bool)
    for index, one in enumerate(slices):
        foreground = one != 0
        occupied[index] = foreground.any()
        if occupied[index]:
            shadow |= foreground
    if not occupied.any():
        return None
    ranges = [_extent(np.any(shadow, axis=1)), _extent(np.any(shadow, axis=0))]
    ranges.insert(slowest, _extent(occupied))
    return ranges[0], ranges[1], ranges[2]


def union(one: Box, other: Box) -> Box:
    """The smallest box around two boxes."""
    first, second, third = (
        (min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other, strict=True)
    )
    return first, second, third


def crop(array: npt.NDArray[Any], box: Box) -> npt.NDArray[Any]:
    """The voxels of `array` within `box`, as a view."""
    return array[tuple(slice(*one) for one in box)]


def focus(labels: npt.NDArray[Any], box: Box) -> Point:
    """The voxel to look at: deep in the largest slice of tumour, otherwise of liver.

    Args:
        labels: label map along (S, P, L).
        box: where it is not 0.
    """
    cropped = crop(labels, box)
    tumour = np.array([np.count_nonzero(one == Label.TUMOUR) for one in cropped])
    if tumour.any():
        index = int(tumour.argmax())
        mask = cropped[index] == Label.TUMOUR
    else:
        index = int(np.argmax([np.count_nonzero(one) for one in cropped]))
        mask = cropped[index] != 0
    # The deepest voxel lies inside also where a mean of coordinates would fall between two lesions.
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return index + box[0][0], int(row) + box[1][0], int(column) + box[2][0]


def body_box(axial: npt.NDArray[Any], *, above_hu: float = -250.0) -> tuple[int, int, int, int]:
    """Rows and columns (first, one past last) of the largest object in an axial CT slice."""
    axial = np.nan_to_num(axial.astype(np.float32), nan=-1024.0)
    # Some scans are stored with a cut-off HU range, in which air is not far below 0 HU.
    mask = axial > max(above_hu, float(axial.min()) + 20.0)
    regions, count = ndimage.label(
        ndimage.binary_opening(ndimage.binary_fill_holes(mask), iterations=2)
    )
    if count == 0:
        return 0, axial.shape[0], 0, axial.shape[1]
    largest = int(np.bincount(regions.ravel())[1:].argmax())
    rows, columns = ndimage.find_objects(regions)[largest]
    return rows.start, rows.stop, columns.start, columns.stop


def window_of(image: npt.NDArray[Any]) -> tuple[float, float]:
    """The soft-tissue window in HU, or the part of it that a scan holds whose HU were cut off."""
    low, high = style.WINDOW_HU
    lowest, highest = float(np.fmin.reduce(image, None)), float(np.fmax.reduce(image, None))
    cut = max(low, lowest), min(high, highest)
    return cut if cut[1] - cut[0] > _NARROWEST_WINDOW_HU else style.WINDOW_HU


def evenly_spaced(first: int, last: int, count: int) -> list[int]:
    """At most `count` whole numbers in [first, last), evenly spaced, none twice.

    Each stands in the middle of its share of the range, so that the ends, where a liver is only a
    few voxels large, are not what is shown.
    """
    count = min(count, last - first)
    width = (last - first) / count
    return [first + int((index + 0.5) * width) for index in range(count)]


def _extent(occupied: npt.ArrayLike) -> tuple[int, int]:
    indices = np.flatnonzero(occupied)
    return int(indices[0]), int(indices[-1]) + 1
