"""One closed, smoothed, decimated surface of a mask, of the mask's volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.errors import MissingExtraError, YnetError
from ynet3d.meshes.field import Field, filled_space, whole_voxels
from ynet3d.volumes import in_lps

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

#: Standard deviation of the smoothing, in grid points.
_SMOOTH = 0.9
#: Windowed sinc filter (Taubin et al. 1996): how often, and what share of frequencies it lets pass.
_ITERATIONS, _PASS_BAND = 15, 0.1
#: Up to so many voxels keep their shape, on a grid so many times finer; smoothed like others, they
#: would leave their place.
_FEW_VOXELS, _FINER = 40, 3
#: The surface is moved outwards until its volume is right to this share.
_VOLUME_TOLERANCE = 1e-4
_MOST_MOVES = 8
#: A sponge, as a network makes of noise, may not stay closed when it is decimated, for a minute.
#: Above so many times the triangles that were asked for, before it and after it, grids so many
#: times coarser are tried.
_MOST_BEFORE, _MOST_AFTER, _COARSER = 10, 3, (1, 2, 4)


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles that close a space.

    Attributes:
        vertices: (V, 3), float32, mm in DICOM's patient axes (LPS).
        faces: (F, 3), int32, indices of vertices; anticlockwise seen from outside.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]

    @property
    def volume_ml(self) -> float:
        """The space inside, in mL."""
        return _volume_mm3(self.vertices.astype(np.float64), self.faces) / 1000

    @property
    def closed(self) -> bool:
        """Whether each edge joins two triangles that agree on which side is outside.

        Vertices in the same place are one, as in a file format that knows no vertices (STL).
        """
        places, number = np.unique(self.vertices, axis=0, return_inverse=True)
        faces = number.reshape(-1)[self.faces].astype(np.int64)
        if ((faces == np.roll(faces, 1, axis=1)).any(axis=1)).any():
            return False
        there = faces.ravel() * len(places) + np.roll(faces, -1, axis=1).ravel()
        back = np.roll(faces, -1, axis=1).ravel() * len(places) + faces.ravel()
        there.sort()
        back.sort()
        # Every edge is run through once in each direction.
        return bool((there == back).all() and (np.diff(there) > 0).all())


def closed_surface(
    mask: npt.NDArray[np.bool_],
    affine: npt.NDArray[np.float64],
    *,
    grid_mm: float,
    most_triangles: int,
) -> Surface:
    """The surface of a mask: closed, smoothed, decimated, and of the volume of its voxels.

    The mask becomes a smooth field on an even grid, cut where as much space is inside as the voxels
    fill, so that one voxel has a surface like any other mask. What smoothing and decimation take
    away is given back by moving the whole surface outwards, evenly.

    Args:
        mask: (i, j, k), boolean, with at least one voxel.
        affine: 4x4, voxel index to mm in RAS+.
        grid_mm: details much smaller than this are smoothed away.
        most_triangles: about how many to keep; more of a mask so ragged that it cannot be done.

    Raises:
        MissingExtraError: VTK is not installed.
        YnetError: no closed surface was found.
    """
    for coarser, few in (*((one, True) for one in _COARSER), (_COARSER[-1], False), (1, False)):
        surface = _closed(mask, affine, coarser * grid_mm, most_triangles, few=few)
        if surface is not None:
            return surface
    raise YnetError(
        "No closed surface was found for a part of the mask: please report it, with the mask."
    )


def _closed(
    mask: npt.NDArray[np.bool_],
    affine: npt.NDArray[np.float64],
    grid_mm: float,
    most_triangles: int,
    *,
    few: bool,
) -> Surface | None:
    """A closed surface of the mask's volume, if one was found; `few`: not of too many triangles."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    voxels = int(np.count_nonzero(mask))
    field = (
        filled_space(mask, spacing, grid_mm=grid_mm)
        if voxels > _FEW_VOXELS
        else whole_voxels(mask, spacing, grid_mm=float(spacing.min()) / _FINER)
    )
    if field is None:
        raise ValueError("an empty mask has no surface")
    filled = voxels * float(np.prod(field.zoom / field.factors))
    volume_mm3 = voxels * abs(float(np.linalg.det(affine[:3, :3])))
    for vertices, faces in _candidates(field, filled, most_triangles, few=few):
        if few and len(faces) > _MOST_AFTER * most_triangles:
            continue
        places = in_lps(field.voxels(vertices), affine)
        if _volume_mm3(places, faces) < 0:  # a mirrored grid turns all triangles inside out
            faces = faces[:, ::-1]
        moved = _of_volume(places, faces, volume_mm3)
        surface = Surface(moved.astype(np.float32), np.ascontiguousarray(faces, dtype=np.int32))
        if surface.closed and abs(1000 * surface.volume_ml / volume_mm3 - 1) < 0.005:
            return surface
    return None


