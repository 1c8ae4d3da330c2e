"""Changes of DICOM files that know elements: values, lengths and types of a place in the file."""

from __future__ import annotations

import struct
from random import Random

from fuzzing.byte_changes import EXTREMES, FLOATS, change_bytes

_LONG = (b"OB", b"OW", b"OF", b"SQ", b"UT", b"UN", b"OD", b"OL", b"UC", b"UR")
_NUMBERS = (b"US", b"SS", b"UL", b"SL")
#: Elements that readers compute with; taken far more often than others, wherever they are nested.
_TAGS = (
    *((0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0008), (0x0028, 0x0002), (0x0028, 0x0100)),
    *((0x0028, 0x0101), (0x0028, 0x0102), (0x0028, 0x0103), (0x0028, 0x0004), (0x0028, 0x0030)),
    *((0x0028, 0x1052), (0x0028, 0x1053), (0x0028, 0x0120), (0x0028, 0x1054), (0x0028, 0x0006)),
    *((0x0020, 0x0032), (0x0020, 0x0037), (0x0020, 0x000E), (0x0020, 0x000D), (0x0020, 0x0011)),
    *((0x0018, 0x0050), (0x0018, 0x0088), (0x0008, 0x0008), (0x0008, 0x0060), (0x0008, 0x0016)),
    *((0x0008, 0x0032), (0x0018, 0x1042), (0x0008, 0x103E), (0x0008, 0x0005), (0x0020, 0x0100)),
    *((0x7FE0, 0x0010), (0x5200, 0x9229), (0x5200, 0x9230), (0x0002, 0x0010), (0x0002, 0x0000)),
    *((0x0062, 0x0001), (0x0062, 0x0002), (0x0062, 0x0004), (0x0062, 0x0005), (0x0062, 0x000B)),
    *((0x0062, 0x000E), (0x0062, 0x000F), (0x0020, 0x9113), (0x0020, 0x9116), (0x0028, 0x9110)),
    *((0x0008, 0x0100), (0x0008, 0x0104), (0x0020, 0x0052), (0x0028, 0x9145), (0x0020, 0x9111)),
)
_TEXTS = (
    *(b"", b" ", b"0", b"-1", b"1e400", b"nan", b"inf", b"-1e-320", b"99999999999999999999", b"x"),
    *(
        b"1\\2",
        b"1\\2\\3\\4\\5\\6\\7",
        b"\\\\\\",
        b"0\\0\\0",
        b"0\\0\\0\\0\\0\\0",
        b"1,5",
        b"1e308\\1e308",
    ),
    *(b"\xff\xfe", b"\x1b[31mred", b"<script>", b"../../x", b"\0\0", b"1.2.840.10008.1.2.4.91"),
    *(b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99", b"SEG", b"CT"),
    *(
        b"1.2.840.10008.1.2.5",
        b"1.2.840.10008.1.2.4.50",
        b"ISO_IR 192",
        b"ISO 2022 IR 87",
        b"LABELMAP",
    ),
)


def change_dicom(data: bytes, random: Random) -> tuple[bytes, str]:
    """One element of a file in explicit little endian, wherever in the file it is."""
    places = _places(data, random)
    if not places:
        return change_bytes(data, random)
    at = random.choice(places)
    tag = "{:04x},{:04x}".format(*struct.unpack("<HH", data[at : at + 4]))
    kind = data[at + 4 : at + 6]
    head = 12 if kind in _LONG else 8
    length = _length(data, at, head)
    end = min(at + head + (0 if length == 0xFFFFFFFF else length), len(data))
    way = random.randrange(12)
    if way == 0:
        changed = data[:at] + data[end:]
    elif way == 1:
        changed = data[:end] + data[at:end] + data[end:]
    elif way == 2:
        lie = random.choice(EXTREMES) % (2**32 if head == 12 else 2**16)
        changed = data[: at + head - (4 if head == 12 else 2)]
        changed += struct.pack("<I" if head == 12 else "<H", lie) + data[at + head :]
    elif way == 3:
        other = random.choice((b"UN", b"SQ", b"OB", b"DS", b"US", b"PN", b"FD", b"ZZ", b"AT"))
        changed = data[: at + 4] + other + data[at + 6 :]
    elif way == 4:
        new = struct.pack("<HH", *random.choice(_TAGS))
        changed = data[:at] + new + data[at + 4 :]
    else:
        value = _value(kind, data[at + head : end], random)
        changed = data[:at] + _element(data[at : at + 4], kind, value) + data[end:]
    return changed, f"element {tag}"


def _places(data: bytes, random: Random) -> list[int]:
    """Where elements may begin: those of one favourite tag, else those one after another."""
    for tag in random.sample(_TAGS, len(_TAGS)) if random.random() < 0.8 else ():
        mark, found, at = struct.pack("<HH", *tag), [], -1
        while (at := data.find(mark, at + 1)) >= 0:
            if data[at + 4 : at + 6].isupper():
                found.append(at)
        if found:
            return found
    places, at = [], 132 if data[128:132] == b"DICM" else 0
    while at + 8 <= len(data) and data[at + 4 : at + 6].isupper():
        places.append(at)
        head = 12 if data[at + 4 : at + 6] in _LONG else 8
        length = _length(data, at, head)
        if length == 0xFFFFFFFF:
            break
        at += head + length
    return places


def _length(data: bytes, at: int, head: int) -> int:
    piece = data[at + (8 if head == 12 else 6) : at + head]
    return int.from_bytes(piece, "little")


def _value(kind: bytes, old: bytes, random: Random) -> bytes:
    if random.random() < 0.15:
        return old * random.choice((2, 100)) if len(old) < 500 else old[: len(old) // 2]
    if kind in _NUMBERS:
        size = 2 if kind in (b"US", b"SS") else 4
        return (random.choice(EXTREMES) % 2 ** (8 * size)).to_bytes(size, "little")
    if kind in (b"FD", b"FL"):
        size, code = (8, "<d") if kind == b"FD" else (4, "<f")
        values = list(
            struct.unpack(f"<{len(old) // size}{code[1]}", old[: len(old) // size * size])
        )
        values = values or [0.0]
        values[random.randrange(len(values))] = random.choice(FLOATS)
        return b"".join(struct.pack(code, value) for value in values)
    if kind in (b"OB", b"OW"):
        return change_bytes(old, random)[0]
    if kind == b"DS" and random.random() < 0.6:
        parts = old.split(b"\\")
        parts[random.randrange(len(parts))] = random.choice(_TEXTS)
        return b"\\".join(parts)
    return random.choice(_TEXTS)


def _element(tag: bytes, kind: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    if kind in _LONG:
        return tag + kind + b"\0\0" + struct.pack("<I", len(value)) + value
    return tag + kind + struct.pack("<H", len(value) % 2**16) + value
