"""Valid volumes, a few hundred voxels each, written by hand or by other libraries."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator

import nibabel
import numpy as np
from volume_cases import hu_array

from fuzzing.case import Case

SHAPE = (6, 5, 4)
AFFINE = np.diag([-0.75, -0.75, 2.5, 1.0])


def hu() -> np.ndarray:
    """The voxels of every scan here, (i, j, k)."""
    return hu_array(0, SHAPE)


def nifti_seeds() -> Iterator[Case]:
    """Of both versions, both byte orders, and several types."""
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        for code in ("<i2", ">i2", "<f4", ">f8", "<u1", "<i4"):
            values = hu() if "u1" not in code else np.clip(hu(), 0, 255)
            header = kind.header_class(endianness=code[0])
            header.set_data_dtype(np.dtype(code))
            image = kind(values.astype(code), AFFINE, header)
            image.header.set_xyzt_units("mm")
            yield Case("nifti", {"scan.nii": image.to_bytes()}, "scan.nii")
    scaled = nibabel.Nifti1Image(hu(), AFFINE)
    scaled.header.set_slope_inter(2.0, -100.0)
    yield Case("nifti", {"scan.nii": scaled.to_bytes()}, "scan.nii")


def gzip_seeds() -> Iterator[Case]:
    """The same, packed in one piece and in two."""
    for number, case in enumerate(nifti_seeds()):
        plain = case.files["scan.nii"]
        packed = gzip.compress(plain, mtime=0)
        if number % 3 == 1:
            packed = gzip.compress(plain[:100], mtime=0) + gzip.compress(plain[100:], mtime=0)
        yield Case("nifti-gzip", {"scan.nii.gz": packed}, "scan.nii.gz")


_NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 6 5 4\n"
    "space directions: (0.75,0,0) (0,0.75,0) (0,0,2.5)\nkinds: domain domain domain\n"
    "endian: little\nencoding: {encoding}\nspace origin: (0,0,0)\n"
)


def nrrd_seeds() -> Iterator[Case]:
    """Raw, gzip and text, in the file and beside it."""
    plain = hu().astype("<i2").tobytes(order="F")
    text = " ".join(str(value) for value in hu().ravel(order="F")).encode()
    for encoding, data in (
        ("raw", plain),
        ("gzip", gzip.compress(plain, mtime=0)),
        ("ascii", text),
    ):
        header = _NRRD.format(encoding=encoding)
        yield Case("nrrd", {"scan.nrrd": f"{header}\n".encode() + data}, "scan.nrrd")
        for line in ("data file: scan.raw", "datafile: ./scan.raw"):
            files = {"scan.nhdr": f"{header}{line}\n\n".encode(), "scan.raw": data}
            yield Case("nrrd", files, "scan.nhdr")
    slices = {f"part{k}.raw": hu()[:, :, k].astype("<i2").tobytes(order="F") for k in range(4)}
    header = _NRRD.format(encoding="raw")
    listed = "".join(f"{name}\n" for name in slices)
    for lines in ("data file: part%d.raw 0 3 1\n\n", f"data file: LIST\n{listed}"):
        yield Case("nrrd", {"scan.nhdr": (header + lines).encode(), **slices}, "scan.nhdr")


_META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
    "CompressedData = {packed}\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
    "CenterOfRotation = 0 0 0\nAnatomicalOrientation = RAI\nElementSpacing = 0.75 0.75 2.5\n"
    "DimSize = 6 5 4\nElementType = MET_SHORT\n{more}ElementDataFile = {file}\n"
)


def metaimage_seeds() -> Iterator[Case]:
    """Raw and packed, in the file, beside it, and slice by slice."""
    plain = hu().astype("<i2").tobytes(order="F")
    packed = zlib.compress(plain)
    size = f"CompressedDataSize = {len(packed)}\n"
    for data, flag, more in ((plain, False, ""), (packed, True, size)):
        inside = _META.format(packed=flag, more=more, file="LOCAL").encode() + data
        yield Case("metaimage", {"scan.mha": inside}, "scan.mha")
        name = "scan.zraw" if flag else "scan.raw"
        header = _META.format(packed=flag, more=more, file=name).encode()
        yield Case("metaimage", {"scan.mhd": header, name: data}, "scan.mhd")
    slices = {f"part{k}.raw": hu()[:, :, k].astype("<i2").tobytes(order="F") for k in range(4)}
    listed = "".join(f"{name}\n" for name in slices)
    for file in ("part%d.raw 0 3 1", f"LIST\n{listed}"):
        header = _META.format(packed=False, more="", file=file).encode()
        yield Case("metaimage", {"scan.mhd": header, **slices}, "scan.mhd")


def zip_seeds() -> Iterator[Case]:
    """Zips of one volume, and of a header with its data."""
    import zipfile

    volumes = (next(gzip_seeds()), next(nifti_seeds()), *nrrd_seeds(), *metaimage_seeds())
    for case in volumes:
        if len(case.files) > 2:
            continue  # one volume in many files is no zip of one volume
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in case.files.items():
                info = zipfile.ZipInfo(f"study/{name}")
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
        yield Case("zip", {"scan.zip": stream.getvalue()}, "scan.zip")
