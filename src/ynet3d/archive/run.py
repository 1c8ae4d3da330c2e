"""An archive from its first scan to its summary, in one call or in many."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ynet3d.archive.checking import check_results
from ynet3d.archive.engines import make_engine
from ynet3d.archive.inventory import find_scans
from ynet3d.archive.manifest import Manifest, State
from ynet3d.archive.options import ArchiveSettings, RunOptions, digest_of
from ynet3d.archive.results import CASES, RECEIPT, TEMPORARY, WORKING
from ynet3d.archive.scheduler import Scheduler, Tally
from ynet3d.archive.storage import Place
from ynet3d.archive.summary import Summary, summarise
from ynet3d.archive.worker import CaseWorker, WorkerPlan
from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.pipelines.extra_outputs import ExtraOutputs
from ynet3d.progress import Progress
from ynet3d.temporary import own_folder, sweep

MANIFEST, TABLE, SUMMARY = "manifest.sqlite", "manifest.csv", "summary.json"
_LOCK = ".lock"
#: Between two copies of the manifest to where people and later runs look for it.
_SNAPSHOT_SECONDS = 30.0


def predict_archive(
    archive: str | Path,
    out: str | Path,
    *,
    settings: ArchiveSettings | None = None,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    worker: type[CaseWorker] = CaseWorker,
) -> Summary:
    """Predict every scan of an archive; called again, go on with what is missing.

    Args:
        archive: folder tree, list of scans (.txt, .csv) or one scan; a path, or a URL for fsspec.
        out: folder or URL. Each case gets a folder in `cases/`; `manifest.sqlite` tells of all,
            `manifest.csv` and `summary.json` are written now and then, and at the end.
        settings: what decides the results; the same for all runs on one `out`.
        options: how the work is done.
        stop: ends the run when set: what is running waits for the next run.
        worker: what works on cases.

    Raises:
        InputError: no archive, other settings than those that `out` was begun with, or another run
            at work on it.
        MissingExtraError: the engine or the storage needs a package.
        YnetError: no worker can start, or the manifest cannot be written.
    """
    settings, options = settings or ArchiveSettings(), options or RunOptions()
    progress, stop = progress or Progress(quiet=True), stop or threading.Event()
    started = time.monotonic()
    place = Place(out)
    _check_reach(place, Place(archive), options)
    ExtraOutputs(dicom=settings.dicom, meshes=settings.meshes, report=settings.report).check([])
    identity = settings.identity()
    digest = digest_of(identity)
    with _home(place, options) as home:
        manifest = Manifest(home / MANIFEST)
        try:
            _agree(manifest, place, identity, again=options.again)
            scans = find_scans(str(archive), leave_out=place)
            first, parts = options.part
            manifest.add(scans[first - 1 :: parts], numbered=settings.deidentify)
            salt = _salt(manifest) if settings.deidentify else None
            manifest.recover()
            if options.retry_failed:
                manifest.restart([State.FAILED])
            full = options.verify == "full"
            check_results(manifest, place, digest, full=full, salt=salt, progress=progress)
            copies = _Copies(manifest, place, home)
            copies.make()
            plan, options = _plan(manifest, place, digest, salt, settings, options)
            tally = _work(
                *(manifest, plan, options, copies), progress=progress, stop=stop, worker=worker
            )
            summary = summarise(
                manifest,
                tally,
                seconds=time.monotonic() - started,
                options=options,
                interrupted=bool(manifest.counts()[State.WAITING]),
            )
            write_json(home / SUMMARY, summary.as_json())
            copies.make()
        finally:
            manifest.close()
    return summary


def _work(
    manifest: Manifest,
    plan: WorkerPlan,
    options: RunOptions,
    copies: _Copies,
    *,
    progress: Progress,
    stop: threading.Event,
    worker: type[CaseWorker],
) -> Tally:
    """Let workers do what waits."""
    if not manifest.counts()[State.WAITING]:
        return Tally()
    engine = make_engine(options, plan, worker)
    scheduler = Scheduler(manifest, engine, options, progress, snapshot=copies.make_if_due)
    try:
        scheduler.run(stop)
    finally:
        engine.close()
        copies.make()
        # What killed workers have left.
        sweep(options.temp or Path(tempfile.gettempdir()), TEMPORARY)
    return scheduler.tally


def _plan(
    manifest: Manifest,
    place: Place,
    digest: str,
    salt: str | None,
    settings: ArchiveSettings,
    options: RunOptions,
) -> tuple[WorkerPlan, RunOptions]:
    """As many workers as there is work for, and cores for each."""
    workers = max(1, min(options.workers, manifest.counts()[State.WAITING]))
    plan = WorkerPlan(
        settings=settings,
        digest=digest,
        out=place.url,
        threads=options.threads or max(1, _cores() // workers),
        memory_gb=options.memory_gb,
        temp=options.temp,
        cache=options.cache,
        salt=salt,
    )
    return plan, options.model_copy(update={"workers": workers})


def _salt(manifest: Manifest) -> str:
    """Of this archive's receipts; it lies in the manifest alone."""
    if manifest.fact("salt") is None:
        manifest.note("salt", secrets.token_hex(16))
    return str(manifest.fact("salt"))


