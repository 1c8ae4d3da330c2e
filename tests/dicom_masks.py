"""A small CT series with a mask on its grid, for tests of what is written as DICOM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from dicom_files import write_ct_series

pytest.importorskip("highdicom", reason="highdicom, which writes the objects, is not installed")

from ynet3d.dicom_output.regions import Origin
from ynet3d.dicom_output.source import DicomSource, read_source
from ynet3d.dicom_output.writing import Written, write_dicom
from ynet3d.reporting import statistics
from ynet3d.volumes import Volume, read_volume

SHAPE = (26, 22, 9)
ORIGIN = Origin("test network", "1.0", {"weights": "small"})
#: Voxels of 2 x 1.5 x 4 mm, columns to the left, rows to the back, slices to the head.
AFFINE = np.array([[-2.0, 0, 0, 40], [0, -1.5, 0, 30], [0, 0, 4, -100], [0, 0, 0, 1]])
LIVER_HU, TUMOUR_HU = 100, 40


def small_label() -> npt.NDArray[np.uint8]:
    """A liver with a hole, a tumour of 2 x 2 x 2 voxels and one of a single voxel."""
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[4:20, 3:18, 2:7] = 1
    label[8:11, 9:12, 3:5] = 0
    label[13:15, 5:7, 3:5] = 2
    label[17, 15, 5] = 2
    return label


@dataclass(frozen=True, eq=False)
class Case:
    """A series, its mask and its statistics."""

    folder: Path
    scan: Volume
    label: Volume
    found: dict[str, Any]
    source: DicomSource

    def write(self, out: Path, **options: Any) -> Written:
        """`write_dicom` of the mask."""
        options = {"found": self.found, "origin": ORIGIN, **options}
        return write_dicom(self.label, self.source, out, **options)


def make_case(
    folder: Path,
    label: npt.NDArray[np.uint8] | None = None,
    affine: npt.NDArray[np.float64] = AFFINE,
    **changes: Any,
) -> Case:
    """Write a series whose HU follow the mask, and measure it."""
    label = small_label() if label is None else label
    hu = np.choose(label, [-100, LIVER_HU, TUMOUR_HU]).astype(np.int16)
    write_ct_series(folder, hu, affine, **changes)
    scan = read_volume(folder)
    # Slices may be sorted the other way around than they were written.
    array = np.choose(np.digitize(scan.array, [0, 70]), [0, 2, 1]).astype(np.uint8)
    mask = Volume(array, scan.affine, source="mask")
    return Case(folder, scan, mask, statistics(mask, scan), read_source(folder))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path / "ct")
