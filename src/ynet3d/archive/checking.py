"""At the start: which results are there and whole, whatever the manifest says."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ynet3d.archive.manifest import DoneCase, Manifest, State
from ynet3d.archive.messages import Task
from ynet3d.archive.results import CASES, RECEIPT, fault_of, origin_of, read_receipt
from ynet3d.archive.storage import Place
from ynet3d.pipelines.segmentations import SEGMENTATION
from ynet3d.progress import Progress
from ynet3d.threads import in_threads

_THREADS = 8


def check_results(
    manifest: Manifest,
    out: Place,
    digest: str,
    *,
    full: bool,
    salt: str | None = None,
    progress: Progress,
) -> None:
    """Let damaged and missing results be made again, and take up whole ones not known yet.

    Those happen where a run was killed between a result and its line in the manifest, or where the
    manifest was lost.

    Args:
        digest: of the settings, which a result has to fit.
        full: read every file, and compare its checksum; else names and sizes alone.
        salt: see `origin_of`.
    """
    there: dict[str, dict[str, int]] = defaultdict(dict)
    for path, size in out.inside(CASES).sizes().items():
        folder_name, _, name = path.partition("/")
        there[folder_name][name] = size

    def look(case: DoneCase) -> str | None:
        folder, sizes = out.inside(CASES, case.name), there.get(case.name, {})
        if not full:
            missing = {RECEIPT, SEGMENTATION} - {name for name, size in sizes.items() if size}
            return f"{min(missing)} is missing" if missing else None
        receipt = read_receipt(folder)
        fault = fault_of(folder, receipt, sizes, full=True)
        if fault is None and receipt is not None:
            mask = receipt["files"].get(SEGMENTATION, {}).get("sha256")
            fault = None if mask == case.mask_sha256 else "its mask is not the one noted"
        return fault

    def fitting(task: Task) -> dict[str, Any] | None:
        folder = out.inside(CASES, task.name)
        receipt = read_receipt(folder)
        if receipt is None or fault_of(folder, receipt, there[task.name], full=full) is not None:
            return None
        wanted = {**origin_of(task, salt), "settings": digest}
        return receipt if wanted.items() <= receipt.items() else None

    done = manifest.done()
    # Looked through before any is put back: what is damaged is not to be taken up again.
    unknown = [
        task
        for task in manifest.tasks(State.WAITING, State.RUNNING)
        if RECEIPT in there.get(task.name, {})
    ]
    for task, receipt in zip(unknown, in_threads(fitting, unknown, workers=_THREADS), strict=True):
        if receipt is not None:
            manifest.adopt(task.number, receipt)
    looked = zip(done, in_threads(look, done, workers=_THREADS), strict=True)
    for case, fault in progress.track(looked, "Checking results", total=len(done)):
        if fault is not None:
            progress.say(f"{case.name}: {fault}. It is made again.")
            manifest.again(case.number, f"The result was made again, because {fault}.")
