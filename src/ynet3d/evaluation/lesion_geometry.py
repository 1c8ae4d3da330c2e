"""The lesions of one mask: which there are, where, and how large."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box, label_components
from ynet3d.evaluation.diameter import RowEnds, longest_axial_diameters
from ynet3d.evaluation.runs import Indices, Runs, find_runs
from ynet3d.volumes import Reorientation

SizeClass = Literal["<10", "10-20", ">20"]
#: By the longest axial diameter in mm; 10 and 20 mm themselves are in the middle.
SIZE_CLASSES: Final[tuple[SizeClass, ...]] = ("<10", "10-20", ">20")
SIZE_WORDS: Final[dict[SizeClass, str]] = {
    "<10": "under 10 mm",
    "10-20": "10 to 20 mm",
    ">20": "over 20 mm",
}


@dataclass(frozen=True)
class Lesion:
    """One connected component of a tumour mask.

    Attributes:
        number: from 1, its place among the lesions of the mask.
        voxels: how many it has.
        volume_ml: their volume in mL.
        diameter_mm: longest diameter within one axial slice, to the outer corners of its voxels.
        centroid: mean voxel index (i, j, k), in the source's voxel order.
    """

    number: int
    voxels: int
    volume_ml: float
    diameter_mm: float
    centroid: tuple[float, float, float]

    @property
    def size_class(self) -> SizeClass:
        """Less than 10 mm, 10 to 20 mm (both included), more than 20 mm."""
        if self.diameter_mm < 10:
            return "<10"
        return "10-20" if self.diameter_mm <= 20 else ">20"


@dataclass(frozen=True, eq=False)
class FoundLesions:
    """The lesions of a mask and the voxels they are made of, along axial axes.

    Attributes:
        lesions: by number; lesion n is entry n - 1.
        axes: the source axes that are slice, row and column here (permuted, never flipped).
        components: which component each voxel around the lesions belongs to, 0 for none.
        offset: (3,), where `components` begins in the whole mask.
        number_of: lesion number of each component, 0 for component 0.
        boxes: (lesions, 3, 2), first voxel and voxel behind the last one along each axis.
        runs: the runs of all lesions in `components`, by lesion, slice, row and start.
        lesion_of_run: index of the lesion (its number - 1) of each run.
    """

    lesions: tuple[Lesion, ...]
    axes: tuple[int, int, int]
    components: npt.NDArray[np.integer]
    offset: Indices
    number_of: Indices
    boxes: Indices
    runs: Runs
    lesion_of_run: Indices

    def box_around(self, numbers: Collection[int]) -> Indices:
        """(3, 2), the smallest box that holds these lesions."""
        boxes = self.boxes[np.fromiter(numbers, dtype=np.int64) - 1]
        return np.stack([boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)], axis=1)

    def mask(self, numbers: Collection[int], box: Indices) -> npt.NDArray[np.bool_]:
        """The voxels of these lesions in `box` (3, 2), which must hold them whole."""
        inner = self.box_around(numbers)
        wanted = np.isin(self.number_of, np.fromiter(numbers, dtype=np.int64))
        result = np.zeros(box[:, 1] - box[:, 0], dtype=np.bool_)
        components = self.components[_slices(inner - self.offset[:, None])]
        result[_slices(inner - box[:, :1])] = wanted[components]
        return result

    def row_ends(self) -> RowEnds:
        """The outermost voxels of each row of each lesion, in `components`."""
        return _row_ends(self.lesion_of_run, self.runs)

    def first_alike(self) -> list[int]:
        """For each lesion, the index of the first one of the same shape, which may be its own.

        Noise makes thousands of lesions of a few voxels, and few shapes: each is measured once.
        """
        corner = self.boxes[:, :, 0] - self.offset
        place = np.column_stack([self.runs.plane, self.runs.row, self.runs.start, self.runs.stop])
        place -= corner[self.lesion_of_run][:, [0, 1, 2, 2]]
        bounds = np.searchsorted(self.lesion_of_run, np.arange(len(self.lesions) + 1)).tolist()
        first: dict[bytes, int] = {}
        return [
            first.setdefault(place[start:stop].tobytes(), index)
            for index, (start, stop) in enumerate(pairwise(bounds))
        ]

    def means(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """(lesions,), the mean in each lesion of `values`, which lie on the grid (i, j, k)."""
        return self._means(*self._inside(values))

    def means_and_deviations(
        self, values: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """`means`, and the standard deviations around them (n, not n - 1, in the denominator)."""
        lesion, inside = self._inside(values)
        means = self._means(lesion, inside)
        return means, np.sqrt(self._means(lesion, np.square(inside - means[lesion])))

    def _inside(self, values: npt.NDArray[Any]) -> tuple[Indices, npt.NDArray[Any]]:
        """Index of the lesion and value of each voxel of a lesion."""
        stop = self.offset + self.components.shape
        crop = values.transpose(self.axes)[_slices(np.stack([self.offset, stop], axis=1))]
        inside = self.components > 0
        return self.number_of[self.components[inside]] - 1, crop[inside]

    def _means(self, lesion: Indices, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        sums = np.bincount(lesion, weights=values, minlength=len(self.lesions))
        voxels = np.array([lesion.voxels for lesion in self.lesions], dtype=np.int64)
        return np.asarray(sums / voxels, dtype=np.float64)


def find_lesions(
    mask: npt.NDArray[np.bool_],
    affine: npt.NDArray[np.float64],
    *,
    connectivity: Literal[6, 18, 26] = 26,
    numbering: Literal["volume", "place"] = "volume",
) -> FoundLesions:
    """The connected components of a mask, measured.

    Everything is derived from the runs of voxels in the box around the mask, so that the time
    hardly depends on the number of lesions.

    Args:
        mask: (i, j, k), boolean.
        affine: 4x4, voxel index to mm in RAS+.
        connectivity: voxels are neighbours if they share a face (6), also an edge (18), also a
            corner (26).
        numbering: "volume" for the largest first, by place among equals; "place" for the order of
            their first voxels, the last index changing fastest, which is how scipy numbers.
    """
    axes = Reorientation.of(affine).permutation
    axial = mask.transpose(axes)
    box = bounding_box(axial)
    if box is None:
        return FoundLesions(
            lesions=(),
            axes=axes,
            components=np.zeros((0, 0, 0), dtype=np.uint8),
            offset=np.zeros(3, dtype=np.int64),
            number_of=np.zeros(1, dtype=np.int64),
            boxes=np.zeros((0, 3, 2), dtype=np.int64),
            runs=Runs(*np.zeros((4, 0), dtype=np.int64)),
            lesion_of_run=np.zeros(0, dtype=np.int64),
        )
    offset = np.array([side.start for side in box], dtype=np.int64)
    crop = np.ascontiguousarray(axial[box])
    components = label_components(crop, connectivity=connectivity)
    runs = find_runs(crop)
    component = runs.values(components) - 1
    voxels = np.bincount(component, weights=runs.length).astype(np.int64)
    order = np.argsort(
        -voxels if numbering == "volume" else _first_voxels(component, runs, offset, axes, mask),
        kind="stable",
    )
    number_of = np.zeros(len(order) + 1, dtype=np.int64)
    number_of[order + 1] = np.arange(1, len(order) + 1)
    lesion = number_of[component + 1] - 1
    # Runs come by plane, row and start, which a stable sort keeps within each lesion.
    by_lesion = np.argsort(lesion, kind="stable")
    lesion, runs = lesion[by_lesion], runs.taken(by_lesion)
    ends = _row_ends(lesion, runs)
    centroids = np.empty((len(order), 3))
    centroids[:, axes] = _centroids(lesion, runs) + offset
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    lesions = [
        Lesion(number, count, count * voxel_ml, diameter, (i, j, k))
        for number, (count, diameter, (i, j, k)) in enumerate(
            zip(
                voxels[order].tolist(),
                longest_axial_diameters(ends, affine[:3, list(axes[1:])]).tolist(),
                centroids.tolist(),
                strict=True,
            ),
            start=1,
        )
    ]
    boxes = _boxes(ends) + offset[:, None]
    return FoundLesions(tuple(lesions), axes, components, offset, number_of, boxes, runs, lesion)


def _slices(box: Indices) -> tuple[slice, ...]:
    return tuple(slice(int(start), int(stop)) for start, stop in box)


def _first_voxels(
    component: Indices,
    runs: Runs,
    offset: Indices,
    axes: tuple[int, int, int],
    mask: npt.NDArray[np.bool_],
) -> Indices:
    """For each component, the flat index of its first voxel in the C order of the source's axes."""
    place = np.empty((3, len(component)), dtype=np.int64)
    place[list(axes)] = np.stack([runs.plane, runs.row, runs.start]) + offset[:, None]
    flat = np.ravel_multi_index(tuple(place), mask.shape)
    first = np.full(int(component.max()) + 1, mask.size, dtype=np.int64)
    np.minimum.at(first, component, flat)
    return first


