"""Which slices a report shows: three planes through the finding, the liver, each lesion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.evaluation.lesion_geometry import FoundLesions, find_lesions
from ynet3d.labels import Label
from ynet3d.reporting.case_report.slice_picture import Line, SlicePicture, draw_slice
from ynet3d.reporting.statistics import CONNECTIVITY
from ynet3d.reporting.views import (
    Anatomy,
    Box,
    Plane,
    Point,
    evenly_spaced,
    focus,
    foreground_box,
    window_of,
)
from ynet3d.volumes import Volume

_KEY_WIDTH, _SLICE_WIDTH, _THUMBNAIL_WIDTH = 640, 340, 168
_SLICES = 10
_THUMBNAIL_MM = 48.0  # at least, so that the surroundings can be recognised
_AROUND_LESION = 1.7  # side of a thumbnail, in diameters of the lesion


class KeySlices:
    """The pictures of one scan, drawn when asked for.

    Args:
        image: CT in HU.
        label: 0 background, 1 liver, 2 tumour, on the image's grid.
        lesions: those of `statistics`; their `diameters`, if given, are drawn.
    """

    def __init__(self, image: Volume, label: Volume, lesions: Sequence[Mapping[str, Any]]) -> None:
        self.scan = Anatomy.of(image)
        turn = self.scan.reorientation
        self.labels = Anatomy(label, turn.apply(label.array), self.scan.spacing, turn)
        self.window = window_of(image.array)
        self.lesions = lesions
        self._found: FoundLesions = find_lesions(
            label.array == Label.TUMOUR, label.affine, connectivity=CONNECTIVITY
        )
        self.liver: Box | None = foreground_box(self.labels.array)
        self.point = self._point()
        self.body = self.scan.body_around(self.point, self.liver)

    @property
    def count(self) -> int:
        """Lesions in the mask."""
        return len(self._found.lesions)

    def planes(self) -> list[SlicePicture]:
        """Axial, coronal and sagittal, through the largest lesion, the liver, or the middle."""
        return [self._plane(plane) for plane in Plane]

    def slices(self) -> list[SlicePicture]:
        """Axial slices over the liver, feet to head; none without a liver."""
        if self.liver is None:
            return []
        box = self.scan.slices_box(self.liver)
        return [
            draw_slice(
                self.scan,
                self.labels,
                Plane.AXIAL,
                index,
                box,
                window=self.window,
                width=_SLICE_WIDTH,
                name=f"Axial slice {number}",
            )
            for number, index in enumerate(evenly_spaced(*self.liver[0], _SLICES), start=1)
        ]

    def thumbnail(self, number: int) -> SlicePicture:
        """The axial slice of lesion `number` in which it was measured, otherwise is largest."""
        box, mask = self._lesion(number)
        diameters = self.lesions[number - 1].get("diameters") or {}
        index = int(mask.sum(axis=(1, 2)).argmax()) + box[0][0]
        if "slice" in diameters:
            index = int(
                np.clip(self._canonical_slice(diameters["slice"]), box[0][0], box[0][1] - 1)
            )
        around = self._around(box)
        chosen = np.zeros([last - first for first, last in around[1:]], np.bool_)
        rows, columns = (
            slice(inner[0] - outer[0], inner[1] - outer[0])
            for inner, outer in zip(box[1:], around[1:], strict=True)
        )
        chosen[rows, columns] = mask[index - box[0][0]]
        return draw_slice(
            self.scan,
            self.labels,
            Plane.AXIAL,
            index,
            around,
            window=self.window,
            width=_THUMBNAIL_WIDTH,
            chosen=chosen,
            name=f"Lesion {number}",
            lines=tuple(self._diameters(diameters, around)),
        )

    def _point(self) -> Point:
        if self.count:
            box, mask = self._lesion(1)
            index = int(mask.sum(axis=(1, 2)).argmax())
            depth = ndimage.distance_transform_edt(np.pad(mask[index], 1))[1:-1, 1:-1]
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            return index + box[0][0], int(row) + box[1][0], int(column) + box[2][0]
        if self.liver is not None:
            return focus(self.labels.array, self.liver)
        slices, rows, columns = self.scan.array.shape
        return slices // 2, rows // 2, columns // 2

    def _plane(self, plane: Plane) -> SlicePicture:
        box = self.scan.view_box(plane, self.body, self.liver)
        picture = draw_slice(
            self.scan,
            self.labels,
            plane,
            self.point[plane.axis],
            box,
            window=self.window,
            width=_KEY_WIDTH,
            name=plane.name.capitalize(),
            letters=plane.letters,
        )
        rows, columns = (axis for axis in range(3) if axis != plane.axis)
        across = (self.point[columns] - box[columns][0] + 0.5) * self.scan.spacing[columns]
        down = (self.point[rows] - box[rows][0] + 0.5) * self.scan.spacing[rows]
        if plane is not Plane.AXIAL:
            down = picture.size_mm[1] - down
        return replace(picture, meets=(across, down))

    def _lesion(self, number: int) -> tuple[Box, npt.NDArray[np.bool_]]:
        """Where a lesion lies along the canonical axes, and its voxels there."""
        found = self._found.boxes[number - 1]
        mask = self._found.mask([number], found)
        sides = []
        for axis, flipped in enumerate(self.scan.reorientation.flips):
            first, last = found[axis].tolist()
            size = self.scan.array.shape[axis]
            sides.append((size - last, size - first) if flipped else (first, last))
            if flipped:
                mask = np.flip(mask, axis)
        return (sides[0], sides[1], sides[2]), mask

    def _around(self, box: Box) -> Box:
        """A square around a lesion, moved into the scan where it would leave it."""
        _, high, wide = self.scan.spacing
        reach = max((box[1][1] - box[1][0]) * high, (box[2][1] - box[2][0]) * wide)
        side = max(_THUMBNAIL_MM, _AROUND_LESION * reach)
        sides = []
        for axis, step in ((1, high), (2, wide)):
            size, count = self.scan.array.shape[axis], round(side / step)
            first = (box[axis][0] + box[axis][1] - count) // 2
            first = max(0, min(first, size - count))
            sides.append((first, min(size, first + count)))
        return box[0], sides[0], sides[1]

    def _canonical_slice(self, source: int) -> int:
        flipped = self.scan.reorientation.flips[0]
        return self.scan.array.shape[0] - 1 - source if flipped else source

    def _diameters(self, diameters: Mapping[str, Any], box: Box) -> list[Line]:
        """The longest axial diameter and its perpendicular, over the slice in `box`."""
        turn = self.scan.reorientation
        to_voxel = np.linalg.inv(self.scan.volume.affine)
        lines = []
        for name in ("longest_lps_mm", "perpendicular_lps_mm"):
            if name not in diameters:
                continue
            ends = np.array(diameters[name], np.float64) * (-1.0, -1.0, 1.0)
            voxels = (ends @ to_voxel[:3, :3].T + to_voxel[:3, 3])[:, turn.permutation]
            last = np.array(self.scan.array.shape) - 1
            voxels = np.where(turn.flips, last - voxels, voxels)
            points = [
                (voxels[:, axis] - box[axis][0] + 0.5) * self.scan.spacing[axis] for axis in (2, 1)
            ]
            lines.append(Line(np.stack(points, axis=1), "measure", closed=False))
        return lines
