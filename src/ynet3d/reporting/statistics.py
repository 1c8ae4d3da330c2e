"""What a label map says in numbers: volumes, and every tumour with its place and diameter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

from ynet3d.components import bounding_box, label_components
from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.volumes import Reorientation, Volume

#: Tumour voxels that share a face, an edge or a corner are one tumour.
CONNECTIVITY: Final = 26

DEFINITIONS = {
    "liver_ml": "the organ: labels 1 and 2",
    "tumour_share": "tumour volume / liver_ml, from 0 to 1",
    "lesions": "tumour voxels that touch by a face, an edge or a corner (26-connectivity) "
    "are one lesion; largest first",
    "longest_axial_diameter_mm": "largest distance within one axial slice between two points of "
    "the lesion, measured to the outer corners of its voxels",
    "slices": "axial slices that hold the lesion",
    "centroid_lps_mm": "mean position of its voxels in DICOM's patient axes "
    "(x to the left, y to the back, z to the head)",
    "touches_border": "it reaches the edge of the scan, so that it may be cut off",
}

#: From this many points on, the convex hull is faster than comparing all pairs.
_POINTS_FOR_HULL = 64


def statistics(label: Volume, image: Volume | None = None) -> dict[str, Any]:
    """Volumes, lesions and a sentence, ready for JSON (`statistics.json`).

    Diameters run to the outer corners of voxels, not between their centres: the lesion covers its
    voxels whole, and a lesion of one voxel then has its diagonal for a diameter instead of 0.
    Axial slices are those of the scan nearest to axial; in oblique scans they stay oblique.

    Args:
        label: 0 background, 1 liver, 2 tumour, in any orientation.
        image: CT in HU on the same grid; adds `liver_hu` (mean of label 1) and each lesion's `hu`.

    Returns:
        Keys as in `DEFINITIONS`, besides `tumour_ml`, `lesion_count`, `connectivity`, `summary`;
        `tumour_share` is None without liver.

    Raises:
        InputError: `image` lies on another grid.
    """
    if image is not None and not image.same_grid(label):
        raise InputError(
            f"The image has the shape {image.shape} and the label map {label.shape}, or they lie "
            "apart: give both on one grid."
        )
    tumour = label.array == Label.TUMOUR
    tumour_voxels = int(np.count_nonzero(tumour))
    liver_voxels = tumour_voxels + int(np.count_nonzero(label.array == Label.LIVER))
    lesions = _lesions(tumour, label, image)
    result: dict[str, Any] = {
        "liver_ml": liver_voxels * label.voxel_ml,
        "tumour_ml": tumour_voxels * label.voxel_ml,
        "tumour_share": tumour_voxels / liver_voxels if liver_voxels else None,
        "lesion_count": len(lesions),
    }
    if image is not None:
        liver_hu = image.array[label.array == Label.LIVER]
        result["liver_hu"] = float(liver_hu.mean(dtype=np.float64)) if liver_hu.size else None
    result["summary"] = _sentence(result, lesions)
    result["lesions"] = lesions
    result["connectivity"] = CONNECTIVITY
    result["definitions"] = DEFINITIONS
    return result


def _sentence(result: dict[str, Any], lesions: list[dict[str, Any]]) -> str:
    if result["tumour_share"] is None:
        return "No liver found."
    liver = f"Liver {_ml(result['liver_ml'])}"
    if not lesions:
        return f"{liver}. No tumour found."
    count = "1 tumour" if len(lesions) == 1 else f"{len(lesions)} tumours"
    largest = max(lesion["longest_axial_diameter_mm"] for lesion in lesions)
    size = f"{largest:.0f} mm" if len(lesions) == 1 else f"the largest {largest:.0f} mm"
    share = f"{100 * result['tumour_share']:.1f} % of the liver"
    return f"{liver}; {count}, {_ml(result['tumour_ml'])} ({share}), {size}."


def _ml(volume: float) -> str:
    return f"{volume:.0f} mL" if volume >= 100 else f"{volume:.1f} mL"


def _lesions(
    tumour: npt.NDArray[np.bool_], label: Volume, image: Volume | None
) -> list[dict[str, Any]]:
    """Every lesion, largest first."""
    box = bounding_box(tumour)
    if box is None:
        return []
    components = label_components(tumour[box], connectivity=CONNECTIVITY)
    measured = cc3d.statistics(components)
    voxels = measured["voxel_counts"].astype(np.int64)
    offset = np.array([side.start for side in box], dtype=np.float64)
    centroids = measured["centroids"].astype(np.float64) + offset
    centroids_lps = (centroids @ label.affine[:3, :3].T + label.affine[:3, 3]) * (-1, -1, 1)
    hu = None if image is None else _mean_per_component(components, image.array[box], voxels)
    view, voxel_ml = _AxialView.of(label), label.voxel_ml
    # cc3d numbers by place; lesions are numbered by volume, and by place among equals.
    order = 1 + np.argsort(-voxels[1:], kind="stable")
    lesions = []
    for number_by_volume, component in enumerate(order.tolist(), start=1):
        inside: tuple[slice, slice, slice] = measured["bounding_boxes"][component]
        crop = view.to_canonical.apply(components[inside] == component)
        sides = [
            (side.start + int(start), side.stop + int(start))
            for side, start in zip(inside, offset, strict=True)
        ]
        lesion = {
            "id": number_by_volume,
            "ml": int(voxels[component]) * voxel_ml,
            "longest_axial_diameter_mm": view.longest_diameter_mm(crop),
            "centroid_lps_mm": centroids_lps[component].tolist(),
            "slices": crop.shape[0],
            "touches_border": any(
                start == 0 or stop == size
                for (start, stop), size in zip(sides, label.shape, strict=True)
            ),
        }
        if hu is not None:
            lesion["hu"] = float(hu[component])
        lesions.append(lesion)
    return lesions


def _mean_per_component(
    components: npt.NDArray[np.unsignedinteger[Any]],
    image: npt.NDArray[Any],
    voxels: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Mean of `image` in each component (entry 0, the background, means nothing)."""
    where = components > 0
    sums = np.bincount(components[where], weights=image[where], minlength=len(voxels))
    return sums / np.maximum(voxels, 1)


