"""Cleaning of a label map, as far as the recipe asks for it."""

from __future__ import annotations

import numpy as np

from ynet3d.components import label_components
from ynet3d.labels import Label
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume


def postprocess(label: Volume, inference: Inference) -> Volume:
    """Keep the largest organ and drop tiny tumours, if `inference` says so; changes in place."""
    array = label.array
    if inference.largest_liver_component and array.any():
        # Liver and tumour together are the organ: a tumour may cut the liver's own voxels in two.
        parts = label_components(array > 0, connectivity=6)
        array[parts != 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))] = Label.BACKGROUND
    if inference.minimum_tumour_ml > 0:
        lesions = label_components(array == Label.TUMOUR, connectivity=26)
        # The tolerance keeps a lesion of exactly that volume, whatever the product rounds to.
        small = np.bincount(lesions.ravel()) * label.voxel_ml < inference.minimum_tumour_ml - 1e-9
        small[0] = False
        array[small[lesions]] = Label.LIVER
    return label
