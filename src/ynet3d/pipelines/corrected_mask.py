"""Whether a corrected mask can take the place of a predicted one; light, for a server's process."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nibabel
import numpy as np

from ynet3d.errors import InputError
from ynet3d.pipelines.segmentations import SEGMENTATION, read_segmentation
from ynet3d.volumes import Volume
from ynet3d.volumes.nifti import affine_mm

#: The network's own mask, kept when the first correction takes its place.
PREDICTED = "segmentation-predicted.nii.gz"


def check_corrected_mask(mask: str | Path, prediction: str | Path) -> Volume:
    """Read a mask (0, 1, 2) and make sure that it lies on the grid of a prediction's, exactly.

    Args:
        mask: a label map of any kind that `read_label` reads.
        prediction: folder of `predict`.

    Raises:
        InputError: it cannot be read, holds other labels, or lies on another grid.
    """
    label = read_segmentation(mask)
    # Only the header: a mask of a large scan takes a hundred megabytes.
    stored = cast(nibabel.Nifti1Image, nibabel.load(Path(prediction) / SEGMENTATION)).header
    shape = cast(tuple[int, int, int], stored.get_data_shape())
    grid = Volume(np.broadcast_to(np.uint8(0), shape), affine_mm(stored))
    if not label.same_grid(grid):
        raise InputError(
            f"The corrected mask has the shape {label.shape} and the scan {shape}, or they lie "
            "apart: send a mask on the very grid of the scan, with its axes and orientation."
        )
    return Volume(label.array, grid.affine)
