"""NRRD and MetaImage through SimpleITK."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.files import atomic_path
from ynet3d.volumes.formats import EXPECTED, NRRD_SUFFIXES, describe_content, read_head
from ynet3d.volumes.itk_headers import ItkHeader, read_metaimage_header, read_nrrd_header
from ynet3d.volumes.promises import check_affine, check_promise, cut_short
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.voxels import new_store, slab_slices, storable

_PIECE_BYTES = 2**20
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: ITK's and DICOM's world (x to the left, y to the back) to ours (x to the right, y to the front).
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_itk(path: Path, *, label: bool = False) -> Volume:
    """Read .nrrd, .nhdr, .mha or .mhd.

    Returns:
        array (i, j, k) as in the file, int16 where that is exact, else float32 (labels: uint8);
        affine turned from LPS to RAS. `metadata["itk_geometry"]` keeps origin, spacing, direction.

    Raises:
        InputError: of another kind, damaged, or not one 3D scalar image.
    """
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere

    kind = "NRRD" if path.name.lower().endswith(NRRD_SUFFIXES) else "MetaImage"
    head = read_head(path)
    is_kind = head.startswith(b"NRRD") if kind == "NRRD" else b"=" in head and b"NDims" in head
    if not is_kind:
        raise InputError(f"{path} is {describe_content(head)}, not {kind}: give {EXPECTED}.")
    try:
        header = (read_nrrd_header if kind == "NRRD" else read_metaimage_header)(path)
        # A number as text takes two bytes at least.
        itemsize = 2 if header.text else header.itemsize
        check_promise(path, header.sizes, itemsize, there=header.there, packed=header.packed)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    if kind == "MetaImage" and header.packed:
        _check_packed(header, path)
    if kind == "MetaImage" and header.text:
        _check_text(header, path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what is wrong is told by errors
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if kind == "NRRD" else "MetaImageIO")
    try:
        reader.ReadImageInformation()
        _check_shape(reader, path)
        size = reader.GetSize()
        if len(size) > 3:
            reader.SetExtractSize([*size[:3], *([0] * (len(size) - 3))])
        image = reader.Execute()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].rpartition("):")[2].strip()
        raise InputError(
            f"{path} cannot be read as {kind} (damaged, cut short or without its data file; "
            f"{reason}): export or copy it again."
        ) from None
    origin, spacing, direction = image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    affine = _affine(origin, spacing, direction)
    check_affine(affine, path)
    voxels = sitk.GetArrayViewFromImage(image).transpose(2, 1, 0)
    i, j, k = voxels.shape
    store = new_store((i, j, k), str(path), label=label)
    for where in slab_slices((i, j, k), voxels.itemsize):
        store.put(where, voxels[:, :, where])
    stated = kind == "MetaImage" or image.HasMetaDataKey("NRRD_space")
    metadata = {
        "format": kind,
        "itk_geometry": (origin, spacing, direction),
        "orientation_stated": stated,
    }
    return Volume(store.array, affine, source=str(path), metadata=metadata)


def _check_packed(header: ItkHeader, path: Path) -> None:
    """Inflate once to nowhere: MetaIO writes to the terminal when it cannot, and goes on."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
    expected, found = math.prod(header.sizes) * header.itemsize, 0
    try:
        with header.files[0].open("rb") as file:
            file.seek(header.begin)
            left = header.stated or 0
            if left > header.there:
                raise cut_short(path)
            while left > 0 and found <= expected and (piece := file.read(min(left, _PIECE_BYTES))):
                left -= len(piece)
                while piece and found <= expected and not inflate.eof:
                    found += len(inflate.decompress(piece, _PIECE_BYTES))
                    piece = inflate.unconsumed_tail
    except zlib.error as error:
        raise InputError(
            f"{path} is damaged (its voxels cannot be inflated: {error}): copy it again."
        ) from None
    if found != expected or not inflate.eof:
        raise cut_short(path)


def _check_text(header: ItkHeader, path: Path) -> None:
    """MetaIO does not look whether what it reads as numbers are some."""
    found = 0
    for file in header.files:
        words = file.read_bytes()[header.begin :].split()
        found += sum(_NUMBER.fullmatch(word) is not None for word in words)
    if found < math.prod(header.sizes):
        raise cut_short(path)


def _affine(
    origin: tuple[float, ...], spacing: tuple[float, ...], direction: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """ITK geometry to an affine in RAS mm."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(direction, (3, 3)) * np.asarray(spacing)
    lps[:3, 3] = origin
    return LPS_TO_RAS @ lps


def _check_shape(reader: Any, path: Path) -> None:
    size = reader.GetSize()
    text = " x ".join(str(count) for count in size)
    if reader.GetNumberOfComponents() != 1:
        raise InputError(
            f"{path} holds {reader.GetNumberOfComponents()} values per voxel (a colour or vector "
            "image): a CT has one value in HU per voxel; give the scan itself."
        )
    if len(size) < 3:
        raise InputError(f"{path} is a 2D image of {text}: give the whole 3D scan, not one slice.")
    if any(count != 1 for count in size[3:]):
        raise InputError(
            f"{path} is a {len(size)}D image of {text}: one 3D scan was expected; save one time "
            "point or phase of it as a file of its own."
        )


def write_itk(volume: Volume, path: Path) -> None:
    """Write .nrrd, .nhdr, .mha or .mhd; only one-file kinds (.nrrd, .mha) are atomic and allowed.

    Geometry in float64; that of an ITK source as it was read.
    """
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere

    if path.suffix.lower() not in (".nrrd", ".mha"):
        raise InputError(
            f"{path} would be two files (header and data): write .nii.gz, .nii, .nrrd or .mha."
        )
    dtype = storable(volume.array)
    # SimpleITK copies; a Fortran-ordered array transposes to the C order it wants for free.
    image = sitk.GetImageFromArray(np.asarray(volume.array, dtype=dtype).transpose(2, 1, 0))
    origin, spacing, direction = _itk_geometry(volume)
    image.SetOrigin(origin)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    with atomic_path(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True, compressionLevel=2)
        except RuntimeError as error:
            raise OSError(str(error).strip().splitlines()[-1]) from None


def _itk_geometry(
    volume: Volume,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Origin, spacing and direction (row by row), those of the source where it has any."""
    kept = volume.metadata.get("itk_geometry")
    if kept is not None and np.array_equal(_affine(*kept), volume.affine):
        return kept
    lps = LPS_TO_RAS @ volume.affine
    spacing = volume.spacing
    direction = lps[:3, :3] / np.asarray(spacing)
    return tuple(lps[:3, 3].tolist()), spacing, tuple(direction.ravel().tolist())
