"""Source grid to network grid and back, and the cache of preprocessed cases.

`preprocessing.augmentation` is imported by its users: it needs MONAI, which takes two seconds.
"""

from ynet3d.preprocessing.cache import CaseCache, PreparedCase, load_prepared, store_prepared
from ynet3d.preprocessing.grid import (
    label_to_network_grid,
    network_shape,
    network_spacing,
    to_network_grid,
)
from ynet3d.preprocessing.restore import labels_and_confidence, labels_on_source_grid

__all__ = [
    "CaseCache",
    "PreparedCase",
    "label_to_network_grid",
    "labels_and_confidence",
    "labels_on_source_grid",
    "load_prepared",
    "network_shape",
    "network_spacing",
    "store_prepared",
    "to_network_grid",
]