def _centroids(lesion: Indices, runs: Runs) -> npt.NDArray[np.float64]:
    """(lesions, 3), mean voxel index along axial axes."""
    length = runs.length
    voxels = np.bincount(lesion, weights=length)
    middles = (runs.plane, runs.row, (runs.start + runs.stop - 1) / 2)
    sums = [np.bincount(lesion, weights=middle * length) for middle in middles]
    return np.stack(sums, axis=1) / voxels[:, None]


def _row_ends(lesion: Indices, runs: Runs) -> RowEnds:
    """Of runs sorted by lesion, plane, row and start."""
    plane, row = runs.plane, runs.row
    new = np.ones(len(lesion), dtype=np.bool_)
    new[1:] = (np.diff(lesion) != 0) | (np.diff(plane) != 0) | (np.diff(row) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(lesion)) - 1
    return RowEnds(lesion[first], plane[first], row[first], runs.start[first], runs.stop[last])


def _boxes(ends: RowEnds) -> Indices:
    """(lesions, 3, 2), the box around each lesion."""
    begins = np.flatnonzero(np.diff(ends.lesion, prepend=-1))
    sides = [(ends.plane, ends.plane + 1), (ends.row, ends.row + 1), (ends.first, ends.stop)]
    return np.stack(
        [
            np.stack([np.minimum.reduceat(low, begins), np.maximum.reduceat(high, begins)], axis=1)
            for low, high in sides
        ],
        axis=1,
    )
