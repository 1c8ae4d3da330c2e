"""Cleaning of a label map, as far as the recipe asks for it."""

from __future__ import annotations

from typing import Any, Literal

import cc3d
import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box, label_components
from ynet3d.inference.liver_closing import drop_tumours_outside
from ynet3d.labels import Label
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume


def postprocess(label: Volume, inference: Inference) -> Volume:
    """Keep the largest organ, drop tumours outside of it and tiny ones, in this order and in place.

    As far as `inference` says so.
    """
    if inference.largest_liver_component:
        _keep_largest_organ(label.array)
    if inference.tumours_inside_liver:
        drop_tumours_outside(label.array, label.spacing)
    if inference.minimum_tumour_ml > 0:
        # The tolerance keeps a lesion of exactly that volume, whatever the product rounds to.
        _drop_small_tumours(label.array, (inference.minimum_tumour_ml - 1e-9) / label.voxel_ml)
    return label


def _keep_largest_organ(array: npt.NDArray[Any]) -> None:
    # Liver and tumour together are the organ: a tumour may cut the liver's own voxels in two.
    found = _components(array > 0, connectivity=6)
    if found is not None:
        inside, parts, voxels = found
        inside = array[inside]  # a view
        inside[parts != 1 + int(np.argmax(voxels[1:]))] = Label.BACKGROUND


def _drop_small_tumours(array: npt.NDArray[Any], least_voxels: float) -> None:
    found = _components(array == Label.TUMOUR, connectivity=26)
    if found is not None:
        inside, lesions, voxels = found
        small = voxels < least_voxels
        small[0] = False
        inside = array[inside]
        inside[small[lesions]] = Label.LIVER


def _components(
    mask: npt.NDArray[np.bool_], *, connectivity: Literal[6, 26]
) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any]] | None:
    """The mask's box, its components in that box, and their voxels; None if the mask is empty.

    Within the box, because components take four bytes a voxel.
    """
    box = bounding_box(mask)
    if box is None:
        return None
    parts = label_components(mask[box], connectivity=connectivity)
    return box, parts, cc3d.statistics(parts)["voxel_counts"]
