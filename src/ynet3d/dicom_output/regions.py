"""What is outlined: the liver, and its tumours one by one or all together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code
from pydicom.uid import UID, generate_uid

from ynet3d.dicom_output.codes import ABNORMAL_STRUCTURE, ANATOMICAL_STRUCTURE, LESION, LIVER
from ynet3d.evaluation.lesion_geometry import find_lesions
from ynet3d.labels import COLOURS, Label
from ynet3d.reporting.statistics import CONNECTIVITY
from ynet3d.volumes import Volume


@dataclass(frozen=True)
class Region:
    """One segment of a SEG, one ROI of a structure set, one group of measurements.

    Attributes:
        number: from 1, in the file.
        lesion: its number in `statistics.json`; None for the liver, 0 for all tumours together.
        name: what people read; also the tracking identifier.
        tracking_uid: the same in all objects written together.
        colour: as #rrggbb.
    """

    number: int
    lesion: int | None
    name: str
    category: Code
    kind: Code
    colour: str
    tracking_uid: UID


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of one mask.

    Attributes:
        regions: the liver first, then the tumours, largest first; none for an empty mask.
        slices: (slice, row, column), the `number` of the region of each voxel, where what is liver
            and no tumour has the liver's. The liver as an organ is all that is not 0.
    """

    regions: tuple[Region, ...]
    slices: npt.NDArray[np.uint8 | np.uint16]

    def mask(self, region: Region, k: int) -> npt.NDArray[np.bool_]:
        """(row, column), the region in slice k; the liver with its tumours."""
        plane = self.slices[k]
        return plane != 0 if region.lesion is None else plane == region.number

    def filled_slices(self) -> list[int]:
        """The slices that hold anything."""
        return [int(k) for k in np.flatnonzero(self.slices.any(axis=(1, 2)))]

    def of_tumours(self) -> Iterator[Region]:
        """Without the liver."""
        return (region for region in self.regions if region.lesion is not None)


def find_regions(
    label: Volume, *, one_per_tumour: bool, planes: npt.NDArray[np.int64] | None = None
) -> Regions:
    """The liver (with its tumours) and the tumours of a label map, numbered as in `statistics`.

    Args:
        label: array (column, row, slice), 0 background, 1 liver, 2 tumour.
        one_per_tumour: a region for each tumour; else one for all of them.
        planes: those of the label map that become `slices`; by default all. A small tumour between
            them then has a region without a voxel.
    """
    array = label.array.transpose(2, 1, 0)
    tumour = label.array == Label.TUMOUR
    if not array.any():
        return Regions((), np.zeros(array.shape, dtype=np.uint8))
    count = 0
    # A copy, also of a mask that lies in this order already: numbers are written into it.
    slices: npt.NDArray[np.uint8 | np.uint16] = np.array(array, order="C")
    if one_per_tumour and tumour.any():
        found = find_lesions(tumour, label.affine, connectivity=CONNECTIVITY)
        count = len(found.lesions)
        if count + 1 > np.iinfo(np.uint8).max:
            slices = slices.astype(np.uint16)
        # From axial axes back to those of the source, and to (slice, row, column).
        where = slices.transpose(2, 1, 0).transpose(found.axes)
        box = tuple(
            slice(int(start), int(start) + size)
            for start, size in zip(found.offset, found.components.shape, strict=True)
        )
        numbers = found.number_of[found.components]
        where[box][numbers > 0] = numbers[numbers > 0] + 1
    if planes is not None:
        slices = slices[planes]
    regions = [_region(1, None, "Liver")]
    if one_per_tumour:
        regions += [_region(n + 1, n, f"Liver tumour {n}") for n in range(1, count + 1)]
    elif tumour.any():
        regions.append(_region(2, 0, "Liver tumours"))
    return Regions(tuple(regions), slices)


def _region(number: int, lesion: int | None, name: str) -> Region:
    organ = lesion is None
    return Region(
        number=number,
        lesion=lesion,
        name=name,
        category=ANATOMICAL_STRUCTURE if organ else ABNORMAL_STRUCTURE,
        kind=LIVER if organ else LESION,
        colour=COLOURS[Label.LIVER if organ else Label.TUMOUR],
        tracking_uid=generate_uid(prefix=None),
    )


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255 of #rrggbb."""
    red, green, blue = bytes.fromhex(colour.lstrip("#"))
    return red, green, blue


@dataclass(frozen=True)
class Origin:
    """What made the mask.

    Attributes:
        parameters: names and values that tell apart one run from another.
    """

    name: str
    version: str
    parameters: Mapping[str, str]


def origin_of(content: Mapping[str, Any] | None) -> Origin:
    """From the content of a `statistics.json`, or None where nobody knows."""
    from ynet3d import __version__

    if content is None or "weights" not in content:
        return Origin("not stated", "unknown", {})
    weights = content["weights"]
    named = {
        "recipe": weights.get("recipe"),
        "weights": weights.get("file"),
        "sha256": weights.get("sha256"),
        "ensemble": len(content.get("ensemble_with", ())) + 1 if "ensemble_with" in content else 0,
        "stages": 2 if "refined_by" in content else 0,
    }
    parameters = {key: str(value) for key, value in named.items() if value}
    return Origin("3DYNet (ynet3d)", content.get("version") or __version__, parameters)
