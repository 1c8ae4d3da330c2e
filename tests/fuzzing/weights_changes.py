"""Changes of safetensors: its JSON header, its length, its tensors."""

from __future__ import annotations

import hashlib
import json
import struct
from random import Random

from fuzzing.byte_changes import EXTREMES_64, change_bytes
from fuzzing.text_changes import change_text


def change_safetensors(data: bytes, random: Random) -> tuple[bytes, str]:
    """The header spoilt as JSON with its length corrected, a length that lies, or bytes."""
    length = int.from_bytes(data[:8], "little")
    way = random.random()
    if way < 0.2 or length > len(data):
        return change_bytes(data, random)
    if way < 0.3:
        lie = struct.pack("<Q", random.choice(EXTREMES_64) % 2**64)
        return lie + data[8:], "length of the header"
    if way < 0.5:
        content, note = change_bytes(data[8 + length :], random)
        return data[: 8 + length] + content, f"tensors: {note}"
    header, note = change_text(data[8 : 8 + length], random, name="header.json")
    return struct.pack("<Q", len(header)) + header + data[8 + length :], f"header: {note}"


def with_checksum(files: dict[str, bytes], tensors: str, facts: str) -> dict[str, bytes]:
    """The files with the checksum that the spoilt tensors have, so that they are looked at."""
    try:
        content = json.loads(files[facts])
        content["sha256"] = hashlib.sha256(files[tensors]).hexdigest()
        return files | {facts: json.dumps(content).encode()}
    except (ValueError, TypeError, UnicodeError, RecursionError):
        return files
