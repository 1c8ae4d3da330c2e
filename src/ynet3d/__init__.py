"""3DYNet: finds the liver and its tumours in CT scans.

    import ynet3d

    scan = ynet3d.read_volume("scan.nii.gz")
    mask = ynet3d.predict(scan, weights="run")
    ynet3d.write_label(mask, "mask.nii.gz")

Names are imported when first used, so that `import ynet3d` is fast and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ynet3d.evaluation import evaluate
    from ynet3d.inference import Predictor, predict
    from ynet3d.networks import create_network, list_networks
    from ynet3d.reporting import statistics
    from ynet3d.volumes import Volume, read_label, read_volume, write_label

__version__ = version("ynet3d")

_HOMES = {
    "Predictor": "inference",
    "Volume": "volumes",
    "create_network": "networks",
    "evaluate": "evaluation",
    "list_networks": "networks",
    "predict": "inference",
    "read_label": "volumes",
    "read_volume": "volumes",
    "statistics": "reporting",
    "write_label": "volumes",
}

__all__ = [
    "Predictor",
    "Volume",
    "create_network",
    "evaluate",
    "list_networks",
    "predict",
    "read_label",
    "read_volume",
    "statistics",
    "write_label",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ynet3d' has no attribute {name!r}")
    return getattr(import_module(f"ynet3d.{_HOMES[name]}"), name)
