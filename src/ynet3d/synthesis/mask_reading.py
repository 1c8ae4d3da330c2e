"""Masks of many organs, read without a CT: each structure on one grid of the patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ynet3d.datasets.layouts.ircadb_masks import decode_mask, mask_slices
from ynet3d.errors import InputError
from ynet3d.synthesis.fields import Spacing
from ynet3d.synthesis.tissues import structure_of_name
from ynet3d.volumes import Reorientation, Volume

Mask = npt.NDArray[np.bool_]


@dataclass(eq=False)
class Structures:
    """Masks by structure ("liver", "bone", ...), network order (D, H, W), and the voxels' mm."""

    spacing: Spacing
    masks: dict[str, Mask] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of each mask."""
        return next(iter(self.masks.values())).shape


def read_ircadb_structures(path: Path, *, spacing: Spacing) -> Structures:
    """The masks in a folder or zip MASKS_DICOM of 3D-IRCADb, by nearest neighbour on `spacing`.

    Raises:
        InputError: unreadable, no liver, or the masks' slices differ in size or direction.
    """
    planes: dict[str, dict[float, Mask]] = {}
    pixel: tuple[float, float] | None = None
    for name, file, content in mask_slices(path, wanted=lambda name: bool(structure_of_name(name))):
        structure = structure_of_name(name)
        if structure is None:
            continue
        data, inside = decode_mask(content, file)
        axes = [float(value) for value in data.ImageOrientationPatient]
        if np.abs(np.array(axes) - (1, 0, 0, 0, 1, 0)).max() > 0.01:
            raise InputError(f"{file} is not an axial slice, which masks for synthesis must be.")
        pixel = (float(data.PixelSpacing[0]), float(data.PixelSpacing[1]))
        rows = [_nearest(*axis) for axis in zip(inside.shape, pixel, spacing[1:], strict=True)]
        thin = inside[np.ix_(*rows)]
        at = planes.setdefault(structure, {})
        level = round(float(data.ImagePositionPatient[2]), 3)
        at[level] = at[level] | thin if level in at else thin
    if pixel is None or "liver" not in planes:
        raise InputError(f"{path} has no mask named liver: give MASKS_DICOM as published.")
    return _stacked(planes, spacing, path)


def _stacked(planes: dict[str, dict[float, Mask]], spacing: Spacing, path: Path) -> Structures:
    levels = sorted({level for at in planes.values() for level in at})
    shapes = {mask.shape for at in planes.values() for mask in at.values()}
    if len(levels) < 2 or len(shapes) != 1:
        raise InputError(f"The masks in {path} are not slices of one size: give them as published.")
    step = float(np.median(np.diff(levels)))
    count = round((levels[-1] - levels[0] + step) / spacing[0])
    wanted = levels[0] - step / 2 + (np.arange(count) + 0.5) * spacing[0]
    nearest = [levels[int(np.argmin(np.abs(np.array(levels) - level)))] for level in wanted]
    found = Structures(spacing)
    empty = np.zeros(next(iter(shapes)), bool)
    for structure, at in planes.items():
        mask = np.stack([at.get(level, empty) for level in nearest])
        if mask.any():
            found.masks[structure] = mask
    return found


def resampled_label(label: Volume, spacing: Spacing) -> npt.NDArray[np.uint8]:
    """A label map in network order on voxels of `spacing` mm, by nearest neighbour."""
    turn = Reorientation.of(label.affine)
    source = turn.apply(label.array)
    axes = zip(source.shape, turn.spacing(label.spacing), spacing, strict=True)
    nearest = [_nearest(*axis) for axis in axes]
    return np.ascontiguousarray(source[np.ix_(*nearest)], dtype=np.uint8)


def _nearest(count: int, old_mm: float, new_mm: float) -> npt.NDArray[np.intp]:
    """Of `count` samples `old_mm` apart, those nearest to samples `new_mm` apart; one at least."""
    wanted = np.arange(max(1, round(count * old_mm / new_mm))) + 0.5
    return np.minimum((wanted * new_mm / old_mm).astype(np.intp), count - 1)
