"""What a header promises, held against the bytes that are there, before memory is taken for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError

#: Deflate packs 258 bytes into two bits at best (RFC 1951), so that no gzip holds more than this.
MOST_PACKED = 1032
#: Sizes and positions beyond these are damage: no patient is a kilometre long.
_LARGEST_MM, _SMALLEST_DETERMINANT = 1e6, 1e-9


def check_promise(
    path: Path, shape: Sequence[int], itemsize: int, *, there: int, packed: bool = False
) -> None:
    """Refuse a header that promises more voxels than its file can hold.

    Args:
        there: bytes that are there for voxels, as they lie in the file.
        packed: they are compressed by deflate.

    Raises:
        InputError: they cannot hold the voxels.
    """
    promised = math.prod(int(size) for size in shape) * itemsize
    if promised > there * (MOST_PACKED if packed else 1):
        raise cut_short(path)


def cut_short(path: Path) -> InputError:
    """What to say of a file with too few voxels."""
    return InputError(
        f"{path} is cut short: it holds fewer voxels than its header says; copy or download it "
        "again."
    )


def check_affine(affine: npt.NDArray[np.float64], path: Path) -> None:
    """Refuse a geometry that places no voxel.

    Raises:
        InputError: not finite, singular, or of sizes that no patient has.
    """
    finite = bool(np.isfinite(affine).all()) and float(np.abs(affine).max()) < _LARGEST_MM
    if not finite or abs(np.linalg.det(affine[:3, :3])) < _SMALLEST_DETERMINANT:
        raise InputError(
            f"{path} does not say where its voxels lie (its affine is singular or not finite): "
            "export it again with its geometry."
        )
