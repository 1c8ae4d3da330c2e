"""Names and numbers that do not tell whose scan an output is of."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ynet3d.volumes import Volume


def pseudonym_uid(uid: str) -> str:
    """A UID in place of another, the same each time, from which the other cannot be told.

    Its number is the first half of the SHA-256 of `uid`, as a UUID is written as one (PS3.5, B.2).
    Whoever has the scan can see that the two belong together; nobody else can. What follows a "#"
    (the second scan of a series) stays; "" stays "".
    """
    plain, mark, part = uid.partition("#")
    if not plain:
        return uid
    digits = int.from_bytes(hashlib.sha256(plain.encode()).digest()[:16], "big")
    return f"2.25.{digits}{mark}{part}"


@dataclass(frozen=True)
class Wording:
    """How sentences about a scan name it.

    Attributes:
        name: in place of the path that sentences have.
        deidentify: files in the scan's folder are not named, and UIDs by their pseudonyms.
        uids: those that may be named.
    """

    name: str
    scan: Path
    deidentify: bool = False
    uids: frozenset[str] = frozenset()

    def of(self, volume: Volume) -> Wording:
        """This wording, which knows the series of what was read by now, too."""
        known = {str(volume.metadata.get("SeriesInstanceUID") or "")}
        known |= {each.uid for each in volume.metadata.get("other_series", ())}
        return replace(self, uids=frozenset(known - {""}))

    def __call__(self, sentence: str) -> str:
        """The sentence with other names."""
        if not self.deidentify:
            return sentence.replace(str(self.scan), self.name)
        inside = re.compile(re.escape(str(self.scan)) + r"(/\S*[^\s,;:.)])?")
        sentence = inside.sub(lambda _: self.name, sentence)
        for uid in self.uids:
            sentence = re.sub(rf"(?<![\d.]){re.escape(uid)}(?!\.?\d)", pseudonym_uid(uid), sentence)
        return sentence
