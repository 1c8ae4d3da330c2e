"""The pixels of one DICOM slice or frame, decoded and in HU."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError, MissingExtraError, YnetError
from ynet3d.volumes.dicom_groups import first_item, functional_group
from ynet3d.volumes.dicom_headers import SliceHeader

#: Padding above this cannot be told from bone or metal by a window, and becomes air.
HIGHEST_HU = 16384.0
AIR_HU = -1024.0
#: JPEG baseline, extended, lossless (both), JPEG-LS (both), JPEG 2000 (both).
_ITK_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 57, 70, 80, 81, 90, 91))


class HuReader:
    """Reads slices in HU; a multi-frame file stays open until another file is asked for."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._data: Any = None

    def read(self, header: SliceHeader) -> npt.NDArray[Any]:
        """Pixels (row, column) with slope and intercept applied; whole numbers stay whole.

        Padding outside the field of view is kept as its HU value, often far below air; where that
        is above `HIGHEST_HU` (a negative number stored without its sign), it becomes air.

        Raises:
            InputError: damaged, cut short, or compressed in a way that nothing here decodes.
            MissingExtraError: a package that can be installed would decode it.
        """
        try:
            data = self._opened(header)
            pixels = _decoded(data, header)
            if pixels.shape != (header.rows, header.columns):
                raise ValueError(f"pixels of shape {pixels.shape}")
            return _in_hu(_without_overlays(pixels, data), data, header.frame)
        except (MissingExtraError, InputError):
            raise
        except Exception as error:  # decoders raise many kinds
            raise InputError(
                f"{header.path} is damaged or cut short, its pixels cannot be decoded "
                f"({_reason(error)}): copy or export the series again."
            ) from None

    def _opened(self, header: SliceHeader) -> Any:
        import pydicom

        if header.frame is not None and header.path == self._path:
            return self._data
        data = pydicom.dcmread(header.path, force=True)
        if "PixelData" not in data:
            raise ValueError("no pixel data")
        if "TransferSyntaxUID" not in data.file_meta:  # a file without DICOM's preamble
            data.file_meta.TransferSyntaxUID = _plain_syntax(data)
        self._path, self._data = header.path, data
        return data


def syntax_decodable(syntax: str) -> bool:
    """Whether pydicom, with what is installed, or SimpleITK decodes a transfer syntax ("": yes)."""
    return not syntax or syntax in _ITK_SYNTAXES or decodable(syntax)


def decodable(syntax: str) -> bool:
    """Whether pydicom has what it needs for a transfer syntax."""
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    try:
        known = UID(syntax)
        return not known.is_compressed or bool(get_decoder(known).is_available)
    except (NotImplementedError, ValueError):  # a private syntax, or no syntax at all
        return False


def missing_decoder(path: Path, syntax: str) -> YnetError:
    """What to say where nothing here decodes `syntax`."""
    from pydicom.uid import UID

    name = UID(syntax).name
    package = "pyjpegls" if "JPEG-LS" in name else None
    if "JPEG 2000" in name or "JPEG2000" in name:
        package = "pylibjpeg-openjpeg"
    if package is None:
        return InputError(
            f"{path} is stored in a way that nothing here can decode ({name}): export the series "
            "uncompressed, or as JPEG 2000."
        )
    return MissingExtraError(package, extra="dicom-codecs", purpose=f"Reading {path} ({name})")


def _decoded(data: Any, header: SliceHeader) -> npt.NDArray[Any]:
    """Stored pixels, by pydicom, else by SimpleITK."""
    from pydicom.pixels import pixel_array

    syntax = data.file_meta.TransferSyntaxUID
    if decodable(syntax):
        try:
            return np.asarray(pixel_array(data, index=header.frame or 0))
        except Exception:
            # Also where pydicom says that it can, it cannot always (JPEG of 12 bits).
            if not syntax.is_compressed or syntax.is_deflated:
                raise
            try:
                return _decoded_by_itk(data, header.frame or 0)
            except Exception:  # pydicom's own words are the clearer ones
                pass
            raise
    try:
        return _decoded_by_itk(data, header.frame or 0)
    except Exception:
        raise missing_decoder(header.path, syntax) from None


def _decoded_by_itk(data: Any, frame: int) -> npt.NDArray[Any]:
    """One frame through SimpleITK, which knows every kind of JPEG, as a file of its own."""
    import pydicom
    import SimpleITK as sitk  # noqa: N813 - the name it has everywhere
    from pydicom.encaps import encapsulate, get_frame
    from pydicom.uid import CTImageStorage, generate_uid

    frames = int(data.get("NumberOfFrames") or 1)
    alone = pydicom.Dataset()
    alone.file_meta = pydicom.dataset.FileMetaDataset()
    alone.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    alone.SOPClassUID, alone.SOPInstanceUID, alone.Modality = CTImageStorage, generate_uid(), "CT"
    for name in (
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
    ):
        alone[name] = data[name]
    alone.PixelData = encapsulate([get_frame(data.PixelData, frame, number_of_frames=frames)])
    alone["PixelData"].VR = "OB"
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    with tempfile.TemporaryDirectory(prefix="ynet3d-") as folder:
        path = Path(folder) / "frame.dcm"
        pydicom.dcmwrite(path, alone, enforce_file_format=True)
        reader.SetFileName(str(path))
        pixels: npt.NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    return pixels.reshape(int(data.Rows), int(data.Columns))


def _without_overlays(pixels: npt.NDArray[Any], data: Any) -> npt.NDArray[Any]:
    """Drawings that old scanners keep in the unused high bits of each pixel are taken out."""
    stored, allocated = int(data.get("BitsStored", 16)), int(data.get("BitsAllocated", 16))
    drawn = any(
        int(data.get((group, 0x0102)).value or 0) >= stored
        for group in range(0x6000, 0x6020, 2)
        if (group, 0x0102) in data
    )
    if not drawn or stored >= allocated or pixels.dtype.kind not in "iu":
        return pixels
    shift = pixels.dtype.itemsize * 8 - stored
    return (pixels << shift) >> shift  # of a signed type, the shift back restores the sign


def _in_hu(pixels: npt.NDArray[Any], data: Any, frame: int | None) -> npt.NDArray[Any]:
    stated = data
    if frame is not None:
        stated = functional_group(
            data.PerFrameFunctionalGroupsSequence[frame],
            first_item(data, "SharedFunctionalGroupsSequence"),
            "PixelValueTransformationSequence",
        )
    slope, intercept = (
        default if stated.get(name) is None else float(stated.get(name))
        for name, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise ValueError(f"a rescale slope of {slope:g} and an intercept of {intercept:g}")
    padding = data.get("PixelPaddingValue")
    if isinstance(padding, int):
        padded = pixels == np.array(padding).astype(pixels.dtype)
        stored = float(np.array(padding).astype(pixels.dtype))
        if stored * slope + intercept > HIGHEST_HU and padded.any():
            air = np.rint((AIR_HU - intercept) / slope)
            pixels = np.where(padded, air, pixels.astype(np.float64))
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


def _reason(error: Exception) -> str:
    """The line of an error that says what happened, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Unable to decode"):
        del lines[0]
    return lines[0].rstrip(".") if lines else type(error).__name__