def _candidates(
    field: Field, filled: float, most_triangles: int, *, few: bool
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Vertices in grid points and faces, from the one wanted to those that are always closed."""
    rim = 5
    padded = np.pad(field.values, rim)
    smooth = ndimage.gaussian_filter(padded, _SMOOTH)
    level = _level(smooth, filled)
    cut = _cut(smooth, level)
    count = int(cut.GetNumberOfPolys())
    if few and count > _MOST_BEFORE * most_triangles:
        return
    even = _smoothed(cut, field.grid_mm / field.grid_mm.min())
    for surface in (
        _decimated(even, count, most_triangles, gently=False),
        _decimated(even, count, most_triangles, gently=True),
        even,
        cut,
    ):
        vertices, faces = _arrays(surface)
        if len(faces):
            yield vertices - rim, faces


def _level(values: npt.NDArray[np.float32], filled: float) -> float:
    """Between two values of the field, so that `filled` of its grid points lie above."""
    ordered = np.sort(values[values > 0])[::-1].astype(np.float64)
    steps = np.flatnonzero(np.diff(ordered) < -1e-6)  # places to cut between different values
    if not len(steps):
        return float(ordered[0]) / 2
    nearest = steps[np.argmin(np.abs(steps + 1 - filled))]
    return float(ordered[nearest] + ordered[nearest + 1]) / 2


def _cut(values: npt.NDArray[np.float32], level: float) -> vtkPolyData:
    require_vtk()
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    image = vtkImageData()
    image.SetDimensions(*values.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(values.ravel(order="F"), deep=True))
    cutting = vtkFlyingEdges3D()
    cutting.SetInputData(image)
    cutting.SetValue(0, level)
    cutting.ComputeNormalsOff()
    cutting.ComputeGradientsOff()
    cutting.ComputeScalarsOff()
    cutting.Update()
    return cutting.GetOutput()


def _smoothed(surface: vtkPolyData, shape: npt.NDArray[np.float64]) -> vtkPolyData:
    """Smoothed as a surface in mm: `shape` is the relative distance of grid points."""
    from vtkmodules.vtkFiltersCore import vtkWindowedSincPolyDataFilter

    smoothing = vtkWindowedSincPolyDataFilter()
    smoothing.SetInputData(_scaled(surface, shape))
    smoothing.SetNumberOfIterations(_ITERATIONS)
    smoothing.SetPassBand(_PASS_BAND)
    smoothing.NormalizeCoordinatesOn()
    smoothing.NonManifoldSmoothingOn()
    smoothing.FeatureEdgeSmoothingOff()
    smoothing.BoundarySmoothingOff()
    smoothing.Update()
    return _scaled(smoothing.GetOutput(), 1 / shape)


def _scaled(surface: vtkPolyData, factors: npt.NDArray[np.float64]) -> vtkPolyData:
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkPolyData

    points = vtkPoints()
    places = vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64) * factors
    points.SetData(numpy_to_vtk(places, deep=True))
    result = vtkPolyData()
    result.SetPoints(points)
    result.SetPolys(surface.GetPolys())
    return result


def _decimated(
    surface: vtkPolyData, count: int, most_triangles: int, *, gently: bool
) -> vtkPolyData:
    """Fewer triangles; `gently` in a way that never changes how they hang together."""
    from vtkmodules.vtkFiltersCore import vtkDecimatePro, vtkQuadricDecimation

    reduction = 1 - most_triangles / max(count, 1)
    if reduction <= 0:
        return surface
    decimation: vtkDecimatePro | vtkQuadricDecimation
    if gently:
        decimation = careful = vtkDecimatePro()
        careful.PreserveTopologyOn()
        careful.SplittingOff()
        careful.BoundaryVertexDeletionOff()
    else:
        decimation = best = vtkQuadricDecimation()
        best.VolumePreservationOn()
    decimation.SetInputData(surface)
    decimation.SetTargetReduction(reduction)
    decimation.Update()
    return decimation.GetOutput()


def _arrays(surface: vtkPolyData) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    from vtkmodules.util.numpy_support import vtk_to_numpy

    if not surface.GetNumberOfPolys():
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    vertices = vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64)
    faces = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).astype(np.int64)
    return vertices, faces.reshape(-1, 3)


def _of_volume(
    places: npt.NDArray[np.float64], faces: npt.NDArray[np.int64], volume_mm3: float
) -> npt.NDArray[np.float64]:
    """Move all vertices along their normals by the same distance, until the volume is right."""
    for _ in range(_MOST_MOVES):
        missing = volume_mm3 - _volume_mm3(places, faces)
        if abs(missing) < _VOLUME_TOLERANCE * volume_mm3:
            break
        corners = places[faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
        area = float(np.linalg.norm(across, axis=1).sum())
        normals = np.zeros_like(places)
        for corner in range(3):
            np.add.at(normals, faces[:, corner], across)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        places = places + normals * (missing / area)
    return places


def _volume_mm3(vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.integer]) -> float:
    """The space inside, by Gauss: the flow of x/3 through the surface; negative if inside out."""
    corners = vertices[faces] - vertices.mean(axis=0)
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))) / 6


def require_vtk() -> None:
    """Make sure that VTK is there.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import vtkmodules.vtkFiltersCore  # noqa: F401
    except ImportError:
        raise MissingExtraError("vtk", extra="meshes", purpose="Making closed surfaces") from None
