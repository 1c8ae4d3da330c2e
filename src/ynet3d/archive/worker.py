"""What a worker does, whatever engine it runs under: load once, predict, publish."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d import __version__
from ynet3d.archive.messages import Kind, Outcome, Task
from ynet3d.archive.options import ArchiveSettings
from ynet3d.archive.results import CASES, TEMPORARY, WORKING, origin_of, publish, write_receipt
from ynet3d.archive.storage import Place
from ynet3d.errors import InputError, YnetError
from ynet3d.hardware import peak_process_bytes
from ynet3d.progress import Progress
from ynet3d.temporary import own_folder

if TYPE_CHECKING:
    from ynet3d.inference import Predictor, TwoStagePredictor

_BYTES_PER_MB = 1e6


@dataclass(frozen=True)
class WorkerPlan:
    """What a worker needs to know before its first case.

    Attributes:
        settings: what decides the results; digest: of their identity.
        out: path or URL of OUT.
        salt: see `origin_of`.
        threads: of the network; memory_gb: that this process may allocate.
        temp, cache: as of `RunOptions`.
    """

    settings: ArchiveSettings
    digest: str
    out: str
    threads: int
    memory_gb: float | None = None
    temp: Path | None = None
    cache: Path | None = None
    salt: str | None = None


class CaseWorker:
    """Keeps a network, and works on one case at a time."""

    def __init__(self, plan: WorkerPlan, name: str) -> None:
        self.plan, self.name = plan, name
        self._predictor: Predictor | TwoStagePredictor | None = None
        self._ready: tuple[Path, Place, dict[str, Any]] | None = None

    def load(self) -> Outcome:
        """Load the network; nothing else is useful if that fails."""
        try:
            _limit_memory(self.plan.memory_gb)
            self._out = Place(self.plan.out)
            temp = self.plan.temp or Path(tempfile.gettempdir())
            # Beside the results where that is possible: bringing them to their place is a renaming.
            local = self._out.local
            self._folder = own_folder(temp if local is None else local / WORKING, TEMPORARY)
            self._temp = self._folder if local is None else own_folder(temp, TEMPORARY)
            self.load_network()
        except MemoryError:
            return Outcome(Kind.UNUSABLE, _out_of_memory(self.plan.memory_gb, "The network"))
        except YnetError as error:
            return Outcome(Kind.UNUSABLE, str(error), error.exit_code)
        except OSError as error:
            return Outcome(Kind.UNUSABLE, f"A worker cannot start: {error}.")
        return Outcome(Kind.LOADED)

    def load_network(self) -> None:
        """Load what predicts.

        Raises:
            InputError: the weights or the device cannot be used.
        """
        import torch

        from ynet3d.inference import make_predictor
        from ynet3d.weights.shipped import default_weights

        torch.set_num_threads(self.plan.threads)
        settings = self.plan.settings
        self._predictor = make_predictor(
            list(settings.weights) or default_weights(),
            refine=list(settings.refine) or None,
            device=settings.device,
            runtime=settings.runtime,
            precision=settings.precision,
            cache=self.plan.cache,
        )

    def predict_scan(self, scan: Path, folder: Path, task: Task) -> dict[str, Any]:
        """Write all files of a scan's result into `folder`; its statistics.

        Raises:
            InputError: the scan cannot be used.
            YnetError: it failed for another reason.
        """
        from ynet3d.pipelines.extra_outputs import ExtraOutputs
        from ynet3d.pipelines.prediction import predict_file

        settings = self.plan.settings
        assert self._predictor is not None
        done = predict_file(
            self._predictor,
            scan,
            folder,
            name=task.name,
            series=task.series,
            hu_offset=settings.hu_offset,
            extra=ExtraOutputs(
                dicom=settings.dicom,
                meshes=settings.meshes,
                report=settings.report,
                deidentify=settings.deidentify,
            ),
            progress=Progress(quiet=True),
        )
        return done.statistics

    def predict(self, task: Task) -> Outcome:
        """Predict a case into a folder of this worker, and wait for leave to publish it."""
        stage = self._temp / f"scan-{task.number}"
        folder = self._folder / f"result-{task.number}"
        scan: Path | None = None
        try:
            for path in (stage, folder):
                shutil.rmtree(path, ignore_errors=True)
            stage.mkdir()
            folder.mkdir()
            started, cpu = time.monotonic(), time.process_time()
            source = Place(task.input)
            scan = source.local or source.fetch(stage)
            if not scan.exists():
                raise InputError(f"There is nothing at {scan}: check the path of the input.")
            found = self.predict_scan(scan, folder, task)
            measured = {
                "seconds": round(time.monotonic() - started, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_memory_mb": round(peak_process_bytes() / _BYTES_PER_MB, 1),
                "input_bytes": _bytes_of(scan),
                "liver_ml": found["liver_ml"],
                "tumour_ml": found["tumour_ml"],
                "tumours": len(found["lesions"]),
            }
            receipt = write_receipt(
                folder,
                {
                    **{"number": task.number, "name": task.name, "attempt": task.attempt},
                    **origin_of(task, self.plan.salt),
                    "settings": self.plan.digest,
                    "version": __version__,
                    "worker": self.name,
                    **measured,
                },
            )
            files = receipt["files"]
            measured["output_bytes"] = sum(facts["bytes"] for facts in files.values())
            measured["mask_sha256"] = files["segmentation.nii.gz"]["sha256"]
        except Exception as error:
            return self._failed(error, scan, task)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        self._ready = (folder, self._out.inside(CASES, task.name), measured)
        return Outcome(Kind.READY, measured=measured)

    def publish(self) -> Outcome:
        """Bring the result that is ready to its place."""
        assert self._ready is not None
        folder, target, measured = self._ready
        try:
            publish(folder, target)
        except Exception as error:
            return Outcome(Kind.FAULT, _sentence(error))
        finally:
            self._ready = None
            shutil.rmtree(folder, ignore_errors=True)
        return Outcome(Kind.PUBLISHED, measured=measured)

    def close(self) -> None:
        """Take this worker's folders away."""
        for name in ("_folder", "_temp"):
            with suppress(AttributeError):
                shutil.rmtree(getattr(self, name), ignore_errors=True)

    def _failed(self, error: Exception, scan: Path | None, task: Task) -> Outcome:
        sentence = _sentence(error)
        if scan is not None:  # people know the input, not our copy of it
            sentence = sentence.replace(str(scan), task.input)
        if isinstance(error, InputError):
            return Outcome(Kind.REFUSED, sentence, error.exit_code)
        if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
            exhausted = True
        else:
            exhausted = "Out of memory" in sentence
        if exhausted:
            sentence = _out_of_memory(self.plan.memory_gb, "This scan")
        return Outcome(Kind.FAULT, sentence, exhausted=exhausted)


def _sentence(error: Exception) -> str:
    if isinstance(error, YnetError):
        return str(error)
    return f"Unexpected failure ({type(error).__name__}: {error})."


def _out_of_memory(limit_gb: float | None, what: str) -> str:
    if limit_gb is None:
        return f"{what} does not fit into memory: use fewer workers, or a larger machine."
    return (
        f"{what} needs more than the {limit_gb:g} GB that a worker may use: allow more with "
        "--memory-gb, or crop the scan to the abdomen."
    )


def _limit_memory(limit_gb: float | None) -> None:
    """Let allocations fail beyond a limit, so that one scan fails and not the machine.

    What is counted are private writable pages (RLIMIT_DATA): not files that are mapped, nor the
    address space that GPU drivers reserve.
    """
    if limit_gb is None:
        return
    try:
        import resource
    except ImportError:
        raise InputError("--memory-gb works on Linux only: leave it out.") from None
    limit = int(limit_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _bytes_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(os.path.getsize(file) for file in files if file.is_file())
