"""A label map brought to another grid, where someone asks for it."""

from __future__ import annotations

import numpy as np

from ynet3d.volumes.volume import Volume


def nearest_on_grid(label: Volume, grid: Volume) -> Volume:
    """The label of the nearest voxel, on the grid of another volume; 0 outside of `label`.

    Args:
        label: uint8, anywhere, oblique too.
        grid: whose shape and affine the result has; its voxels are not looked at.
    """
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere

    image = sitk.GetImageFromArray(np.asarray(label.array, dtype=np.uint8).transpose(2, 1, 0))
    image.SetOrigin((0.0, 0.0, 0.0))
    # Both grids in voxels of `label`, so that sheared affines need no ITK direction of their own.
    to_label = np.linalg.inv(label.affine) @ grid.affine
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(to_label[:3, :3].ravel().tolist())
    transform.SetTranslation(to_label[:3, 3].tolist())
    resampled = sitk.Resample(
        image,
        [int(size) for size in grid.shape],
        transform,
        sitk.sitkNearestNeighbor,
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),
        np.eye(3).ravel().tolist(),
        0,
        sitk.sitkUInt8,
    )
    array = sitk.GetArrayFromImage(resampled).transpose(2, 1, 0)
    return Volume(array, grid.affine, source=label.source)