def _check_reach(out: Place, archive: Place, options: RunOptions) -> None:
    """Workers are processes of their own, and see no memory of this one."""
    for place in (out, archive):
        if place.url.startswith("memory://"):
            raise InputError(
                f"{place.url} lies in the memory of one process, where workers cannot reach it: "
                "give a folder, or storage that others can open."
            )
    first, parts = options.part
    if not 1 <= first <= parts:
        raise InputError(f"There is no part {first} of {parts}: count parts from 1.")


def _agree(manifest: Manifest, out: Place, identity: dict[str, Any], *, again: bool) -> None:
    """Refuse to mix results of different settings in one place."""
    before = manifest.fact("settings")
    if again:
        for case in out.inside(CASES).sizes():
            if case.count("/") == 1 and case.endswith(f"/{RECEIPT}"):
                out.inside(CASES, case).remove()
        manifest.restart(list(State))
    elif before is not None and before != identity:
        changed = sorted(key for key in identity if before.get(key) != identity[key])
        raise InputError(
            f"The results in {out.url} were made with other settings ({', '.join(changed)}): give "
            "those, choose another folder, or make all of them again with --again."
        )
    manifest.note("settings", identity)


class _Copies:
    """The manifest as a table, and, where OUT lies elsewhere, all files of this run there."""

    def __init__(self, manifest: Manifest, out: Place, home: Path) -> None:
        self._manifest, self._out, self._home = manifest, out, home
        self._due, self._pause = 0.0, _SNAPSHOT_SECONDS

    def make_if_due(self) -> None:
        """Now and then; rarer where it takes long."""
        if time.monotonic() >= self._due:
            self.make()

    def make(self) -> None:
        """Now."""
        started = time.monotonic()
        self._manifest.write_table(self._home / TABLE)
        if self._out.local is None:
            copy = self._home / f"copy-{MANIFEST}"
            self._manifest.snapshot(copy)
            self._out.inside(MANIFEST).upload(copy)
            for name in (TABLE, SUMMARY):
                if (self._home / name).is_file():
                    self._out.inside(name).upload(self._home / name)
        ended = time.monotonic()
        self._due = ended + max(_SNAPSHOT_SECONDS, 20 * (ended - started))


@contextmanager
def _home(out: Place, options: RunOptions) -> Iterator[Path]:
    """The folder where the manifest is written: OUT itself, or a copy of what a remote OUT has."""
    if out.local is not None:
        folder = ensure_output_folder(out.local)
        with _locked(folder / _LOCK, out):
            shutil.rmtree(folder / WORKING, ignore_errors=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder / WORKING, ignore_errors=True)
        return
    folder = own_folder(options.temp or Path(tempfile.gettempdir()), TEMPORARY)
    try:
        if out.inside(MANIFEST).info() is not None:
            (folder / MANIFEST).write_bytes(out.inside(MANIFEST).read() or b"")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path, out: Place) -> Iterator[None]:
    """One run at a time on one OUT; the lock ends with its process."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with path.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"Another run is at work on {out.url}: wait for its end, or choose another folder."
            ) from None
        yield


def _cores() -> int:
    """Those that this process may use, which a scheduler may have limited."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
