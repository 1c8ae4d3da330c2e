"""Cases to report: what `predict` would have found, without predicting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from pictures import patient

from ynet3d.reporting import statistics
from ynet3d.volumes import Volume

NOW = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


def found_in(image: Volume, label: Volume, **changes: Any) -> dict[str, Any]:
    """The content of `statistics.json`."""
    return {
        "scan": "case 1",
        **statistics(label, image),
        "grid": {
            "shape": list(image.shape),
            "spacing_mm": list(image.spacing),
            "orientation": image.orientation,
        },
        "series": "1.2.3",
        "notes": [],
        "weights": {
            "file": "lite.safetensors",
            "sha256": "0123abcd",
            "recipe": "lite",
            "training_data": "phantoms",
            "licence": "Apache-2.0",
        },
        "runtime": [{"name": "openvino", "precision": "fp32", "parity": None}],
        "version": "9.8.7",
        "seconds": 14.2,
    } | changes


def nothing() -> tuple[Volume, Volume]:
    """A scan in which nothing was found."""
    image, label = patient()
    return image, label.with_array(np.zeros_like(label.array))


def many_lesions() -> tuple[Volume, Volume, int]:
    """A liver with as many lesions of one voxel as fit apart, and their number."""
    image, label = patient()
    liver = np.argwhere(label.array > 0)
    array = (label.array > 0).astype(np.uint8)
    chosen = liver[(liver % 2 == 0).all(axis=1)]
    array[tuple(chosen.T)] = 2
    return image, label.with_array(array), len(chosen)
