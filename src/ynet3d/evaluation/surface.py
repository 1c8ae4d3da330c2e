"""Distances between the surfaces of two masks: measured once, every surface metric derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import edt
import numpy as np
import numpy.typing as npt

from ynet3d.components import joint_bounding_box, memory_order
from ynet3d.threads import in_threads

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

# What the two exact ways cost, in ns (measured on one core; only their ratios matter). A tree of
# the surface's voxels is the faster where the surfaces lie near each other, as they do in any
# useful segmentation (3 times for a liver). A map of the whole box costs the same wherever they
# lie; noise or a far-off prediction would keep the tree busy for up to a hundred times as long.
_NS_PER_TARGET = 100
_NS_PER_NEAR_QUERY = 1_000
_NS_PER_FAR_QUERY = 10_000
_NS_PER_MAP_VOXEL = 30
#: A query is near within so many voxel sides (their geometric mean).
_NEAR_VOXELS = 6
#: Slabs of about this size stay in the processor's cache.
_SLAB_BYTES = 2**20
#: Below so many queries, a second thread costs more than it gains.
_QUERIES_FOR_THREADS = 4_000


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Distances between the surfaces of two masks, from which every surface metric follows.

    Attributes:
        prediction_to_reference_mm: for each surface voxel of the prediction, the distance from its
            centre to the nearest centre of a surface voxel of the reference; float32, in no
            particular order.
        reference_to_prediction_mm: the same from the reference to the prediction.
    """

    prediction_to_reference_mm: npt.NDArray[np.float32]
    reference_to_prediction_mm: npt.NDArray[np.float32]

    @property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: mean over the voxels of both surfaces, pooled."""
        total = sum(float(one.sum(dtype=np.float64)) for one in self._directions)
        return total / self._voxels

    @property
    def rmsd_mm(self) -> float:
        """Root of the mean square over the voxels of both surfaces, pooled."""
        total = sum(float(np.square(one, dtype=np.float64).sum()) for one in self._directions)
        return float(np.sqrt(total / self._voxels))

    @property
    def msd_mm(self) -> float:
        """Maximum symmetric surface distance, known as the Hausdorff distance."""
        return max(float(one.max()) for one in self._directions)

    @property
    def hd95_mm(self) -> float:
        """The larger of the two directed 95th percentiles (linear between ranks)."""
        return max(float(np.percentile(one, 95)) for one in self._directions)

    def nsd(self, tolerance_mm: float) -> float:
        """Normalised surface Dice: share of all surface voxels of both within the tolerance.

        Nikolov et al. 2018 (arXiv:1809.04430), with voxels counted instead of weighted by area.
        """
        # Headers hold sizes in 32 bits: five voxels of 0.4 mm may come out as 2.0000001 mm.
        limit = np.float32(tolerance_mm * (1 + 1e-6))
        within = sum(np.count_nonzero(one <= limit) for one in self._directions)
        return int(within) / self._voxels

    @property
    def _directions(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return self.prediction_to_reference_mm, self.reference_to_prediction_mm

    @property
    def _voxels(self) -> int:
        return self.prediction_to_reference_mm.size + self.reference_to_prediction_mm.size


def surface_distances(
    prediction_mask: npt.NDArray[np.bool_],
    reference_mask: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> SurfaceDistances | None:
    """Measure the distances between the surfaces of two masks, exactly, in both directions.

    A surface voxel is a voxel of the mask with a neighbour outside it among the 18 that share a
    face or an edge; beyond the array is outside (the definition of the LiTS scorer,
    PatrickChrist/lits-challenge-scoring, `surface.py`). Distances run between voxel centres.

    Args:
        prediction_mask: (i, j, k), boolean; in any memory order.
        reference_mask: likewise, the same shape.
        spacing_mm: voxel size along (i, j, k).

    Returns:
        None if either mask is empty: there is no surface to measure from or to.

    Raises:
        ValueError: shapes differ, are not 3D, or a spacing is not a positive number.
    """
    _check(prediction_mask, reference_mask, spacing_mm)
    box = joint_bounding_box(prediction_mask, reference_mask)
    if box is None or not (prediction_mask[box].any() and reference_mask[box].any()):
        return None
    # From here on, axes are in memory order, the last one contiguous.
    order = memory_order(reference_mask)
    spacing = np.array(spacing_mm, dtype=np.float64)[list(order)]
    prediction = surface_voxels(prediction_mask[box].transpose(order))
    reference = surface_voxels(reference_mask[box].transpose(order))
    there, back = _both_directions(prediction, reference, spacing)
    return SurfaceDistances(there, back)


def surface_voxels(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Voxels of a 3D mask with one of their 18 neighbours outside it; beyond the array is outside.

    Returns:
        Boolean, in a frame one voxel wider on each side, which is empty.
    """
    surface = np.zeros([size + 2 for size in mask.shape], dtype=np.bool_)
    planes, (_, rows, voxels) = len(mask), surface.shape
    step = max(1, _SLAB_BYTES // (rows * voxels))
    slab = np.zeros((min(step, planes) + 2, rows, voxels), dtype=np.bool_)
    for start in range(0, planes, step):
        # Plane 0 of the slab is the one before `start`, and is empty if there is none.
        before = max(0, start - 1)
        source = mask[before : start + step + 1]
        first = before - (start - 1)
        slab[first : first + len(source), 1:-1, 1:-1] = source
        slab[first + len(source) :] = False
        stop = min(start + step, planes)
        surface[start + 1 : stop + 1] = _outermost(slab)[1 : stop - start + 1]
    return surface


def _outermost(slab: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Surface voxels of a slab whose planes are framed; not those of its first and last plane."""
    # The 18-neighbourhood is the union of three 3 x 3 squares, one in each plane of the axes; to
    # erode a mask by a square is to erode it along one of its sides, then along the other.
    plane, row, voxel = slab.strides  # of one byte a voxel
    flat = slab.reshape(-1)
    interior = _eroded(_eroded(flat, plane), row)
    interior &= _eroded(_eroded(flat, row), voxel)
    interior &= _eroded(_eroded(flat, voxel), plane)
    return (flat & ~interior).reshape(slab.shape)


def _eroded(flat: npt.NDArray[np.bool_], step: int) -> npt.NDArray[np.bool_]:
    """The voxels of a framed mask whose two neighbours `step` apart in memory are in it too.

    The empty frame stays empty, so that neighbours across the end of a row or plane do no harm.
    """
    eroded = flat.copy()
    eroded[step:] &= flat[:-step]
    eroded[:-step] &= flat[step:]
    return eroded


def _both_directions(
    prediction: npt.NDArray[np.bool_],
    reference: npt.NDArray[np.bool_],
    spacing: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Distances of two surfaces, both in one frame; zero where they share a voxel."""
    apart = prediction ^ reference
    ways = [_Way(prediction, apart, reference), _Way(reference, apart, prediction)]
    if sum(way.queries.size for way in ways) < _QUERIES_FOR_THREADS:
        for way in ways:
            way.search_near(spacing)
    else:
        # scipy searches trees without the interpreter lock
        list(in_threads(lambda way: way.search_near(spacing), ways, workers=2))
    for way in ways:
        way.search_far(spacing)
    there, back = (way.distances() for way in ways)
    return there, back


class _Way:
    """One direction: from the voxels of one surface to the nearest of the other."""

    def __init__(
        self,
        source: npt.NDArray[np.bool_],
        apart: npt.NDArray[np.bool_],
        target: npt.NDArray[np.bool_],
    ) -> None:
        self.target = target
        self.queries = np.flatnonzero(source & apart)
        self.found = np.full(self.queries.size, np.inf)
        self.shared = int(np.count_nonzero(source)) - self.queries.size
        self.tree: cKDTree | None = None

    def search_near(self, spacing: npt.NDArray[np.float64]) -> None:
        """Find what lies near with a tree, unless a map of the whole box is cheaper."""
        targets = np.flatnonzero(self.target)
        tree_ns = _NS_PER_NEAR_QUERY * self.queries.size + _NS_PER_TARGET * targets.size
        if not self.queries.size or tree_ns > _NS_PER_MAP_VOXEL * self.target.size:
            return
        from scipy.spatial import cKDTree  # takes a third of the package's import, hence here

        # Neither balanced nor compact: built in half the time, and up to 7 times faster for far
        # queries of a smooth surface. Larger leaves than scipy's 16 save 10 to 25% of the search.
        points = self._points(targets, spacing)
        self.tree = cKDTree(points, leafsize=32, balanced_tree=False, compact_nodes=False)
        near = _NEAR_VOXELS * float(np.prod(spacing)) ** (1 / 3)
        queries = self._points(self.queries, spacing)
        self.found = self.tree.query(queries, distance_upper_bound=near)[0]

    def search_far(self, spacing: npt.NDArray[np.float64]) -> None:
        """Find the rest."""
        far = np.flatnonzero(np.isinf(self.found))
        if not far.size:
            return
        map_ns = _NS_PER_MAP_VOXEL * self.target.size
        if self.tree is not None and _NS_PER_FAR_QUERY * far.size < map_ns:
            points = self._points(self.queries[far], spacing)
            self.found[far] = self.tree.query(points, workers=-1)[0]
        else:
            distance = edt.edt(~self.target, anisotropy=tuple(spacing), parallel=0)
            self.found[far] = distance.reshape(-1)[self.queries[far]]

    def distances(self) -> npt.NDArray[np.float32]:
        """In mm, one per voxel of the surface."""
        return np.concatenate([self.found, np.zeros(self.shared)]).astype(np.float32)

    def _points(
        self, flat: npt.NDArray[np.intp], spacing: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        return np.stack(np.unravel_index(flat, self.target.shape), axis=1) * spacing


def _check(
    prediction_mask: npt.NDArray[np.bool_],
    reference_mask: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> None:
    if prediction_mask.shape != reference_mask.shape or reference_mask.ndim != 3:
        raise ValueError(
            f"two 3D masks of one shape are needed, found {prediction_mask.shape} and "
            f"{reference_mask.shape}"
        )
    if len(spacing_mm) != 3 or not all(0 < side < np.inf for side in spacing_mm):
        raise ValueError(f"spacing needs three positive sizes in mm, found {spacing_mm}")
