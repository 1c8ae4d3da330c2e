"""Changes that know nothing of what the bytes mean."""

from __future__ import annotations

import struct
from random import Random

#: Whole numbers at which readers stumble.
EXTREMES = (0, 1, -1, 2, 127, 128, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1)
EXTREMES_64 = (*EXTREMES, 2**40, 2**62, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1e-30, -1.0, 1e30, 3.4e38, float("nan"), float("inf"), float("-inf"), 1e-320)


def change_bytes(data: bytes, random: Random) -> tuple[bytes, str]:
    """One change, and what it is called."""
    change = random.choice(_CHANGES)
    return bytes(change(bytearray(data), random)), change.__name__.strip("_")


def _somewhere(data: bytearray, random: Random) -> int:
    """A place, more often than not in the first bytes, where headers are."""
    if not data:
        return 0
    return random.randrange(min(len(data), 600) if random.random() < 0.6 else len(data))


def _flip_bits(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.choice((1, 1, 2, 8, 64)) if data else 0):
        data[_somewhere(data, random)] ^= 1 << random.randrange(8)
    return data


def _set_bytes(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.choice((1, 2, 4)) if data else 0):
        data[_somewhere(data, random)] = random.choice((0, 0xFF, 0x7F, 0x80, 0x0A, 0x20, 0x2E))
    return data


def _set_number(data: bytearray, random: Random) -> bytearray:
    kind = random.choice(("<h", ">h", "<i", ">i", "<q", ">q", "<f", ">f", "<d"))
    size = struct.calcsize(kind)
    if len(data) < size:
        return data
    at = min(_somewhere(data, random), len(data) - size) // 2 * 2
    if kind[1] in "fd":
        packed = struct.pack(kind, random.choice(FLOATS))
    else:
        value = random.choice(EXTREMES_64) % 2 ** (8 * size)
        packed = struct.pack(kind.replace(kind[1], kind[1].upper()), value)
    data[at : at + size] = packed
    return data


def _truncate(data: bytearray, random: Random) -> bytearray:
    return data[: random.choice((_somewhere(data, random), max(0, len(data) - 1), 0))]


def _double(data: bytearray, random: Random) -> bytearray:
    return data + data if random.random() < 0.5 else data + data[: _somewhere(data, random)]


def _insert(data: bytearray, random: Random) -> bytearray:
    at = _somewhere(data, random)
    return data[:at] + random.randbytes(random.choice((1, 2, 16, 300))) + data[at:]


def _delete(data: bytearray, random: Random) -> bytearray:
    at = _somewhere(data, random)
    del data[at : at + random.choice((1, 2, 8, 100))]
    return data


def _overwrite(data: bytearray, random: Random) -> bytearray:
    at, size = _somewhere(data, random), random.choice((1, 4, 32))
    fill = random.choice((b"\0", b"\xff", b"9", random.randbytes(1)))
    data[at : at + size] = (fill * size)[: max(0, len(data) - at)]
    return data


def _swap(data: bytearray, random: Random) -> bytearray:
    size = random.choice((1, 2, 4, 16))
    one, other = _somewhere(data, random), _somewhere(data, random)
    first, second = data[one : one + size], data[other : other + size]
    if len(first) == len(second):
        data[one : one + size], data[other : other + size] = second, first
    return data


def _reverse_pair(data: bytearray, random: Random) -> bytearray:
    at, size = _somewhere(data, random), random.choice((2, 4, 8))
    data[at : at + size] = data[at : at + size][::-1]
    return data


def _repeat(data: bytearray, random: Random) -> bytearray:
    at, size = _somewhere(data, random), random.choice((1, 4, 64))
    return data[:at] + data[at : at + size] * random.choice((2, 10, 100)) + data[at + size :]


_CHANGES = (
    _flip_bits,
    _set_bytes,
    _set_number,
    _truncate,
    _double,
    _insert,
    _delete,
    _overwrite,
    _swap,
    _reverse_pair,
    _repeat,
)
