"""Changes of NIfTI, NRRD and MetaImage headers that know their fields."""

from __future__ import annotations

import gzip
import zlib
from random import Random
from typing import Any

import nibabel
import numpy as np

from fuzzing.byte_changes import EXTREMES_64, FLOATS, change_bytes
from fuzzing.case import OUTSIDE

_NUMBERS = (
    *("0", "-1", "1", "2", "7", "65536", "2147483647", "4294967296", "9223372036854775807"),
    *("99999999999999999999999999", "1e400", "nan", "inf", "-inf", "1e-320", "0.5", "x", ""),
)
_PATHS = (
    *(
        str(OUTSIDE),
        "../../outside.raw",
        "/etc/hostname",
        "LIST",
        "list.%03d.raw",
        "x.raw",
        ".",
        "/dev/zero",
    ),
    *("scan%d.raw 1 4000000000 1", "scan%d.raw 1 3 1 3", "..\\outside.raw", "", "LOCAL", "~/x"),
)
_WORDS = {
    "encoding": ("raw", "gzip", "ascii", "hex", "bzip2", "raw9", ""),
    "type": ("int8", "uchar", "short", "unsigned long long", "float", "double", "block", "x"),
    "endian": ("big", "little", "middle"),
    "space": ("left-posterior-superior", "RAS", "scanner-xyz-time", "2D-left-posterior", "x"),
    "kinds": ("domain domain domain", "vector domain domain", "RGB-color domain domain", "x"),
    "data file": _PATHS,
    "ElementDataFile": _PATHS,
    "ElementType": ("MET_CHAR", "MET_DOUBLE", "MET_ULONG_LONG", "MET_OTHER", "MET_STRING", "x"),
    "BinaryData": ("True", "False", "x"),
    "CompressedData": ("True", "False", "x"),
    "BinaryDataByteOrderMSB": ("True", "False"),
    "HeaderSize": ("-1", "0", "100", "99999999999"),
    "CompressedDataSize": _NUMBERS,
    "ElementNumberOfChannels": _NUMBERS,
    "line skip": _NUMBERS,
    "byte skip": _NUMBERS,
    "block size": _NUMBERS,
}


def change_nifti(data: bytes, random: Random) -> tuple[bytes, str]:
    """One field of the header to an extreme; compressed data is packed again, often correctly."""
    packed = data[:2] == b"\x1f\x8b"
    if packed and random.random() < 0.3:
        return change_bytes(data, random)
    try:
        plain = zlib.decompress(data, 31) if packed else data
    except zlib.error:  # spoilt before
        return change_bytes(data, random)
    if len(plain) < 540:
        return change_bytes(data, random)
    two = plain[4:8] == b"n+2\0"
    kind = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    order = "<" if plain[0] in (0x5C, 0x1C) else ">"
    dtype = kind.template_dtype.newbyteorder(order)
    header = np.frombuffer(plain[: dtype.itemsize], dtype=dtype).copy()
    name = random.choice(_NIFTI_FIELDS if random.random() < 0.8 else dtype.names or ())
    _set_field(header[name], random)
    changed = header.tobytes() + plain[dtype.itemsize :]
    return _packed(changed, random) if packed else changed, f"field {name}"


_NIFTI_FIELDS = (
    *("dim", "dim", "dim", "pixdim", "datatype", "bitpix", "vox_offset", "scl_slope", "scl_inter"),
    *("srow_x", "srow_y", "srow_z", "quatern_b", "qoffset_x", "sform_code", "qform_code"),
    *("xyzt_units", "sizeof_hdr", "magic"),
)


def _set_field(field: Any, random: Random) -> None:
    kind = field.dtype.kind
    with np.errstate(all="ignore"):
        if kind in "SV":
            field[...] = np.frombuffer(random.randbytes(field.dtype.itemsize), field.dtype)[0]
            return
        values = FLOATS if kind == "f" else EXTREMES_64 + _CODES
        flat = field.reshape((*field.shape[:1], -1))
        whole = random.random() < 0.15
        for at in range(flat.shape[1]) if whole else [random.randrange(flat.shape[1])]:
            value = random.choice(values)
            if kind in "iu":
                info = np.iinfo(field.dtype)
                value = min(max(int(value), info.min), info.max)
            flat[0, at] = value
        field[...] = flat.reshape(field.shape)


#: Codes of data types, units and transforms.
_CODES = (4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 3, 24)


def _packed(plain: bytes, random: Random) -> bytes:
    """Gzip, in one piece or two, with padding, or with a trailer that lies."""
    way = random.randrange(6)
    if way == 0:
        cut = random.randrange(len(plain) + 1)
        return gzip.compress(plain[:cut], mtime=0) + gzip.compress(plain[cut:], mtime=0)
    data = gzip.compress(plain, mtime=0)
    if way == 1:
        return data + b"\0" * 100
    if way == 2:
        return data[:-8] + random.randbytes(8)
    return data


def change_text_header(data: bytes, random: Random) -> tuple[bytes, str]:
    """One line of an NRRD or MetaImage header; the voxels stay as they are."""
    nrrd = data.startswith(b"NRRD")
    end = data.find(b"\n\n") + 1 if nrrd else data.find(b"\n", data.find(b"ElementDataFile")) + 1
    if end <= 0:
        return change_bytes(data, random)
    lines = data[:end].decode("latin-1").splitlines()
    at = random.randrange(len(lines))
    mark = ": " if nrrd else " = "
    key, found, value = lines[at].partition(mark)
    way = random.randrange(10)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, lines[random.randrange(len(lines))])
    elif way == 2:
        name = random.choice(list(_WORDS))
        lines.insert(max(1, at), f"{name}{mark}{random.choice(_WORDS[name])}")
    elif way == 3:
        lines[at] = lines[at] + random.choice(" x9\0\x1b[31m%s" * 1)
    elif way == 4:
        lines[at] = random.choice((lines[at].upper(), lines[at] * 200, "A" * 5000, "#", "x:=y"))
    elif found and key in _WORDS and way < 8:
        lines[at] = f"{key}{mark}{random.choice(_WORDS[key])}"
    elif found:
        parts = value.split(" ")
        parts[random.randrange(len(parts))] = random.choice(_NUMBERS)
        if random.random() < 0.15:
            parts *= random.choice((2, 50))
        lines[at] = f"{key}{mark}{' '.join(parts)}"
    text = "\n".join(lines) + "\n"
    return text.encode("latin-1", "replace") + data[end:], f"header line {key!r}"
