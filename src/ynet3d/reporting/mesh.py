"""A smooth surface of a mask in patient mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.meshes.field import filled_space
from ynet3d.reporting.views import Box, crop


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
    field = filled_space(crop(labels, box), spacing, grid_mm=grid_mm, at_least=at_least)
    if field is None:
        return None
    rim = 2 + int(np.ceil(3 * smooth_mm / grid_mm))  # background around, so that the surface closes
    filled = np.pad(field.values, rim)
    smooth = ndimage.gaussian_filter(filled, smooth_mm / field.grid_mm)
    parts, count = ndimage.label(filled >= min(0.5, 0.999 * float(filled.max())))
    kept = np.zeros(count + 1, bool)
    kept[parts[smooth > 0.55]] = True
    kept[0] = True
    smooth = np.where(kept[parts], smooth, np.float32(1.0))
    vertices, faces, _, _ = marching_cubes(smooth, 0.5)
    voxels = field.voxels(vertices - rim) + np.array([first for first, _ in box])
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    return _with_normals(world.astype(np.float32), faces.astype(np.int64))


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
