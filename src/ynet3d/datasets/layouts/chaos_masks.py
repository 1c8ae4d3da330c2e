"""Liver masks of CHAOS: a PNG for each slice, placed on the CT by the order of file names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ynet3d.datasets.label_source import LabelSource
from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.volumes import Volume
from ynet3d.volumes.dicom_headers import SliceHeader, scan_folder
from ynet3d.volumes.dicom_series import choose_series
from ynet3d.volumes.formats import natural_key

#: How far a slice may lie from its place on the CT's grid, in voxels.
_TOLERANCE_VOXELS = 0.1


@dataclass(frozen=True)
class ChaosMasks(LabelSource):
    """The folder `Ground` of one patient.

    Attributes:
        images: the folder of the DICOM slices, whose file names tell the order.
    """

    images: Path

    @property
    def coding(self) -> str:
        """What the masks are of."""
        return "liver"

    def read(self, image: Volume) -> Volume:
        """Liver (1) where the masks are set, on `image`'s grid.

        A PNG says nothing of its place. As published, the n-th mask by name belongs to the n-th
        DICOM slice by name, and row and column are those of the slice; where that slice lies is
        told by its header. So there must be as many masks as slices, and the slices, in the order
        of their names, must follow one another along the body.

        Raises:
            InputError: another number or size of masks, more than two values, or names whose order
                is not that of the slices.
        """
        masks = sorted(self.path.glob("[!.]*.png"), key=lambda path: natural_key(path.name))
        slices = choose_series(scan_folder(self.images), self.images, series=None)
        slices = sorted(slices, key=lambda header: natural_key(header.path.name))
        if len(masks) != len(slices):
            raise InputError(
                f"{self.path} has {len(masks)} masks (.png) for {len(slices)} slices in "
                f"{self.images}, where one for each is needed, because they are matched by the "
                "order of their names: unpack the data set again."
            )
        places = _places(slices, image, self.images)
        label = np.zeros(image.shape, dtype=np.uint8, order="F")
        for path, k in zip(masks, places, strict=True):
            inside = _read_mask(path)
            if inside.T.shape != image.shape[:2]:
                rows, columns = inside.shape
                raise InputError(
                    f"The mask {path} has {columns}x{rows} pixels, and the slices of its CT have "
                    f"{image.shape[0]}x{image.shape[1]}: give the masks of this patient as "
                    "published."
                )
            label[:, :, k] = inside.T * np.uint8(Label.LIVER)
        return Volume(label, image.affine, source=str(self.path))


def _places(slices: list[SliceHeader], image: Volume, folder: Path) -> list[int]:
    """The k of each slice in `image`, which must rise or fall by one from slice to slice."""
    ras = np.array([header.position for header in slices]) * (-1, -1, 1)
    to_voxel = np.linalg.inv(image.affine)
    voxels = ras @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    places = np.rint(voxels[:, 2]).astype(int)
    expected = np.column_stack([np.zeros((len(places), 2)), places])
    steps = set(np.diff(places).tolist())
    if np.abs(voxels - expected).max() > _TOLERANCE_VOXELS or not (steps == {1} or steps == {-1}):
        raise InputError(
            f"The names of the slices in {folder} do not run along the body from one end to the "
            "other, so masks cannot be matched with them by name: unpack the data set again, with "
            "its own file names."
        )
    return [int(k) for k in places]


def _read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """Pixels (row, column) of one PNG that are set."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{path} is not a readable PNG picture ({error}): unpack the data set again."
        ) from None
    values = np.unique(pixels)
    if len(values[values > 0]) > 1:
        raise InputError(
            f"The mask {path} holds the values {', '.join(map(str, values[:6]))}, where a liver "
            "mask of CHAOS's CT has 0 and one other value: give the CT part (the MR part codes "
            "four organs)."
        )
    return pixels > 0
