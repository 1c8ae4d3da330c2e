"""NIfTI: header through nibabel, voxels streamed, so that a scan is in memory only once."""

from __future__ import annotations

import gzip
import io
import logging
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
import numpy.typing as npt
from isal import igzip, isal_zlib
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from ynet3d.errors import InputError
from ynet3d.files import atomic_path
from ynet3d.volumes.formats import EXPECTED, describe_content, is_nifti_head, read_head
from ynet3d.volumes.promises import check_affine, check_promise, cut_short
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.voxels import new_store, slab_slices, storable

_DAMAGED: tuple[type[Exception], ...] = (
    EOFError,
    cast(type[Exception], isal_zlib.error),
    gzip.BadGzipFile,
)
_GZIP_LEVEL = 2
_PIECE_BYTES = 2**20
_GZIP_MAGIC = b"\x1f\x8b"
_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}
#: Largest difference, relative to the largest element, at which a qform says the same as an affine.
_QFORM_TOLERANCE = 1e-6

#: nibabel logs what it mends in a header, and raises what it cannot, from this level on.
_SILENT = logging.Logger("nibabel-headers")
_SILENT.addHandler(logging.NullHandler())
_SEVERE = 40

Header = nibabel.Nifti1Header  # Nifti2Header is one as well.


def read_nifti(path: Path, *, label: bool = False) -> Volume:
    """Read .nii or .nii.gz (by content, not by name).

    Returns:
        array (i, j, k) as in the file, scaled by slope and intercept; int16 where that is exact,
        else float32 (labels: uint8). `metadata["nifti_header"]` keeps the header.

    Raises:
        InputError: not NIfTI, damaged, or not one 3D scalar image.
    """
    head = read_head(path)
    compressed = head.startswith(_GZIP_MAGIC)
    if not compressed and not is_nifti_head(head):
        if path.name.lower().endswith(".gz"):
            problem = f"{path} is {describe_content(head)}, not gzip-compressed NIfTI"
        else:
            problem = f"{path} is {describe_content(head)}, not NIfTI"
        raise InputError(f"{problem}: give {EXPECTED}.")
    try:
        with path.open("rb") as raw:
            stream = igzip.IGzipFile(fileobj=raw, mode="rb") if compressed else raw
            return _read_stream(cast(BinaryIO, stream), path, label=label, packed=compressed)
    except _DAMAGED as error:
        raise InputError(
            f"{path} is damaged or cut short (its gzip data breaks off or fails its checksum: "
            f"{error}): copy or download it again."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


def affine_mm(header: Any) -> npt.NDArray[np.float64]:
    """The header's affine (sform, else qform, else pixdim) in mm, RAS+."""
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    affine[:3] *= _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    return affine


def _read_stream(stream: BinaryIO, path: Path, *, label: bool, packed: bool) -> Volume:
    header = _read_header(stream, path)
    shape = _shape_3d(header, path)
    dtype = header.get_data_dtype()
    if dtype.fields is not None:
        raise InputError(
            f"{path} is a colour (RGB) image: a CT has one value in HU per voxel; give the scan "
            "itself, not a rendering of it."
        )
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(f"{path} holds voxels of type {dtype}: give integers or 32-bit floats.")
    try:
        affine = affine_mm(header)
        # A stored 0 or NaN means "no scaling"; nibabel turns both into None.
        slope, intercept = header.get_slope_inter()
        offset = int(header["vox_offset"]) or int(header.sizeof_hdr) + 4
    except (HeaderDataError, ValueError, KeyError, OverflowError) as error:
        raise _damaged(path, error) from None
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    check_affine(affine, path)
    check_promise(path, shape, dtype.itemsize, there=path.stat().st_size, packed=packed)
    _skip_to(stream, offset, path)

    store = new_store(shape, str(path), label=label)
    for where in slab_slices(shape, dtype.itemsize):
        if (slope, intercept) == (1.0, 0.0) and dtype == store.array.dtype:
            _fill(stream, store.array[:, :, where], path)
            continue
        slab = np.empty((shape[0], shape[1], where.stop - where.start), dtype=dtype, order="F")
        _fill(stream, slab, path)
        if (slope, intercept) != (1.0, 0.0):
            store.put(where, _scale(slab, slope, intercept))
        else:
            store.put(where, slab)
    # The checksum stands at the end of the gzip stream and is only looked at there.
    while stream.read(1 << 20):
        pass
    stated = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    metadata = {"format": "NIfTI", "nifti_header": header, "orientation_stated": stated}
    return Volume(store.array, affine, source=str(path), metadata=metadata)


def _read_header(stream: BinaryIO, path: Path) -> Header:
    first = stream.read(540)
    if not is_nifti_head(first):
        raise InputError(
            f"{path} is gzip-compressed, but what it holds is {describe_content(first)}, not "
            f"NIfTI: give {EXPECTED}."
        )
    if first[344:348] == b"ni1\x00" or first[4:8] == b"ni2\x00":
        raise InputError(
            f"{path} is the header half of a NIfTI pair (.hdr and .img): save it as one .nii.gz."
        )
    two = first[4:8] == b"n+2\x00"
    kind = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    try:
        header = kind(first[: 540 if two else 348], check=False)
        header.check_fix(logger=_SILENT, error_level=_SEVERE)
    except (HeaderDataError, WrapStructError, ValueError, KeyError, OverflowError) as error:
        raise _damaged(path, error) from None
    stream.seek(0)
    return header


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} has a damaged NIfTI header ({error}): export it again.")


