"""One input of the fuzzer: the files that lie in a folder, and which of them is read."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

_ABOUT = "fuzz.json"
#: A file that no input may have read, and the value of all its voxels (int16).
OUTSIDE = Path("/tmp/ynet3d-fuzz-outside.raw")
OUTSIDE_VALUE = 19789


@dataclass(frozen=True)
class Case:
    """Files in memory.

    Attributes:
        kind: input class, which decides by what it is read.
        files: content by name, below one folder.
        entry: name of what is given to the reader; "" for the folder.
        note: how it was made.
    """

    kind: str
    files: dict[str, bytes]
    entry: str
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    def with_file(self, name: str, change: Callable[[bytes], bytes], note: str) -> Case:
        """The same with another content of one file."""
        files = self.files | {name: change(self.files[name])}
        return replace(self, files=files, note=f"{self.note}; {note} in {name}".strip("; "))

    def write(self, folder: Path) -> Path:
        """Write the files; the path of what is to be read."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.entry if self.entry else folder

    def save(self, path: Path) -> None:
        """Keep it in a zip, to be replayed."""
        about = {"kind": self.kind, "entry": self.entry, "note": self.note}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_ABOUT, json.dumps(about, indent=2))
            for name, content in self.files.items():
                archive.writestr(f"files/{name}", content)


def load_case(path: Path) -> Case:
    """What `Case.save` kept."""
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read(_ABOUT))
        names = [name for name in archive.namelist() if name != _ABOUT]
        files = {name.removeprefix("files/"): archive.read(name) for name in names}
    return Case(about["kind"], files, about["entry"], about["note"])
