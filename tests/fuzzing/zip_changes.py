"""Zips packed anew with names, sizes and contents meant to hurt, or with headers spoilt."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from random import Random

from fuzzing.byte_changes import EXTREMES_64, change_bytes

_NAMES = (
    *(
        "../outside.dcm",
        "../../../../tmp/ynet3d-fuzz-was-here",
        "/tmp/ynet3d-fuzz-was-here",
        "C:\\x",
    ),
    *("a/../../outside", "..\\outside", "a//b", "./x", ".", "..", "", "/", "a/", "con", "x\0y.dcm"),
    *("x" * 300, "d/" * 200 + "x", "d/" * 3000 + "x", "\ud7ff\u202e.dcm", "\x1b[31m.dcm", "~root"),
    *("__MACOSX/x", ".hidden", "a\nb.dcm", "series.zip", "scan.nii.gz", "x.mhd", "DICOMDIR", "%s"),
)
_LINK, _DEVICE, _FIFO = 0o120777 << 16, 0o060666 << 16, 0o010666 << 16


def change_zip(data: bytes, random: Random) -> tuple[bytes, str]:
    """One change of the archive as a whole, of one entry, or of a field of its headers."""
    way = random.randrange(10)
    if way < 2:
        return change_bytes(data, random)
    if way < 5:
        return _change_field(data, random)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except Exception:
        return change_bytes(data, random)
    return _packed_anew(entries, way, random)


def _packed_anew(entries: list[tuple[str, bytes]], way: int, random: Random) -> tuple[bytes, str]:
    at = random.randrange(len(entries) + 1)
    mode, note = 0o100644 << 16, "entry"
    name, content = random.choice(_NAMES), b"x" * 200
    if way == 5:
        note = f"name {name[:20]!r}"
        content = random.choice(entries)[1] if entries else content
    elif way == 6:
        note, mode = "special file", random.choice((_LINK, _LINK, _DEVICE, _FIFO))
        content = random.choice((b"/etc/hostname", b"../outside.raw", b"/", b"."))
        name = random.choice(("link.dcm", "scan.nii.gz", "folder"))
        if random.random() < 0.5:  # and a file that would go through the link
            entries = [*entries, ("folder/inside.dcm", b"x" * 200)]
    elif way == 7:
        note, name = "bomb", random.choice(("bomb.dcm", "scan.nii", "bomb"))
        content = bytes(random.choice((2**20, 2**24, 2**26)))
    elif way == 8:
        note, name, content = "zip in a zip", "inner.zip", _pack(entries, random)
    else:
        note, name, content = "another file", "notes.txt", random.randbytes(300)
    info = zipfile.ZipInfo(name or "x")
    info.filename = name
    info.external_attr, info.create_system = mode, 3
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(
            stream, "w", random.choice((zipfile.ZIP_STORED, 8, 12, 14))
        ) as archive:
            for other, data in entries[:at]:
                archive.writestr(_named(other), data)
            try:
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
            except (ValueError, UnicodeEncodeError):
                note = "entry that cannot be written"
            for other, data in entries[at:]:
                archive.writestr(_named(other), data)
    return stream.getvalue(), note


def _named(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name)  # without a time, so that the same seed gives the same bytes


def _pack(entries: list[tuple[str, bytes]], random: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in entries:
            archive.writestr(_named(name), data)
    return stream.getvalue()


#: Offset and size of fields behind each mark.
_FIELDS = {
    b"PK\x03\x04": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\x01\x02": ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)),
    b"PK\x05\x06": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}


def _change_field(data: bytes, random: Random) -> tuple[bytes, str]:
    mark = random.choice(list(_FIELDS))
    places, at = [], -1
    while (at := data.find(mark, at + 1)) >= 0:
        places.append(at)
    if not places:
        return change_bytes(data, random)
    offset, size = random.choice(_FIELDS[mark])
    start = random.choice(places) + offset
    value = random.choice((*EXTREMES_64, 8, 9, 12, 14, 99, 4_000_000_000)) % 2 ** (8 * size)
    changed = data[:start] + struct.pack("<H" if size == 2 else "<I", value) + data[start + size :]
    return changed, f"zip field {mark[2:].hex()}+{offset}"
