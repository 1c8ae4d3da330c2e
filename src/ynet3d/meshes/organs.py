"""The surfaces of a label map: the organ, and each tumour by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.components import bounding_box
from ynet3d.evaluation.lesion_geometry import FoundLesions, find_lesions
from ynet3d.labels import COLOURS, Label
from ynet3d.meshes.closed import Surface, closed_surface
from ynet3d.volumes import Volume

_LIVER_GRID_MM, _LIVER_TRIANGLES = 1.5, 60_000
#: Tumours: so many grid points across, within these distances.
_POINTS_ACROSS, _TUMOUR_GRID_MM, _TUMOUR_TRIANGLES = 16, (0.4, 1.2), 12_000
#: Opacity of the liver, so that the tumours in it are seen.
_LIVER_OPACITY = 0.35
#: One after the other for the tumours, the first as on our pictures; told apart by people with any
#: colour vision (Okabe and Ito 2008), none near the liver's orange.
_TUMOUR_COLOURS = (COLOURS[Label.TUMOUR], "#0072b2", "#cc79a7", "#56b4e9", "#f0e442", "#009e73")


@dataclass(frozen=True, eq=False)
class NamedSurface:
    """A surface and what it shows.

    Attributes:
        name: `liver`, or `tumour-1` and so on by the numbers in `statistics.json`.
        surface: its triangles.
        mask_ml: volume of its voxels in mL.
        colour: as "#rrggbb".
        opacity: 1 for solid.
    """

    name: str
    surface: Surface
    mask_ml: float
    colour: str
    opacity: float


def surfaces_of(label: Volume) -> tuple[int, Iterator[NamedSurface]]:
    """How many surfaces a label map has, and those, the liver (labels 1 and 2) first.

    They are made one by one as they are asked for, which takes a while.

    Args:
        label: 0 background, 1 liver, 2 tumour.
    """
    found = find_lesions(label.array == Label.TUMOUR, label.affine)
    count = len(found.lesions) + bool(label.array.any())
    return count, _surfaces(label, found)


def _surfaces(label: Volume, found: FoundLesions) -> Iterator[NamedSurface]:
    box = bounding_box(label.array)
    if box is None:
        return
    organ = label.array[box] != Label.BACKGROUND
    yield NamedSurface(
        "liver",
        closed_surface(
            organ,
            _from_corner(label.affine, np.array([side.start for side in box])),
            grid_mm=_LIVER_GRID_MM,
            most_triangles=_LIVER_TRIANGLES,
        ),
        int(np.count_nonzero(organ)) * label.voxel_ml,
        COLOURS[Label.LIVER],
        _LIVER_OPACITY,
    )
    for lesion in found.lesions:
        around = found.box_around([lesion.number])
        mask = found.mask([lesion.number], around)
        corner = np.empty(3, dtype=np.int64)
        corner[list(found.axes)] = around[:, 0]
        across_mm = (6000 * lesion.volume_ml / np.pi) ** (1 / 3)  # of a ball of its volume
        yield NamedSurface(
            f"tumour-{lesion.number}",
            closed_surface(
                mask.transpose(np.argsort(found.axes)),
                _from_corner(label.affine, corner),
                grid_mm=float(np.clip(across_mm / _POINTS_ACROSS, *_TUMOUR_GRID_MM)),
                most_triangles=_TUMOUR_TRIANGLES,
            ),
            lesion.volume_ml,
            _TUMOUR_COLOURS[(lesion.number - 1) % len(_TUMOUR_COLOURS)],
            1.0,
        )


def _from_corner(
    affine: npt.NDArray[np.float64], corner: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The affine of the part of a grid that begins at voxel `corner`."""
    result = affine.copy()
    result[:3, 3] += affine[:3, :3] @ corner
    return result
