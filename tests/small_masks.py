"""Label maps with one tumour whose overlap is known by counting."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ynet3d.volumes import Volume, write_label

AFFINE = np.diag([-0.8, -0.8, 3.0, 1.0])


def write_case(path: Path, *, tumour: int, shape: tuple[int, int, int] = (12, 12, 6)) -> None:
    """A liver of 8 x 8 x 4 voxels with a tumour of `tumour` voxels in a row along i."""
    labels = np.zeros(shape, np.uint8)
    labels[2:10, 2:10, 1:5] = 1
    labels[4 : 4 + tumour, 5, 2] = 2
    path.parent.mkdir(parents=True, exist_ok=True)
    write_label(Volume(labels, AFFINE), path)


def write_folder(folder: Path, pattern: str, tumours: dict[str, int]) -> Path:
    """One file for each case of `tumours`, named by `pattern`."""
    for case, tumour in tumours.items():
        write_case(folder / pattern.format(case), tumour=tumour)
    return folder
