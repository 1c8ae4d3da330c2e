"""What a label map says in numbers: volumes, and every tumour with its place and diameter."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box, memory_order
from ynet3d.errors import InputError
from ynet3d.evaluation.lesion_geometry import find_lesions
from ynet3d.labels import Label
from ynet3d.volumes import Volume

#: Tumour voxels that share a face, an edge or a corner are one tumour.
CONNECTIVITY: Final[Literal[26]] = 26

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
        image: CT in HU on the same grid; adds `liver_hu` (mean of label 1) and each lesion's `hu`.
        confidence: 255 times the probability of tumour, on the same grid; adds each lesion's.

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
    }
    if image is not None:
        liver_hu = image.array[box].transpose(order)[healthy]
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
    tumour: npt.NDArray[np.bool_],
    label: Volume,
    image: Volume | None,
    confidence: Volume | None,
) -> list[dict[str, Any]]:
    """Every lesion, largest first."""
    found = find_lesions(tumour, label.affine, connectivity=CONNECTIVITY)
    last = np.array([label.shape[axis] for axis in found.axes])
    hu = None if image is None else found.means(image.array)
    sure = None if confidence is None else found.means(confidence.array) / 255
    lesions = []
    for index, (measured, box) in enumerate(zip(found.lesions, found.boxes, strict=True)):
        x, y, z = (label.affine[:3, :3] @ measured.centroid + label.affine[:3, 3]).tolist()
        lesion: dict[str, Any] = {
            "id": measured.number,
            "ml": measured.volume_ml,
            "longest_axial_diameter_mm": measured.diameter_mm,
            "centroid_lps_mm": [-x, -y, z],
            "slices": int(box[0, 1] - box[0, 0]),
            "touches_border": bool((box[:, 0] == 0).any() or (box[:, 1] == last).any()),
        }
        if hu is not None:
            lesion["hu"] = float(hu[index])
        if sure is not None:
            lesion["confidence"] = float(sure[index])
        lesions.append(lesion)
    return lesions
