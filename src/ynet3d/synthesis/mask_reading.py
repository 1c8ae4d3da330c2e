"""Masks of many organs, read without a CT: each structure on one grid of the patient."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ynet3d.datasets.layouts.ircadb_masks import decode_mask
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
    for name, content, file in _slices(path):
        structure = structure_of_name(name)
        if structure is None:
            continue
        data, inside = decode_mask(content, file)
        axes = [float(value) for value in data.ImageOrientationPatient]
        if np.abs(np.array(axes) - (1, 0, 0, 0, 1, 0)).max() > 0.01:
            raise InputError(f"{file} is not an axial slice, which masks for synthesis must be.")
        pixel = (float(data.PixelSpacing[0]), float(data.PixelSpacing[1]))
        rows = [
            np.minimum(((np.arange(round(n * old / new)) + 0.5) * new / old).astype(int), n - 1)
            for n, old, new in zip(inside.shape, pixel, spacing[1:], strict=True)
        ]
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


def _slices(path: Path) -> Iterator[tuple[str, bytes, str]]:
    """Name of the mask, content and name of each file."""
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            if not file.name.startswith("."):
                yield file.parent.name, file.read_bytes(), str(file)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                inner = PurePosixPath(entry.filename)
                hidden = any(p.startswith(".") or p == "__MACOSX" for p in inner.parts)
                if not entry.is_dir() and not hidden:
                    yield inner.parent.name, archive.read(entry), f"{path}/{entry.filename}"
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{path} is not a readable zip archive ({error}): download it again."
        ) from None


def resampled_label(label: Volume, spacing: Spacing) -> npt.NDArray[np.uint8]:
    """A label map in network order on voxels of `spacing` mm, by nearest neighbour."""
    turn = Reorientation.of(label.affine)
    source = turn.apply(label.array)
    nearest = [
        np.minimum(((np.arange(max(1, round(n * old / new))) + 0.5) * new / old).astype(int), n - 1)
        for n, old, new in zip(source.shape, turn.spacing(label.spacing), spacing, strict=True)
    ]
    return np.ascontiguousarray(source[np.ix_(*nearest)], dtype=np.uint8)
