"""Cleaning of a label map, as far as the recipe asks for it."""

from __future__ import annotations

from typing import Any

import cc3d
import numpy.typing as npt

from ynet3d.components import bounding_box, label_components, largest_component
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
    found = largest_component(array > 0)
    if found is not None:
        box, largest = found
        array[box][~largest] = Label.BACKGROUND


def _drop_small_tumours(array: npt.NDArray[Any], least_voxels: float) -> None:
    mask = array == Label.TUMOUR
    box = bounding_box(mask)
    if box is None:
        return
    lesions = label_components(mask[box])  # within the box: they take four bytes a voxel
    small = cc3d.statistics(lesions)["voxel_counts"] < least_voxels
    small[0] = False
    array[box][small[lesions]] = Label.LIVER
