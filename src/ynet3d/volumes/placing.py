"""Putting a label map onto the grid that it belongs to, where the voxels of both coincide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.volumes.orientation import turned_like
from ynet3d.volumes.volume import Volume

#: How far a voxel may lie from the one that it is taken for, in voxels.
TOLERANCE_VOXELS = 0.1


def placed_on(label: Volume, like: Volume) -> Volume:
    """`label` on the grid of `like`: cut, padded with 0, axes turned, but never resampled.

    Returns:
        array of the shape of `like`, uint8; the affine of `like`.

    Raises:
        InputError: the voxels do not coincide, or some that are set lie outside of `like`.
    """
    turned, offset = _turned_and_offset(label, like)
    low = np.maximum(offset, 0)
    high = np.minimum(offset + turned.shape, like.shape)
    inside = tuple(slice(a, b) for a, b in zip(low, np.maximum(low, high), strict=True))
    source = tuple(
        slice(s.start - o, s.stop - o) for s, o in zip(inside, offset.tolist(), strict=True)
    )
    part = turned.array[source] if (high > low).all() else turned.array[:0, :0, :0]
    outside = int(np.count_nonzero(turned.array)) - int(np.count_nonzero(part))
    if outside:
        raise InputError(
            f"{label.source or 'The label map'} has {outside} labelled voxels outside of "
            f"{like.source or 'the other grid'}: give the scan that it was drawn on."
        )
    array = np.zeros(like.shape, dtype=np.uint8, order="F")
    if part.size:
        array[inside] = part
    return Volume(array, like.affine, source=label.source, metadata=label.metadata)


def on_common_grid(one: Volume, other: Volume) -> tuple[Volume, Volume]:
    """Both label maps on the smallest grid that spans both, with the axes of the first.

    Raises:
        InputError: their voxels do not coincide.
    """
    turned, offset = _turned_and_offset(other, one)
    low = np.minimum(offset, 0)
    high = np.maximum(offset + turned.shape, one.shape)
    affine = one.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    i, j, k = (int(size) for size in high - low)
    # A grid without voxels: nothing is looked at but its shape and affine.
    grid = Volume(np.broadcast_to(np.uint8(0), (i, j, k)), affine, source=one.source)
    return placed_on(one, grid), placed_on(other, grid)


def _turned_and_offset(label: Volume, like: Volume) -> tuple[Volume, npt.NDArray[np.int64]]:
    """`label` with the axes of `like`, and the voxel of `like` at which it begins."""
    turned = replace(turned_like(label, like), metadata=label.metadata)
    to_voxel = np.linalg.inv(like.affine) @ turned.affine
    offset = np.rint(to_voxel[:3, 3]).astype(np.int64)
    last = np.array(turned.shape) - 1
    corners = np.array([[*(last * ends), 1] for ends in np.ndindex(2, 2, 2)])
    apart = (corners @ to_voxel.T)[:, :3] - (corners[:, :3] + offset)
    if np.abs(apart).max() > TOLERANCE_VOXELS:
        raise InputError(
            f"{label.source or 'The label map'} ({_grid(label)}) does not lie on voxels of "
            f"{like.source or 'the other grid'} ({_grid(like)}): it is off by up to "
            f"{np.abs(apart).max():.2g} voxels; give the label map of this very scan, or "
            "resample it."
        )
    return turned, offset


def _grid(volume: Volume) -> str:
    shape = " x ".join(str(size) for size in volume.shape)
    spacing = " x ".join(f"{size:.4g}" for size in volume.spacing)
    return f"{shape} voxels of {spacing} mm"
