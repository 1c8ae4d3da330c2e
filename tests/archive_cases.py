"""Archives whose scans are a few bytes, and a worker that needs no network for them.

The first word of a scan says what befalls its worker.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ynet3d.archive.manifest import Manifest
from ynet3d.archive.messages import Task
from ynet3d.archive.options import ArchiveSettings
from ynet3d.archive.storage import Place
from ynet3d.archive.worker import CaseWorker
from ynet3d.errors import InputError


class Scripted(CaseWorker):
    """Does what the scan's first word says; the mask says who made it when."""

    def load_network(self) -> None:
        """Nothing to load."""

    def predict_scan(self, scan: Path, folder: Path, task: Task) -> dict[str, Any]:
        """good, bad, killed-once, killed, exhausted or slow-first."""
        word, _, rest = scan.read_text("utf-8").partition(" ")
        seen = Path(f"{scan}.seen")
        first = not seen.exists()
        if word == "bad":
            raise InputError(f"{scan} holds no CT.")
        if word == "exhausted":
            raise MemoryError
        if word in ("killed-once", "slow-first"):
            seen.touch()
        if word == "killed" or (word == "killed-once" and first):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "slow":
            time.sleep(float(rest))
        if word == "slow-first" and first:
            time.sleep(60)
        mask = folder / "segmentation.nii.gz"
        mask.write_text(f"{scan.read_text('utf-8')} by {os.getpid()}", encoding="utf-8")
        (folder / "statistics.json").write_text("{}", encoding="utf-8")
        return {"liver_ml": 10.0, "tumour_ml": 1.0, "lesions": [{}]}


class Unweighted(ArchiveSettings):
    """Settings that name no weights."""

    def identity(self) -> dict[str, Any]:
        """The HU offset alone."""
        return {"hu_offset": self.hu_offset}


def write_archive(folder: Path, scans: Mapping[str, str]) -> Path:
    """Files by their path in `folder`."""
    for name, content in scans.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """The manifest's cases by their names."""
    manifest = Manifest(out / "manifest.sqlite")
    found = {row["name"]: dict(row) for row in manifest._run("SELECT * FROM cases")}
    manifest.close()
    return found


def main() -> None:
    """`python -m tests.archive_cases ARCHIVE OUT WORKERS`: a run in a process of its own."""
    from ynet3d.archive.command import run_archive
    from ynet3d.progress import Progress

    archive, out, workers = sys.argv[1:]
    summary = run_archive(
        *(archive, out),
        settings=Unweighted(),
        options={"workers": int(workers), "backoff_s": 0.1},
        progress=Progress(),
        worker=Scripted,
    )
    print(summary.sentence())
    raise SystemExit(130 if summary.interrupted else summary.exit_code)


if __name__ == "__main__":
    from tests import archive_cases  # workers look for `Scripted` by the name of its module

    archive_cases.main()


def put(place: Place, content: bytes) -> None:
    """Write a file, here or elsewhere."""
    place.fs.pipe_file(place.path, content)
