"""Where the figure of several networks looks in one case: slice, frames and surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.reporting.rendering import FRONT, Surfaces
from ynet3d.reporting.views import Anatomy, Box, Plane, Point, body_box, crop, focus, foreground_box
from ynet3d.volumes.volume import Volume

_AROUND_MM = 10.0  # margin around what is shown
_FOLLOWED_MM = 30.0  # how far beyond the reference's liver a prediction is shown
_LOWEST, _HIGHEST = 0.62, 0.92  # height over width of a panel


@dataclass(frozen=True)
class Frame:
    """A part of a plane: its middle along the picture's two directions, and its size, in mm."""

    middle: tuple[float, float]
    width: float
    height: float

    @classmethod
    def around(cls, low: npt.ArrayLike, high: npt.ArrayLike) -> Frame:
        """From the lowest to the highest point, with a margin, grown to fit proportions."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        width, height = (high - low + 2 * _AROUND_MM).tolist()
        across, along = ((low + high) / 2).tolist()
        width = max(width, height / _HIGHEST)
        return cls((across, along), width, max(height, width * _LOWEST))


class Scene:
    """One case: the same slice, frames and scale for the CT and all label maps.

    Looks where the reference has most tumour, otherwise most liver; without a reference, where the
    first prediction that found something has.

    Attributes:
        anatomy: the image along the canonical axes.
        point: the voxel (S, P, L) looked at.
        axial: what is shown of the axial slice, mm from its left and upper edges.
        front: what is shown of the front view, mm along (right, up) of `FRONT`.
        surfaces: of each label map, as far as it is followed.
        beyond_ml: what each label map has outside of that, in mL.
    """

    def __init__(self, image: Volume, labels: Sequence[Volume]) -> None:
        """Look at `image` with `labels` on its grid, the first of which is the reference."""
        self.anatomy = Anatomy.of(image)
        self._labels = labels
        boxes = [foreground_box(label.array) for label in labels]
        main = next((index for index, box in enumerate(boxes) if box is not None), None)
        slices, rows, columns = self.anatomy.array.shape
        self.point: Point = slices // 2, rows // 2, columns // 2
        if main is not None:
            turned = self.anatomy.reorientation.apply(labels[main].array)
            box = foreground_box(turned)
            assert box is not None
            self.point = focus(turned, box)
        self.axial = self._axial_frame(main)
        self.surfaces, self.beyond_ml = [], []
        for label, box in zip(labels, boxes, strict=True):
            part = None if main is None else _followed(label, box, boxes[main])
            self.surfaces.append(NOTHING if part is None else Surfaces.of(label, part))
            self.beyond_ml.append(_ml(label, box) - _ml(label, part))
        self.front = self._front_frame()

    def cut(self, index: int) -> npt.NDArray[Any]:
        """The axial slice of a label map."""
        turned = self.anatomy.reorientation.apply(self._labels[index].array)
        return np.asarray(turned[self.point[0]])

    def coronal_place(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge of the coronal slice, mm as in `front`."""
        across, _, up = self.anatomy.spacing[2], 0.0, self.anatomy.spacing[0]
        slices, _, columns = self.anatomy.array.shape
        left = -self.anatomy.position_mm(Plane.SAGITTAL, 0) - across / 2
        bottom = self.anatomy.position_mm(Plane.AXIAL, 0) - up / 2
        return left, left + columns * across, bottom, bottom + slices * up

    def _axial_frame(self, main: int | None) -> Frame:
        """Around the liver in the slice, and predictions that reach somewhat beyond it."""
        _, down, across = self.anatomy.spacing
        extents = [_extent(self.cut(index), (across, down)) for index in range(len(self._labels))]
        core = None if main is None else extents[main]
        if core is None:
            top, bottom, left, right = body_box(self.anatomy.cut(Plane.AXIAL, self.point[0]))
            return Frame.around((left * across, top * down), (right * across, bottom * down))
        low, high = core
        for extent in extents:
            if extent is not None:
                low = np.minimum(low, np.maximum(extent[0], core[0] - _FOLLOWED_MM))
                high = np.maximum(high, np.minimum(extent[1], core[1] + _FOLLOWED_MM))
        return Frame.around(low, high)

    def _front_frame(self) -> Frame:
        extents = [one for each in self.surfaces if (one := each.extent(FRONT)) is not None]
        if not extents:
            left, right, bottom, top = self.coronal_place()
            return Frame.around((left, bottom), (right, top))
        low, high = np.min(extents, axis=0)[0], np.max(extents, axis=0)[1]
        return Frame.around(low, high)


NOTHING = Surfaces(None, None)


def _extent(
    labels: npt.NDArray[Any], step: tuple[float, float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Lowest and highest mm (across, down) of what is not 0 in a slice."""
    rows, columns = np.nonzero(labels)
    if not len(rows):
        return None
    first = np.array([columns.min(), rows.min()]) * step
    last = np.array([columns.max() + 1, rows.max() + 1]) * step
    return first, last


def _followed(label: Volume, box: Box | None, around: Box | None) -> Box | None:
    """The part of `box` within `_FOLLOWED_MM` of the box `around`; None if there is none."""
    if box is None or around is None:
        return None
    part = []
    for one, other, step in zip(box, around, label.spacing, strict=True):
        reach = int(_FOLLOWED_MM / step)
        first, last = max(one[0], other[0] - reach), min(one[1], other[1] + reach)
        if first >= last:
            return None
        part.append((first, last))
    return part[0], part[1], part[2]


def _ml(label: Volume, box: Box | None) -> float:
    return 0.0 if box is None else np.count_nonzero(crop(label.array, box)) * label.voxel_ml
