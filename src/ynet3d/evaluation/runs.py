"""A mask as the runs of its rows: far fewer numbers than voxels, and every count follows from them.

Neighbours within a row are always connected, so that a run lies in one component.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Runs:
    """Uninterrupted pieces of the rows of a 3D mask, in its C order; one entry a run.

    Attributes:
        plane: index along the first axis.
        row: index along the second axis.
        start: first voxel along the third axis.
        stop: voxel behind the last one.
    """

    plane: Indices
    row: Indices
    start: Indices
    stop: Indices

    @property
    def length(self) -> Indices:
        """Voxels of each run."""
        return self.stop - self.start

    def taken(self, which: Indices | slice) -> Runs:
        """Some of the runs, or all in another order."""
        return Runs(self.plane[which], self.row[which], self.start[which], self.stop[which])

    def values(self, array: npt.NDArray[np.integer]) -> Indices:
        """What `array` (of the mask's shape) holds where each run starts."""
        return array[self.plane, self.row, self.start].astype(np.int64)


def find_runs(mask: npt.NDArray[np.bool_]) -> Runs:
    """All runs of a mask (any 3D shape; quickest if its third axis is the fastest in memory)."""
    planes, rows, columns = mask.shape
    # A column of zeros behind each row keeps runs of neighbouring rows apart, and one voxel before
    # the first row lets a run start there.
    flat = np.zeros(planes * rows * (columns + 1) + 1, dtype=np.bool_)
    flat[1:].reshape(planes, rows, columns + 1)[:, :, :columns] = mask
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    row, start = np.divmod(changes[0::2], columns + 1)
    length = changes[1::2] - changes[0::2]
    plane, row = np.divmod(row, max(rows, 1))
    return Runs(plane, row, start, start + length)
