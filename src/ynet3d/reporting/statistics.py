"""What a label map says in numbers: volumes, and every tumour with its place and diameter."""

from __future__ import annotations

import math
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box, memory_order
from ynet3d.errors import InputError
from ynet3d.evaluation.bidimensional import bidimensional
from ynet3d.evaluation.depth import depths
from ynet3d.evaluation.greatest_diameter import greatest_diameters
from ynet3d.evaluation.lesion_geometry import find_lesions
from ynet3d.labels import Label
from ynet3d.reporting.liver_box import liver_box
from ynet3d.volumes import Volume, in_lps

#: Tumour voxels that share a face, an edge or a corner are one tumour.
CONNECTIVITY: Final[Literal[26]] = 26

DEFINITIONS = {
    "liver_ml": "the organ: labels 1 and 2",
    "liver_box": "the smallest box around the organ: first and last voxel (i, j, k) of the file, "
    "and the lowest and highest mm that its voxels reach along DICOM's patient axes",
    "liver_hu": "mean of label 1, without tumours; liver_hu_sd is the standard deviation (n in the "
    "denominator)",
    "tumour_share": "tumour volume / liver_ml, from 0 to 1",
    "lesions": "tumour voxels that touch by a face, an edge or a corner (26-connectivity) "
    "are one lesion; largest first",
    "longest_axial_diameter_mm": "largest distance within one axial slice between two points of "
    "the lesion, measured to the outer corners of its voxels",
    "perpendicular_diameter_mm": "largest distance in the same slice between two points of the "
    "lesion on a line at right angles to the longest axial diameter; of several equally long ones, "
    "the one with the longest perpendicular",
    "diameters": "where the two end (DICOM's patient axes), and the voxel index of their slice "
    "along the file's axis nearest to head and feet",
    "greatest_diameter_mm": "largest distance between two points of the lesion in space, likewise "
    "to the outer corners of its voxels",
    "slices": "axial slices that hold the lesion",
    "centroid_lps_mm": "mean position of its voxels in DICOM's patient axes "
    "(x to the left, y to the back, z to the head)",
    "hu": "mean over its voxels; hu_sd is the standard deviation (n in the denominator)",
    "surface_distance_mm": "smallest distance of the lesion to the outside of the organ, 0 where "
    "it touches; cavities in the organ and what lies beyond the scan are not outside, so that it "
    "may be less where the organ is cut off; null where no outside is seen",
    "confidence": "mean probability of tumour over its voxels, from 0 to 1, as the network says "
    "it: calibrated only as far as the recipe's temperature is",
    "touches_border": "it reaches the edge of the scan, so that it may be cut off",
}


def statistics(
    label: Volume, image: Volume | None = None, *, confidence: Volume | None = None
) -> dict[str, Any]:
    """Volumes, lesions and a sentence, ready for JSON (`statistics.json`).

    Diameters run to the outer corners of voxels, not between their centres: the lesion covers its
    voxels whole, and a lesion of one voxel then has its diagonal for a diameter instead of 0.
    Axial slices are those of the scan nearest to axial; in oblique scans they stay oblique.

    Args:
        label: 0 background, 1 liver, 2 tumour, in any orientation.
        image: CT in HU on the same grid; adds `liver_hu` (mean of label 1) and each lesion's `hu`,
            and their standard deviations.
        confidence: 255 times the probability of tumour, on the same grid; adds each lesion's.

    Returns:
        Keys as in `DEFINITIONS`, besides `tumour_ml`, `lesion_count`, `connectivity`, `summary`;
        `tumour_share` and `liver_box` are None without liver.

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
    # In the box around the labels, as it lies in memory: several times faster in a large scan.
    box = bounding_box(label.array) or (slice(0, 0),) * 3
    order = memory_order(label.array)
    healthy = label.array[box].transpose(order) == Label.LIVER
    liver_voxels = tumour_voxels + int(np.count_nonzero(healthy))
    lesions = _lesions(tumour, label, image, confidence)
    result: dict[str, Any] = {
        "liver_ml": liver_voxels * label.voxel_ml,
        "tumour_ml": tumour_voxels * label.voxel_ml,
        "tumour_share": tumour_voxels / liver_voxels if liver_voxels else None,
        "lesion_count": len(lesions),
        "liver_box": liver_box(label),
    }
    if image is not None:
        liver_hu = image.array[box].transpose(order)[healthy]
        result["liver_hu"], result["liver_hu_sd"] = _mean_and_deviation(liver_hu)
    result["summary"] = _sentence(result, lesions)
    result["lesions"] = lesions
    result["connectivity"] = CONNECTIVITY
    result["definitions"] = DEFINITIONS
    return result


def _mean_and_deviation(values: npt.NDArray[Any]) -> tuple[float | None, float | None]:
    if not values.size:
        return None, None
    mean = float(values.mean(dtype=np.float64))
    # In float32 the squares of a whole liver take half the time and memory.
    apart = values.astype(np.float32) - np.float32(mean)
    return mean, math.sqrt(float(np.square(apart, out=apart).mean(dtype=np.float64)))


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
    tumour: npt.NDArray[np.bool_],
    label: Volume,
    image: Volume | None,
    confidence: Volume | None,
) -> list[dict[str, Any]]:
    """Every lesion, largest first."""
    found = find_lesions(tumour, label.affine, connectivity=CONNECTIVITY)
    last = np.array([label.shape[axis] for axis in found.axes])
    hu = None if image is None else found.means_and_deviations(image.array)
    sure = None if confidence is None else found.means(confidence.array) / 255
    two = bidimensional(found, label.affine)
    greatest = greatest_diameters(found, label.affine)
    depth = depths(found, label.array, label.affine)
    lesions = []
    for index, (measured, box) in enumerate(zip(found.lesions, found.boxes, strict=True)):
        lesion: dict[str, Any] = {
            "id": measured.number,
            "ml": measured.volume_ml,
            "longest_axial_diameter_mm": measured.diameter_mm,
            "perpendicular_diameter_mm": two[index].across_mm,
            "greatest_diameter_mm": float(greatest[index]),
            "centroid_lps_mm": in_lps(np.array(measured.centroid), label.affine).tolist(),
            "slices": int(box[0, 1] - box[0, 0]),
            "surface_distance_mm": None if np.isnan(depth[index]) else float(depth[index]),
            "touches_border": bool((box[:, 0] == 0).any() or (box[:, 1] == last).any()),
            "diameters": {
                "slice": two[index].slice,
                "longest_lps_mm": in_lps(two[index].longest_ends, label.affine).tolist(),
                "perpendicular_lps_mm": in_lps(two[index].across_ends, label.affine).tolist(),
            },
        }
        if hu is not None:
            lesion["hu"], lesion["hu_sd"] = float(hu[0][index]), float(hu[1][index])
        if sure is not None:
            lesion["confidence"] = float(sure[index])
        lesions.append(lesion)
    return lesions
