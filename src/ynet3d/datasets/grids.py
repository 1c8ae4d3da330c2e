"""Saying in words how two grids differ."""

from __future__ import annotations

import numpy as np

from ynet3d.volumes import Volume


def grid_difference(image: Volume, label: Volume) -> str | None:
    """What differs between the grids of an image and its label, as a clause; None if they agree."""
    if image.same_grid(label):
        return None
    if image.shape != label.shape:
        what = "the shapes differ"
    elif image.orientation != label.orientation:
        what = f"the orientations differ ({image.orientation} and {label.orientation})"
    elif not np.allclose(image.spacing, label.spacing, rtol=0, atol=1e-4):
        what = "the spacings differ"
    elif not np.allclose(image.affine[:3, :3], label.affine[:3, :3], rtol=0, atol=1e-4):
        what = "the directions of their axes differ"
    else:
        apart = float(np.linalg.norm(image.affine[:3, 3] - label.affine[:3, 3]))
        what = f"the origins lie {apart:.4g} mm apart"
    return f"{what}, the image has {_grid(image)} and the label {_grid(label)}"


def _grid(volume: Volume) -> str:
    shape = "x".join(str(size) for size in volume.shape)
    spacing = " x ".join(f"{size:.5g}" for size in volume.spacing)
    return f"shape {shape} with spacing {spacing} mm"