@dataclass(frozen=True)
class _AxialView:
    """Axial slices of a grid: how to turn to them, and their in-plane geometry.

    `plane` (2, 2) maps (row, column) differences in voxels to a plane in mm, keeping distances
    even where rows and columns are not at right angles.
    """

    to_canonical: Reorientation
    plane: npt.NDArray[np.float64]

    @classmethod
    def of(cls, volume: Volume) -> _AxialView:
        to_canonical = Reorientation.of(volume.affine)
        in_plane = volume.affine[:3, list(to_canonical.permutation[1:])]
        plane = np.linalg.cholesky(in_plane.T @ in_plane)
        return cls(to_canonical, np.asarray(plane, dtype=np.float64))

    def longest_diameter_mm(self, lesion: npt.NDArray[np.bool_]) -> float:
        """Largest in-plane distance between outer voxel corners, over the slices of `lesion`.

        Only the two ends of each row can be ends of a diameter; slices whose bounding rectangle
        is too small to hold a longer one are not looked at.
        """
        filled: npt.NDArray[np.bool_] = np.any(lesion, axis=2)
        first = lesion.argmax(axis=2)
        last = lesion.shape[2] - lesion[:, :, ::-1].argmax(axis=2)
        limits = []
        for k in np.flatnonzero(filled.any(axis=1)).tolist():
            rows = np.flatnonzero(filled[k])
            height = rows[-1] + 1 - rows[0]
            width = last[k, rows].max() - first[k, rows].min()
            diagonals = np.array([[height, width], [height, -width]]) @ self.plane
            limits.append((float(np.linalg.norm(diagonals, axis=1).max()), k, rows))
        longest = 0.0
        for limit, k, rows in sorted(limits, key=lambda entry: -entry[0]):
            if limit <= longest:
                break
            top = np.concatenate([rows, rows, rows + 1, rows + 1])
            ends = np.concatenate([first[k, rows], last[k, rows]])
            corners = np.column_stack([top, np.concatenate([ends, ends])]) @ self.plane
            if len(corners) > _POINTS_FOR_HULL:
                corners = corners[ConvexHull(corners).vertices]
            apart = corners[:, None] - corners
            longest = max(longest, math.sqrt(np.einsum("ijk,ijk->ij", apart, apart).max()))
        return longest
