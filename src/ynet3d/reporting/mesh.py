"""A smooth surface of a mask in patient mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.reporting.views import Box, crop

_SHAPE_REACH_MM = 8.0  # distances beyond this count as far


@dataclass(frozen=True)
class Mesh:
    """Triangles with a normal at each corner.

    Attributes:
        vertices: shape (V, 3), patient mm (RAS+).
        faces: shape (F, 3), indices of vertices.
        normals: shape (V, 3), unit vectors pointing out of the mask.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int64]
    normals: npt.NDArray[np.float32]


def surface_of(
    labels: npt.NDArray[Any],
    affine: npt.NDArray[np.float64],
    box: Box,
    *,
    at_least: int,
    grid_mm: float,
    smooth_mm: float,
) -> Mesh | None:
    """The surface around the voxels of `labels` that are `at_least` a value.

    The mask is averaged down and interpolated to a grid of about `grid_mm`, smoothed, and cut where
    half of the space is filled. What is too small to survive the smoothing keeps its unsmoothed
    surface, so that no lesion disappears.

    Args:
        labels: label map in source order.
        affine: voxel index to patient mm.
        box: where to look, along the axes of `labels`.
        at_least: lowest label value inside.
        grid_mm: distance of grid points.
        smooth_mm: standard deviation of the smoothing.
    """
    from skimage.measure import marching_cubes

    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    factors = np.maximum(1, np.floor(grid_mm / spacing + 0.5)).astype(int)
    coarse = np.pad(_mean_of_blocks(crop(labels, box), at_least, factors), 1)
    if not coarse.any():
        return None
    step = spacing * factors
    thick = int(np.argmax(step))
    if step[thick] > 1.4 * grid_mm:
        coarse = _shapes(coarse, thick, step)
    zoom = np.maximum(1.0, step / grid_mm)
    zoom = np.where(zoom > 1.2, zoom, 1.0)
    counts = np.round(coarse.shape * zoom)
    zoom = counts / coarse.shape  # what the rounding to whole grid points makes of it
    if (zoom > 1.0).any():
        coarse = ndimage.zoom(coarse, zoom, order=1, mode="nearest", grid_mode=True)
    rim = 2 + int(np.ceil(3 * smooth_mm / grid_mm))  # background around, so that the surface closes
    field = np.pad(coarse, rim)
    smooth = ndimage.gaussian_filter(field, smooth_mm * zoom / step)
    parts, count = ndimage.label(field >= min(0.5, 0.999 * float(field.max())))
    kept = np.zeros(count + 1, bool)
    kept[parts[smooth > 0.55]] = True
    kept[0] = True
    smooth = np.where(kept[parts], smooth, np.float32(1.0))
    vertices, faces, _, _ = marching_cubes(smooth, 0.5)
    # A grid point is the middle of its block of voxels.
    in_coarse = (vertices - rim + 0.5) / zoom - 1.0
    voxels = in_coarse * factors - 0.5 + np.array([first for first, _ in box])
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    return _with_normals(world.astype(np.float32), faces.astype(np.int64))


def _shapes(
    coarse: npt.NDArray[np.float32], thick: int, step: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Thick slices, made ready for interpolation by shape (Raya and Udupa 1990).

    Each slice is replaced by its signed distance to the outline, scaled so that the outline is at
    0.5. Interpolated between slices, outlines then move from one to the next without terraces.
    """
    in_plane = [size for axis, size in enumerate(step) if axis != thick]
    slices = np.moveaxis(coarse, thick, 0)
    result = np.zeros_like(slices)
    for index, one in enumerate(slices):
        mask = one >= 0.5 if (one >= 0.5).any() else one > 0.0
        if mask.any():
            within = ndimage.distance_transform_edt(mask, sampling=in_plane)
            outside = ndimage.distance_transform_edt(~mask, sampling=in_plane)
            half = np.mean(in_plane) / 2.0  # the outline lies between voxels, not on their centres
            distance = np.where(mask, within - half, half - outside)
            result[index] = np.clip(0.5 + distance / (2 * _SHAPE_REACH_MM), 0.0, 1.0)
    # Beyond the last slice the surface closes half a slice further, as far as its voxels reach.
    peaks = np.pad(result.max(axis=(1, 2)), 1)
    for index in np.flatnonzero(peaks[1:-1] == 0.0).tolist():
        beside = max(peaks[index], peaks[index + 2])
        if beside > 0.0:
            result[index] = 1.0 - beside
    return np.moveaxis(result, 0, thick)


def _with_normals(world: npt.NDArray[np.float32], faces: npt.NDArray[np.int64]) -> Mesh:
    """Add to each vertex the mean direction of its triangles."""
    corners = world[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(world)
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(
                faces[:, corner], weights=across[:, axis], minlength=len(world)
            )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    # A mirrored grid turns all triangles inside out. The volume inside a closed surface, by Gauss,
    # is the flow of x/3 through it: negative if the normals point inwards.
    middle = world.mean(axis=0)
    if float(np.sum(across * (corners.mean(axis=1) - middle))) < 0.0:
        normals = -normals
    return Mesh(world, faces, normals)


def _mean_of_blocks(
    labels: npt.NDArray[Any], at_least: int, factors: npt.NDArray[np.int_]
) -> npt.NDArray[np.float32]:
    """Share of voxels that are `at_least` a value, in blocks of `factors` voxels.

    Works through one layer of blocks after another, so that it needs no copy of the volume.
    """
    slowest = int(np.argmax(np.abs(labels.strides)))  # layers in the order of memory
    labels = np.moveaxis(labels, slowest, 0)
    ordered = np.array([factors[slowest], *np.delete(factors, slowest)])
    blocks = -(-np.array(labels.shape) // ordered)
    result = np.zeros(blocks, np.float32)
    starts = [np.arange(count) * factor for count, factor in zip(blocks, ordered, strict=True)]
    for index in range(blocks[0]):
        layer = labels[index * ordered[0] : (index + 1) * ordered[0]] >= at_least
        summed = layer.sum(axis=0, dtype=np.uint16)
        summed = np.add.reduceat(summed, starts[1], axis=0)
        result[index] = np.add.reduceat(summed, starts[2], axis=1)
    result /= np.float32(np.prod(factors))
    return np.moveaxis(result, 0, slowest)
