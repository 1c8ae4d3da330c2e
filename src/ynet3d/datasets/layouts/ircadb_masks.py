"""Label maps out of 3D-IRCADb's masks: one DICOM series per organ, placed on the CT by geometry."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.datasets.label_source import LabelSource
from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.volumes import Volume

#: As published: livertumor, livertumor1, livertumor01, livertumors, ...; not liverkyst or tumor.
_TUMOUR = re.compile(r"liver[ _-]?tumou?r.*", re.IGNORECASE)
_LIVER = re.compile("liver", re.IGNORECASE)
#: How far a mask's voxels may lie from the CT's, in voxels.
_TOLERANCE_VOXELS = 0.1


@dataclass(frozen=True)
class IrcadbMasks(LabelSource):
    """The folder or zip MASKS_DICOM of one patient."""

    def read(self, image: Volume) -> Volume:
        """Liver (1) where `liver` is set, tumour (2) where any `livertumor*` is, on `image`'s grid.

        Tumours may reach beyond the liver's mask; tumour wins. Slices are placed by their position
        in the patient; slices of the CT without a mask are background.

        Raises:
            InputError: no liver mask, unreadable, or a mask does not lie on the CT's grid.
        """
        label = np.zeros(image.shape, dtype=np.uint8)
        to_voxel: npt.NDArray[Any] = np.linalg.inv(image.affine)
        names: set[str] = set()
        found_liver = False
        for name, file, content in mask_slices(self.path, wanted=_is_wanted):
            names.add(name)
            is_tumour = _TUMOUR.fullmatch(name) is not None
            if not is_tumour and not _LIVER.fullmatch(name):
                continue
            found_liver |= not is_tumour
            inside, k = _place(decode_mask(content, file), to_voxel, image, file)
            # Whatever the order of the masks: liver never overwrites tumour.
            plane = label[:, :, k]
            value = Label.TUMOUR if is_tumour else Label.LIVER
            plane[inside] = np.maximum(plane[inside], np.uint8(value))
        if not found_liver:
            raise InputError(
                f"{self.path} has no mask named liver (it has "
                f"{', '.join(sorted(names, key=str.lower)) or 'no DICOM files'}): give the "
                "patient's MASKS_DICOM as published."
            )
        return Volume(label, image.affine, source=str(self.path))


def mask_slices(path: Path, *, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, bytes]]:
    """Of each file in a folder or zip MASKS_DICOM: name of the mask, of the file, and its bytes.

    The bytes of masks whose name is not `wanted` are left out (empty).

    Raises:
        InputError: no readable zip.
    """
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            if not file.name.startswith("."):
                mask = file.parent.name
                yield mask, str(file), file.read_bytes() if wanted(mask) else b""
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                inner = PurePosixPath(entry.filename)
                hidden = any(p.startswith(".") or p == "__MACOSX" for p in inner.parts)
                if not entry.is_dir() and not hidden:
                    mask = inner.parent.name
                    content = archive.read(entry) if wanted(mask) else b""
                    yield mask, f"{path}/{entry.filename}", content
    # What `zipfile` raises for damage, a cut-off file, an unknown compression, a password.
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{path} is not a readable zip archive ({error}): download it again."
        ) from None


def _is_wanted(mask: str) -> bool:
    return bool(_TUMOUR.fullmatch(mask) or _LIVER.fullmatch(mask))


def decode_mask(content: bytes, file: str) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Header and mask (rows, columns) of one slice; `file` names it in errors.

    Raises:
        InputError: it is no DICOM slice with a position.
    """
    import pydicom

    try:
        data = pydicom.dcmread(BytesIO(content), force=True)
        # The stored value that stands for 0, so that no array of floats is made.
        zero = -float(data.get("RescaleIntercept", 0)) / float(data.get("RescaleSlope", 1))
        inside = data.pixel_array != zero
    except Exception as error:  # pydicom raises whatever the file provokes
        raise InputError(
            f"{file} is not a readable DICOM mask ({error}): download the masks again."
        ) from None
    if inside.ndim != 2 or "ImagePositionPatient" not in data:
        raise InputError(
            f"{file} is not one DICOM slice with a position (its array has shape {inside.shape}): "
            "give the masks as published, one file per slice."
        )
    return data, inside


def _place(
    decoded: tuple[Any, npt.NDArray[np.bool_]],
    to_voxel: npt.NDArray[Any],
    image: Volume,
    file: str,
) -> tuple[npt.NDArray[np.bool_], int]:
    """The mask of one slice in (i, j) order, and the k of the CT's slice it lies on."""
    data, inside = decoded
    rows, columns = inside.shape
    corners = np.array([(c, r) for c in (0, columns - 1) for r in (0, rows - 1)], dtype=float)
    along_row = np.array(data.ImageOrientationPatient[:3], dtype=float)
    along_column = np.array(data.ImageOrientationPatient[3:], dtype=float)
    # PixelSpacing is the distance between rows first, then that between columns.
    between_rows, between_columns = (float(value) for value in data.PixelSpacing)
    lps = (
        np.array(data.ImagePositionPatient, dtype=float)
        + corners[:, :1] * along_row * between_columns
        + corners[:, 1:] * along_column * between_rows
    )
    ras = lps * (-1, -1, 1)
    voxels = ras @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    k = round(float(voxels[:, 2].mean()))
    expected = np.column_stack([corners, np.full(4, k)])
    same = (columns, rows) == image.shape[:2] and 0 <= k < image.shape[2]
    if not same or np.abs(voxels - expected).max() > _TOLERANCE_VOXELS:
        first = ", ".join(f"{value:.2f}" for value in voxels[0])
        raise InputError(
            f"{file} does not lie on a slice of its CT: it has {columns}x{rows} pixels from voxel "
            f"({first}) on, where the CT has {'x'.join(map(str, image.shape))} voxels; give the "
            "masks and the CT of the same patient."
        )
    return inside.T, k