def _shape_3d(header: Header, path: Path) -> tuple[int, int, int]:
    shape = tuple(int(size) for size in header.get_data_shape())
    if len(shape) < 3:
        raise InputError(
            f"{path} is a 2D image of {_by(shape)}: give the whole 3D scan, not one slice."
        )
    if any(size != 1 for size in shape[3:]):
        raise InputError(
            f"{path} is a {len(shape)}D image of {_by(shape)}: one 3D scan was expected; save one "
            "time point or phase of it as a file of its own."
        )
    if min(shape) < 1:
        raise InputError(f"{path} has a damaged NIfTI header (size {_by(shape)}): export it again.")
    return shape[0], shape[1], shape[2]


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _skip_to(stream: BinaryIO, offset: int, path: Path) -> None:
    """Pass over the header and what stands between it and the voxels, in pieces."""
    if offset < 0:
        raise cut_short(path)
    while offset:
        passed = len(stream.read(min(offset, _PIECE_BYTES)))
        if not passed:
            raise cut_short(path)
        offset -= passed


def _fill(stream: BinaryIO, slab: npt.NDArray[Any], path: Path) -> None:
    """Read a Fortran-ordered array from a stream, without a copy in between."""
    view = memoryview(cast(Any, slab.T)).cast("B")
    done = 0
    while done < len(view):
        count = cast(io.RawIOBase, stream).readinto(view[done:])
        if not count:
            raise cut_short(path)
        done += count


def _scale(slab: npt.NDArray[Any], slope: float, intercept: float) -> npt.NDArray[Any]:
    """slope * value + intercept in float64, so that whole numbers stay whole."""
    scaled: npt.NDArray[np.float64] = slab.astype(np.float64)
    scaled *= slope
    scaled += intercept
    return scaled


def write_nifti(volume: Volume, path: Path) -> None:
    """Write .nii or .nii.gz, atomically and slab by slab.

    Geometry: the source's NIfTI header to the bit where there is one; else sform and qform (the
    latter only where it can express the affine).
    """
    dtype = storable(volume.array).newbyteorder("<")
    header = _header_for(volume, dtype)
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        if path.name.lower().endswith(".gz"):
            # No name and no time in the gzip header: the same mask gives the same bytes.
            with igzip.IGzipFile(
                filename="", fileobj=raw, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0
            ) as stream:
                _write_stream(cast(BinaryIO, stream), header, volume.array, dtype)
        else:
            _write_stream(raw, header, volume.array, dtype)


def _write_stream(
    stream: BinaryIO, header: Header, array: npt.NDArray[Any], dtype: np.dtype[Any]
) -> None:
    stream.write(header.binaryblock)
    stream.write(b"\x00" * 4)  # "no extensions follow"
    i, j, k = array.shape
    for where in slab_slices((i, j, k), dtype.itemsize):
        slab = np.asarray(array[:, :, where], dtype=dtype)
        if slab.flags.f_contiguous:
            stream.write(memoryview(cast(Any, slab.T)).cast("B"))
            continue
        # Turning the slab slice by slice is several times faster than all at once.
        slices = np.ascontiguousarray(slab).reshape(i * j, -1).T.copy()
        for one in slices.reshape(-1, i, j):
            stream.write(one.tobytes(order="F"))


def _header_for(volume: Volume, dtype: np.dtype[Any]) -> Header:
    source = volume.metadata.get("nifti_header")
    if source is not None and np.array_equal(affine_mm(source), volume.affine):
        header = cast(Header, source.as_byteswapped("<"))
        pixdim = header["pixdim"].copy()
        header.set_data_shape(volume.shape)
        header["pixdim"] = pixdim  # set_data_shape resets those beyond the third axis
    else:
        header = _new_header(volume)
    header.set_data_dtype(dtype)
    header.set_slope_inter(1.0, 0.0)
    header["vox_offset"] = header.sizeof_hdr + 4
    # What described the source's values, or its patient in free text, does not describe ours.
    for name in ("cal_min", "cal_max", "intent_code", "intent_p1", "intent_p2", "intent_p3"):
        header[name] = 0
    for name in ("descrip", "aux_file", "intent_name"):
        header[name] = b""
    if "db_name" in header.keys():  # noqa: SIM118 - headers have no __contains__ of their own
        header["db_name"] = b""
    return header


def _new_header(volume: Volume) -> Header:
    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_shape(volume.shape)
    header.set_zooms(volume.spacing)
    header.set_xyzt_units("mm")
    affine = np.asarray(volume.affine, dtype=np.float64)
    header.set_sform(affine, code="scanner")
    with_qform = header.copy()
    try:
        with_qform.set_qform(affine, code="scanner", strip_shears=False)
    except HeaderDataError:
        return header
    apart = np.abs(with_qform.get_qform() - affine).max()
    return with_qform if apart <= _QFORM_TOLERANCE * np.abs(affine).max() else header
