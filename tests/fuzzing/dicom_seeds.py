"""Valid DICOM: slices, series, compressed and multi-frame files, masks, and zips of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from dicom_files import write_ct_series
from enhanced_files import write_enhanced_ct
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from volume_cases import hu_array

from fuzzing.case import Case
from fuzzing.volume_seeds import AFFINE, hu

_TIMES = {"DA": "20260101", "TM": "120000", "DT": "20260101120000"}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _without_time(_: pydicom.Dataset, element: pydicom.DataElement) -> None:
    """When it was written would make another file of it each time."""
    if element.VR in _TIMES:
        element.value = _TIMES[element.VR]


def series_seeds(folder: Path) -> Iterator[Case]:
    """A folder of four slices, one of them alone, two series in one folder, without preamble."""
    write_ct_series(folder / "one", hu(), AFFINE, series_uid="1.2.3")
    files = _files(folder / "one")
    yield Case("dicom-series", files, "")
    write_ct_series(folder / "two", hu(), AFFINE, series_uid="1.2.3")
    write_ct_series(
        folder / "two" / "more", hu(), AFFINE, series_uid="1.2.4", SeriesDescription="PV"
    )
    yield Case("dicom-series", _files(folder / "two"), "")
    uneven = {"ImagePositionPatient": lambda k: ["0", "0", str((0, 2.5, 5, 8)[k])]}
    write_ct_series(folder / "uneven", hu(), AFFINE, series_uid="1.2.5", **uneven)
    yield Case("dicom-series", _files(folder / "uneven"), "")
    yield Case("dicom-series", {name: data[132:] for name, data in files.items()}, "")


def single_seeds(folder: Path) -> Iterator[Case]:
    """One slice, which is refused even when whole, because it is no scan."""
    write_ct_series(folder, hu(), AFFINE, series_uid="1.2.3")
    name, data = next(iter(_files(folder).items()))
    yield Case("dicom-single", {name: data}, name)


def compressed_seeds(folder: Path) -> Iterator[Case]:
    """The series packed in every way that can be written here."""
    for syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless):
        # JPEG 2000 halves an image five times.
        large = hu_array(0, (36, 34, 4))
        write_ct_series(folder / syntax, large, AFFINE, series_uid="1.2.3", transfer_syntax=syntax)
        yield Case("dicom-compressed", _files(folder / syntax), "")
    write_ct_series(folder / "deflated", hu(), AFFINE, series_uid="1.2.3")
    for path in (folder / "deflated").iterdir():
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        pydicom.dcmwrite(path, data)
    yield Case("dicom-compressed", _files(folder / "deflated"), "")


def enhanced_seeds(folder: Path) -> Iterator[Case]:
    """Multi-frame files, one of them packed."""
    for syntax in (ExplicitVRLittleEndian, RLELossless):
        path = folder / f"{syntax}.dcm"
        write_enhanced_ct(path, hu(), AFFINE, transfer_syntax=syntax)
        yield Case("dicom-enhanced", {"scan.dcm": path.read_bytes()}, "scan.dcm")
    path = write_enhanced_ct(folder / "x.dcm", hu(), AFFINE, slope=lambda k: 1.0 + k)
    yield Case("dicom-enhanced", {"scan.dcm": path.read_bytes()}, "scan.dcm")


def seg_seeds(folder: Path) -> Iterator[Case]:
    """Masks of liver and tumour of every type."""
    from seg_files import LIVER, TUMOUR, write_seg

    liver = np.zeros((8, 8, 4), dtype=bool)
    liver[1:6, 1:6, 1:4] = True
    tumour = np.zeros_like(liver)
    tumour[6:7, 2:4, 2:3] = True
    folder.mkdir()
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        masks = {LIVER: liver, TUMOUR: tumour}
        if kind == "FRACTIONAL":
            masks = {name: mask.astype(np.float32) for name, mask in masks.items()}
        path = write_seg(folder / f"{kind}.dcm", masks, AFFINE, kind=kind)
        data = pydicom.dcmread(path)
        data.walk(_without_time)
        pydicom.dcmwrite(path, data)
        yield Case("dicom-seg", {"mask.dcm": path.read_bytes()}, "mask.dcm")


def dicom_zip_seeds(folder: Path) -> Iterator[Case]:
    """A zip of a series, with folders inside."""
    for case in series_seeds(folder):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in case.files.items():
                info = zipfile.ZipInfo(f"study/series/{name}")
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
        yield Case("dicom-zip", {"study.zip": stream.getvalue()}, "study.zip")
