"""Collecting voxels slab by slab in the smallest type that holds them exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError

#: Slabs are about this large, so that conversions never hold a second copy of a scan.
SLAB_BYTES = 16 * 2**20

_INT16 = np.iinfo(np.int16)
_UINT8 = np.iinfo(np.uint8)


def slab_slices(shape: tuple[int, int, int], itemsize: int) -> list[slice]:
    """Slices along k that cut an array of this shape into slabs of about `SLAB_BYTES`."""
    per_slice = max(1, shape[0] * shape[1] * itemsize)
    step = max(1, SLAB_BYTES // per_slice)
    return [slice(start, min(start + step, shape[2])) for start in range(0, shape[2], step)]


def _fits(values: npt.NDArray[Any], low: int, high: int) -> bool:
    """Whether every value is a whole number in low..high."""
    if values.size == 0 or values.dtype == np.bool_:
        return True
    if values.dtype.kind in "iu":
        info = np.iinfo(values.dtype)
        if low <= info.min and info.max <= high:
            return True
    with np.errstate(invalid="ignore"):
        smallest, largest = values.min(), values.max()
    # NaN makes both comparisons false.
    if not (smallest >= low and largest <= high):
        return False
    return values.dtype.kind in "iu" or bool(np.array_equal(np.rint(values), values))


class VoxelStore:
    """An image filled slab by slab: int16 as long as that is exact, float32 from then on."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        # Fortran order: the order of voxels in NIfTI files, so that slices along k are contiguous.
        self.array: npt.NDArray[Any] = np.empty(shape, dtype=np.int16, order="F")

    def put(self, where: slice, values: npt.NDArray[Any]) -> None:
        """Store `values` (i, j, k') at slices `where` along k."""
        if self.array.dtype == np.int16 and not _fits(values, _INT16.min, _INT16.max):
            promoted = np.empty(self.array.shape, dtype=np.float32, order="F")
            promoted[:, :, : where.start] = self.array[:, :, : where.start]
            self.array = promoted
        self.array[:, :, where] = values


class LabelStore:
    """A label map filled slab by slab: uint8 or nothing."""

    def __init__(self, shape: tuple[int, int, int], source: str) -> None:
        self.array: npt.NDArray[Any] = np.empty(shape, dtype=np.uint8, order="F")
        self._source = source

    def put(self, where: slice, values: npt.NDArray[Any]) -> None:
        """Store `values` (i, j, k') at slices `where` along k.

        Raises:
            InputError: a value is not a whole number from 0 to 255.
        """
        if not _fits(values, 0, _UINT8.max):
            if values.dtype.kind in "iu":
                wrong = (values < 0) | (values > _UINT8.max)
            else:
                wrong = ~((values >= 0) & (values <= _UINT8.max) & (np.rint(values) == values))
            example = values[wrong][0].item()
            raise InputError(
                f"{self._source} is not a label map: it holds the value {example:g}, but labels "
                "are whole numbers from 0 to 255; give the segmentation, not the scan."
            )
        self.array[:, :, where] = values


def new_store(shape: tuple[int, int, int], source: str, *, label: bool) -> VoxelStore | LabelStore:
    """A store for an image, or for a label map."""
    return LabelStore(shape, source) if label else VoxelStore(shape)


def storable(array: npt.NDArray[Any]) -> np.dtype[Any]:
    """The type in which an array is written to a file, without loss (float64 becomes float32)."""
    if array.dtype == np.bool_:
        return np.dtype(np.uint8)
    if array.dtype == np.float64:
        return np.dtype(np.float32)
    if array.dtype.newbyteorder("=") in (
        np.dtype(kind) for kind in ("u1", "i1", "i2", "u2", "i4", "u4", "f4")
    ):
        return array.dtype.newbyteorder("=")
    raise ValueError(f"arrays of type {array.dtype} cannot be written; convert to int16 or uint8")
