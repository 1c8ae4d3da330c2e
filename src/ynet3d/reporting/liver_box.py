"""The box around the organ, in voxels and in the patient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ynet3d.components import bounding_box, memory_order
from ynet3d.volumes import Volume, in_lps


def liver_box(label: Volume) -> dict[str, Any] | None:
    """The smallest box around the labels, ready for JSON; None if there is none.

    Returns:
        first, last: its first and last voxel (i, j, k).
        lowest_lps_mm, highest_lps_mm: how far the labelled voxels, taken whole, reach along
            DICOM's patient axes; in an oblique scan that is less than the corners of the box do.
    """
    box = bounding_box(label.array)
    if box is None:
        return None
    order = memory_order(label.array)
    organ = label.array[box].transpose(order) != 0
    # The voxels that reach farthest in any direction are at an end of their row.
    plane, row = np.nonzero(organ.any(axis=2))
    rows = organ[plane, row]
    ends = np.stack([rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)])
    voxels = np.empty((2, len(plane), 3))
    voxels[..., list(order)] = np.stack([np.stack([plane, plane]), np.stack([row, row]), ends], -1)
    start = np.array([side.start for side in box])
    places = in_lps(voxels.reshape(-1, 3) + start, label.affine)
    # A voxel reaches half of each of its steps to either side of its middle.
    reach = np.abs(label.affine[:3, :3]).sum(axis=1) / 2
    return {
        "first": [side.start for side in box],
        "last": [side.stop - 1 for side in box],
        "lowest_lps_mm": (places.min(axis=0) - reach).tolist(),
        "highest_lps_mm": (places.max(axis=0) + reach).tolist(),
    }
