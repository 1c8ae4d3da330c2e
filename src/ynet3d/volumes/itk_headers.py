"""NRRD and MetaImage headers as text, looked at before ITK is let near them.

ITK takes memory for whatever a header says, and reads its voxels from any file that it names.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import InputError

#: No header is longer; what follows are voxels.
_HEADER_BYTES = 2**20
_MOST_AXES = 5
_MOST_FILES = 10_000
_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8", "int8_t", "uint8_t"), 1),
    **dict.fromkeys(("signed char", "unsigned char"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16", "int16_t", "uint16_t"), 2),
    **dict.fromkeys(("short int", "signed short", "signed short int", "unsigned short"), 2),
    **dict.fromkeys(("unsigned short int",), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "int32_t", "uint32_t", "float"), 4),
    **dict.fromkeys(("signed int", "unsigned int"), 4),
    **dict.fromkeys(("longlong", "ulonglong", "int64", "uint64", "int64_t", "uint64_t"), 8),
    **dict.fromkeys(("long long", "long long int", "signed long long", "double"), 8),
    **dict.fromkeys(("signed long long int", "unsigned long long", "unsigned long long int"), 8),
    **dict.fromkeys(("long", "ulong"), 8),
}
#: Fields of MetaImage with as many numbers as axes, and with that squared.
_PLACES = {
    **dict.fromkeys(("Offset", "Position", "Origin", "CenterOfRotation"), 1),
    **dict.fromkeys(("ElementSpacing", "ElementSize"), 1),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), 2),
}
_FIELD = re.compile(r"(?P<key>[A-Za-z_]\w*)[ \t]*=(?P<value>[^\0]*)", re.ASCII)
_STRICT = (
    *("NDims", "DimSize", "ElementType", "ElementDataFile", "HeaderSize", "BinaryData"),
    *("BinaryDataByteOrderMSB", "ElementByteOrderMSB", "CompressedData", "CompressedDataSize"),
    *("ElementNumberOfChannels", *_PLACES),
)
_LONGEST_LINE = 4000
#: NRRD's library writes what it does not understand into messages of a fixed size, and crashes.
_LONGEST_FIELD = 250
_PACKED = ("gzip", "gz", "bzip2", "bz2")
_TEXT = ("text", "txt", "ascii", "hex")
_SYNONYMS = {"datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip"}


@dataclass(frozen=True)
class ItkHeader:
    """What decides how much is read from where.

    Attributes:
        sizes: along each axis, fastest first.
        itemsize: bytes of a value.
        packed: values are compressed.
        text: values are written as numbers.
        files: where they are: the file itself, or those beside it.
        begin: bytes before them, in each file.
        stated: bytes that they take, if the header says so.
    """

    sizes: tuple[int, ...]
    itemsize: int
    packed: bool
    text: bool
    files: tuple[Path, ...]
    begin: int = 0
    stated: int | None = None

    @property
    def there(self) -> int:
        """Bytes that can be voxels; files have equal shares, so that the smallest decides."""
        sizes = [max(0, file.stat().st_size - self.begin) for file in self.files]
        return len(sizes) * min(sizes)


def read_nrrd_header(path: Path) -> ItkHeader:
    """The header of .nrrd or .nhdr.

    Raises:
        InputError: it does not say what it has to, says it twice, or names files elsewhere.
    """
    lines = _lines(path)
    fields: dict[str, str] = {}
    listed: list[str] = []
    for number, line in enumerate(lines[1:], start=1):
        if not line.strip():
            break
        line = line.removesuffix("\r")
        key, mark, value = line.partition(":")
        free = line.startswith("#") or value.startswith("=")  # comments, and what others add
        if not (free or mark) or (len(line) > _LONGEST_FIELD and not free):
            raise _unclear(path, f"anything in line {number + 1}, which is no field")
        key = _SYNONYMS.get(key.strip().lower(), key.strip().lower())
        if free:
            continue
        _put(fields, key, value.strip(), path)
        if key == "data file" and value.strip().upper().startswith("LIST"):
            listed = [name.strip() for name in lines[number + 1 :] if name.strip()]
            break
    encoding = fields.get("encoding", "").lower()
    return ItkHeader(
        _sizes(fields.get("sizes", ""), fields.get("dimension", ""), path),
        _itemsize(fields.get("type", ""), path),
        packed=encoding in _PACKED,
        text=encoding in _TEXT,
        files=_files(fields.get("data file", ""), listed, path),
    )


def read_metaimage_header(path: Path) -> ItkHeader:
    """The header of .mha or .mhd.

    Raises:
        InputError: it does not say what it has to, says it twice, or names files elsewhere.
    """
    lines = _lines(path)
    fields: dict[str, str] = {}
    listed: list[str] = []
    for number, line in enumerate(lines):
        # MetaIO reads on in whatever way it can: only what every reader sees alike is let on.
        match = _FIELD.fullmatch(line)
        if match is None or len(line) > _LONGEST_LINE:
            raise _unclear(path, f"anything in line {number + 1}, which is no field")
        key, value = match["key"], match["value"].strip(" \t\r")
        if number and key == "NDims" and set(fields) & set(_PLACES):
            raise _unclear(path, "how many axes it has before it says where they lead")
        if not value.isascii() and key in _STRICT:
            raise _unclear(path, f"what {key} is")
        _put(fields, key, value, path)
        if key == "ElementDataFile":
            listed = [name.strip() for name in lines[number + 1 :] if name.strip()]
            break
    _check_places(fields, path)
    local = fields.get("ElementDataFile", "").upper() == "LOCAL"
    packed, stated = _is_true(fields, "CompressedData", path), fields.get("CompressedDataSize")
    if (stated is None and packed) or not (stated or "0").isdecimal():
        raise _unclear(path, "how many bytes its voxels take")
    skipped = fields.get("HeaderSize", "0")
    if not skipped.removeprefix("-").isdecimal():
        raise _unclear(path, "where its voxels begin")
    data, kind = fields.get("ElementDataFile", ""), fields.get("ElementType", "")
    if not data:
        raise _unclear(path, "where its voxels are")
    # MET_CHAR_ARRAY and the like stand for several channels.
    kind = kind.removeprefix("MET_").removesuffix("_ARRAY").replace("_", " ").lower()
    channels = _sizes(fields.get("ElementNumberOfChannels", "1"), "1", path)
    return ItkHeader(
        (*channels, *_sizes(fields.get("DimSize", ""), fields.get("NDims", ""), path)),
        _itemsize(kind, path),
        packed=packed,
        text=not _is_true(fields, "BinaryData", path),
        files=_files("" if local else data, listed, path),
        begin=len("\n".join(lines[: number + 1])) + 1 if local else max(0, int(skipped)),
        stated=None if stated is None else int(stated),
    )


def _check_places(fields: dict[str, str], path: Path) -> None:
    """As many numbers as there are axes, or MetaIO loses its way in the header."""
    axes = len(fields.get("DimSize", "").split())
    for key, count in _PLACES.items():
        words = fields.get(key, "").split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = [math.nan]
        if words and (len(words) != axes**count or not all(map(math.isfinite, numbers))):
            raise _unclear(path, f"where its voxels lie, in {key}")


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        text = file.read(_HEADER_BYTES).decode("latin-1")
    return text.split("\n")


def _is_true(fields: dict[str, str], key: str, path: Path) -> bool:
    value = fields.get(key, "False").lower()
    if value not in ("true", "false", "1", "0"):
        raise _unclear(path, f"whether {key} holds")
    return value in ("true", "1")


def _put(fields: dict[str, str], key: str, value: str, path: Path) -> None:
    if key in fields:
        raise InputError(f"{path} has a damaged header ({key!r} stands in it twice): export again.")
    fields[key] = value


def _sizes(text: str, count: str, path: Path) -> tuple[int, ...]:
    try:
        sizes = tuple(int(word) for word in text.split())
        number = int(count)
    except ValueError:
        sizes, number = (), -1
    if len(sizes) != number or not 1 <= number <= _MOST_AXES or min(sizes) < 1:
        raise _unclear(path, "how large it is")
    return sizes


def _itemsize(kind: str, path: Path) -> int:
    if kind.lower() not in _BYTES:
        raise _unclear(path, "of what type its voxels are")
    return _BYTES[kind.lower()]


def _files(data: str, listed: list[str], path: Path) -> tuple[Path, ...]:
    """The files of the voxels, all of which have to lie beside the header or below."""
    if not data:
        return (path,)
    words = data.split()
    if words[0].upper() == "LIST":
        names = listed[:_MOST_FILES]
    elif "%" in data:
        names = _numbered(words, path)
    else:
        names = [data]
    if not names:
        raise _unclear(path, "where its voxels are")
    folder = path.parent.resolve()
    found = []
    for name in names:
        file = path.parent / name
        try:
            inside = not Path(name).is_absolute() and file.resolve().is_relative_to(folder)
            there = inside and file.is_file()
        except (OSError, ValueError):  # too long, or with characters that no name has
            inside = there = False
        if not inside:
            raise InputError(
                f"{path} names a data file that does not lie beside it ({name}): put both into "
                "one folder, and write the name alone into the header."
            )
        if not there:
            raise InputError(
                f"{path} cannot be read without its data file {name}: copy it beside its header."
            )
        found.append(file)
    return tuple(found)


def _numbered(words: list[str], path: Path) -> list[str]:
    """The names of a pattern with first, last and step, as `slice%03d.raw 1 20 1`."""
    pattern = re.fullmatch(r"([^%]*)%(0?\d?)d([^%]*)", words[0])
    try:
        first, last, step = (int(word) for word in (*words[1:4], "1")[:3])
        numbers = range(first, last + (1 if step > 0 else -1), step)
    except ValueError:
        numbers = range(0)
    if pattern is None or not 1 <= len(numbers) <= _MOST_FILES:
        raise _unclear(path, "where its voxels are")
    before, width, after = pattern.groups()
    return [f"{before}{number:{width}d}{after}" for number in numbers]


def _unclear(path: Path, what: str) -> InputError:
    return InputError(f"{path} has a damaged header (it does not say {what}): export it again.")
