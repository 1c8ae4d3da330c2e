"""Connected components, the one place that says which voxels belong to one lesion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import cc3d
import numpy as np
import numpy.typing as npt

#: Voxels along each axis.
Box = tuple[slice, slice, slice]


def label_components(
    mask: npt.NDArray[np.bool_], *, connectivity: Literal[6, 18, 26] = 26
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Number the connected components of a 3D mask from 1, in its order in memory; 0: background.

    Args:
        mask: (i, j, k), boolean.
        connectivity: voxels are neighbours if they share a face (6), also an edge (18), also a
            corner (26).
    """
    # cc3d 4.1.1 makes room for (voxels / 8) provisional labels, too few for masks such as [1, 0, 1]
    # with odd sides, on which it then fails; with even sides there is always enough.
    even = mask if not any(size % 2 for size in mask.shape) else _with_even_sides(mask)
    components = cc3d.connected_components(even, connectivity=connectivity)
    i, j, k = mask.shape
    return components[:i, :j, :k]


def largest_component(mask: npt.NDArray[np.bool_]) -> tuple[Box, npt.NDArray[np.bool_]] | None:
    """The largest component whose voxels share faces: a box, and which of its voxels are of it.

    The box holds all components; looked for within it, because they take four bytes a voxel. None
    if the mask is empty.
    """
    box = bounding_box(mask)
    if box is None:
        return None
    parts = label_components(mask[box], connectivity=6)
    return box, parts == 1 + int(np.argmax(cc3d.statistics(parts)["voxel_counts"][1:]))


def widened_box(box: Box, by: Sequence[int], shape: Sequence[int]) -> Box:
    """`box` with so many voxels more on both sides of each axis, but within `shape`."""
    i, j, k = (
        slice(max(0, side.start - more), min(size, side.stop + more))
        for side, more, size in zip(box, by, shape, strict=True)
    )
    return i, j, k


def memory_order(array: npt.NDArray[Any]) -> tuple[int, ...]:
    """The axes from the slowest in memory to the fastest: `array.transpose(order)` is C-ordered."""
    return tuple(int(axis) for axis in np.argsort([-abs(s) for s in array.strides], kind="stable"))


def bounding_box(mask: npt.NDArray[np.bool_ | np.uint8]) -> Box | None:
    """The smallest box around the voxels of a 3D mask or label map that are not 0; None if all are.

    Reads the array once, in the order in which it lies in memory.
    """
    order = memory_order(mask)
    slabs = mask.transpose(order)
    filled = np.zeros(slabs.shape[0], dtype=np.bool_)
    plane = np.zeros(slabs.shape[1:], dtype=np.uint8)
    for index, slab in enumerate(slabs):
        filled[index] = slab.any()
        if filled[index]:
            plane |= slab.view(np.uint8) if slab.itemsize == 1 else slab != 0
    sides = [slice(0, 0)] * 3
    for axis, line in zip(order, (filled, plane.any(axis=1), plane.any(axis=0)), strict=True):
        where = np.flatnonzero(line)
        if not where.size:
            return None
        sides[axis] = slice(int(where[0]), int(where[-1]) + 1)
    return sides[0], sides[1], sides[2]


def joint_bounding_box(
    first: npt.NDArray[np.bool_ | np.uint8], second: npt.NDArray[np.bool_ | np.uint8]
) -> tuple[slice, slice, slice] | None:
    """The smallest box around what is not 0 in either of two 3D arrays; None if nothing is."""
    one, other = bounding_box(first), bounding_box(second)
    if one is None or other is None:
        return one or other
    i, j, k = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return i, j, k


def _with_even_sides(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A copy in the same order in memory, with an empty slice behind each odd side."""
    order = memory_order(mask)
    source = mask.transpose(order)
    copy = np.zeros([size + size % 2 for size in source.shape], dtype=np.bool_)
    i, j, k = source.shape
    copy[:i, :j, :k] = source
    return copy.transpose(np.argsort(order))


def voxels_of(mask: npt.NDArray[np.bool_], *, most: int) -> npt.NDArray[np.int32]:
    """Indices (n, 3) of voxels of a 3D mask, evenly thinned out where there are more than `most`.

    n is below twice `most`.
    """
    flat = np.flatnonzero(mask)
    step = max(1, len(flat) // most)
    return np.stack(np.unravel_index(flat[::step], mask.shape), axis=1).astype(np.int32)
