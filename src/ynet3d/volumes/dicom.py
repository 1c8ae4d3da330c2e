"""One DICOM series to one volume in HU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError, MissingExtraError
from ynet3d.volumes.dicom_geometry import check_same_plane, grid_affine, sort_slices
from ynet3d.volumes.dicom_headers import SliceHeader, read_slice_header, scan_folder
from ynet3d.volumes.dicom_series import choose_series, rivals
from ynet3d.volumes.formats import EXPECTED
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.voxels import new_store


def read_dicom(folder: Path, *, series: str | None = None, label: bool = False) -> Volume:
    """Read one CT series from a folder (and the folders inside).

    Returns:
        array (column, row, slice), slices along the normal of their plane, in HU; affine in RAS mm.
        `metadata` has the UIDs by their DICOM names, `SOPInstanceUIDs` in slice order, and, unless
        `series` was given, `other_series`: the axial CT series passed over. Nothing about the
        patient.

    Raises:
        InputError: no DICOM, no such series, or not one regular stack of slices.
        MissingExtraError: a compression that no installed package can decode.
    """
    headers = scan_folder(folder)
    if not headers:
        raise InputError(f"{folder} holds no DICOM images: give {EXPECTED}.")
    chosen = choose_series(headers, folder, series=series)
    name = f"{folder} (series {chosen[0].series_uid or 'without UID'})"
    check_same_plane(chosen, name)
    places = sort_slices(chosen)
    slices = [place[0] for place in places]
    affine = grid_affine(slices, name)

    store = new_store((slices[0].columns, slices[0].rows, len(slices)), str(folder), label=label)
    for k, place in enumerate(places):
        pixels = _read_hu(place[0])
        for twin in place[1:]:
            _check_duplicate(place[0], twin, pixels, name)
        store.put(slice(k, k + 1), pixels.T[:, :, None])
    metadata = {
        "format": "DICOM",
        "orientation_stated": True,
        "StudyInstanceUID": slices[0].study_uid,
        "SeriesInstanceUID": slices[0].series_uid,
        "FrameOfReferenceUID": slices[0].frame_uid,
        "SOPInstanceUIDs": tuple(header.instance_uid for header in slices),
        "other_series": () if series else tuple(rivals(headers, slices[0])),
    }
    return Volume(store.array, affine, source=str(folder), metadata=metadata)


def refuse_single_file(path: Path) -> InputError:
    """What to say when one DICOM file is given instead of its folder."""
    header = read_slice_header(path)
    if header is not None and "multi-frame" in header.role:
        return InputError(
            f"{path} is an enhanced (multi-frame) DICOM file, which is not supported: save it as a "
            "classic series (one file per slice) or as NIfTI."
        )
    if header is not None and header.modality == "SEG":
        return InputError(
            f"{path} is a DICOM SEG, a mask, where a scan is expected: give the folder that holds "
            "all slices of the scan."
        )
    what = "no image" if header is None else f"one {header.role}"
    return InputError(
        f"{path} is a single DICOM file ({what}): give the folder that holds all slices of the "
        "scan."
    )


def _check_duplicate(
    kept: SliceHeader, twin: SliceHeader, pixels: npt.NDArray[Any], name: str
) -> None:
    """Copies of a slice are harmless; two different slices at one place are two scans."""
    apart = np.abs(np.subtract(kept.position, twin.position)).max()
    if apart > 0.01 or not np.array_equal(_read_hu(twin), pixels):
        raise InputError(
            f"{name} has different slices at one position ({kept.path.name} and "
            f"{twin.path.name}): it holds several scans (phases); keep the files of one of them."
        )


def _read_hu(header: SliceHeader) -> npt.NDArray[Any]:
    """Pixels (row, column) with slope and intercept applied; whole numbers stay whole.

    Padding outside the field of view is kept as its HU value, often far below air.
    """
    import pydicom

    try:
        data = pydicom.dcmread(header.path, force=True)
        if "PixelData" not in data:
            raise ValueError("no pixel data")
        if "TransferSyntaxUID" not in data.file_meta:  # a file without DICOM's preamble
            data.file_meta.TransferSyntaxUID = _plain_syntax(data)
        slope = float(data.get("RescaleSlope", 1.0) or 1.0)
        intercept = float(data.get("RescaleIntercept", 0.0) or 0.0)
        if not decodable(data):
            return _read_with_itk(header, data.file_meta.TransferSyntaxUID)
        pixels = np.asarray(data.pixel_array)
        if pixels.shape != (header.rows, header.columns):
            raise ValueError(f"pixels of shape {pixels.shape}")
    except MissingExtraError:
        raise
    except Exception as error:  # decoders raise many kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{header.path} is damaged or cut short, its pixels cannot be decoded "
            f"({reason.rstrip('.')}): copy or export the series again."
        ) from None
    if (slope, intercept) == (1.0, 0.0):
        return pixels
    return pixels * slope + intercept


def _plain_syntax(data: Any) -> Any:
    """The uncompressed transfer syntax that pydicom found the elements to be written in."""
    from pydicom import uid

    implicit, little_endian = data.original_encoding
    if not little_endian:
        return uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian


def decodable(data: Any) -> bool:
    """Whether pydicom has what it needs for this file's compression."""
    from pydicom.pixels import get_decoder

    syntax = data.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _read_with_itk(header: SliceHeader, syntax: Any) -> npt.NDArray[Any]:
    """Decode through SimpleITK, which knows JPEG (lossless too) and gives HU by itself.

    Raises:
        MissingExtraError: SimpleITK cannot either.
    """
    import SimpleITK as sitk  # noqa: N813

    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(header.path))
    try:
        pixels: npt.NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        raise MissingExtraError(
            "pylibjpeg or pyjpegls",
            extra="dicom-codecs",
            purpose=f"Reading {header.path} ({syntax.name})",
        ) from None
    return pixels.reshape(header.rows, header.columns)
