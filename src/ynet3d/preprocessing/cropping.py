"""Boxes around the liver, and volumes cut down to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ynet3d.components import Box, bounding_box, widened_box
from ynet3d.volumes import Volume


def liver_box(label: Volume, margin_mm: float) -> Box | None:
    """The box around labels 1 and 2, wider by `margin_mm` on all sides but not than the volume.

    None if there is no such voxel.
    """
    box = bounding_box(label.array)
    if box is None:
        return None
    return widened_box(box, [int(np.ceil(margin_mm / mm)) for mm in label.spacing], label.shape)


def cropped(volume: Volume, box: Box) -> Volume:
    """The part of `volume` in `box`, where it was in the patient; its array is a view."""
    affine = volume.affine.copy()
    affine[:3, 3] += volume.affine[:3, :3] @ [side.start for side in box]
    return replace(volume, array=volume.array[box], affine=affine)
