"""A whole case, file in and files out, without its network: time and peak memory.

    python -m ynet3d.benchmarks.whole_case 100 300 1000

The network is replaced by one that knows the answer: whatever it is shown, it gives the logits of
the phantom's true labels. What is measured is then everything but the network, and what comes after
it works on a real liver with real tumours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.benchmarks.known_answer import RECIPE
from ynet3d.benchmarks.scans import benchmark_scan, write_as_others_do
from ynet3d.errors import YnetError
from ynet3d.hardware import MAXRSS_BYTES
from ynet3d.labels import NUM_CLASSES
from ynet3d.preprocessing import label_to_network_grid
from ynet3d.recipes import Preprocessing, load_recipe
from ynet3d.volumes import Volume, read_label

_SHARPNESS = 12.0  # logit of a voxel's own label above the others
#: Starts a command from a small process: Linux counts what its parent held as the child's peak.
_LAUNCHER = """
import json, os, subprocess, sys, time
started = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
if process.returncode:
    sys.exit(process.returncode)
seconds = time.monotonic() - started
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class WholeCase:
    """What a case cost besides its network.

    Attributes:
        shape: voxels of the scan, (i, j, k).
        scan_mb: size of its file in MB.
        seconds: wall time of the process from its start to its end, start-up included.
        processor_seconds: time that its threads spent computing, summed.
        peak_gb: most memory that the process held, in GB, libraries included.
        agreement: share of voxels whose label is the phantom's.
    """

    shape: tuple[int, int, int]
    scan_mb: float
    seconds: float
    processor_seconds: float
    peak_gb: float
    agreement: float


def measure_whole_case(*, slices: int, matrix: int = 512, runs: int = 1) -> WholeCase:
    """Predict a `matrix` x `matrix` x `slices` scan (.nii.gz) in a new process; the fastest run.

    Raises:
        YnetError: the process failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = benchmark_scan(slices, matrix=matrix)
        write_as_others_do(scan.image, folder / "scan.nii.gz")
        np.save(folder / "logits.npy", true_logits(scan.label))
        module = [sys.executable, "-m", "ynet3d.benchmarks.known_answer"]
        command = [*module, *(str(folder / part) for part in ("scan.nii.gz", "logits.npy", "out"))]
        measured = [run_measured(command) for _ in range(runs)]
        best = min(measured, key=lambda run: run.seconds)
        mask = read_label(folder / "out" / "segmentation.nii.gz")
        return WholeCase(
            shape=scan.image.shape,
            scan_mb=(folder / "scan.nii.gz").stat().st_size / 1e6,
            seconds=best.seconds,
            processor_seconds=best.processor_seconds,
            peak_gb=max(run.peak_gb for run in measured),
            agreement=float(np.mean(mask.array == scan.label.array)),
        )


def true_logits(
    label: Volume, preprocessing: Preprocessing | None = None
) -> npt.NDArray[np.float32]:
    """Logits (classes, D, H, W) on the network grid that say what `label` says, smoothed a little.

    Smooth as a network's are, so that labels do not follow the faces of voxels. The grid is that of
    recipe `paper` unless `preprocessing` says another.
    """
    coarse = label_to_network_grid(label, preprocessing or load_recipe(RECIPE).preprocessing)
    logits = np.empty((NUM_CLASSES, *coarse.shape), dtype=np.float32)
    for value in range(NUM_CLASSES):
        logits[value] = ndimage.gaussian_filter((coarse == value) * np.float32(_SHARPNESS), 0.6)
    return logits


@dataclass(frozen=True)
class MeasuredRun:
    """Wall and processor seconds of a process, and its peak memory in GB."""

    seconds: float
    processor_seconds: float
    peak_gb: float


def run_measured(
    command: list[str], *, environment: Mapping[str, str] | None = None
) -> MeasuredRun:
    """Run a command to its end and measure it; Linux and macOS only.

    Args:
        environment: variables besides those of this process.

    Raises:
        YnetError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *command],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise YnetError(f"{' '.join(command)} ended with code {done.returncode}.")
    seconds, processor_seconds, peak = json.loads(done.stdout)
    return MeasuredRun(seconds, processor_seconds, peak * MAXRSS_BYTES / 1e9)


def main() -> None:
    """Measure scans of several lengths and print the table of benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slices", type=int, nargs="+")
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    print("| slices | file MB | seconds | processor seconds | peak GB | labels that agree |")
    print("|---|---|---|---|---|---|")
    for slices in arguments.slices:
        case = measure_whole_case(slices=slices, runs=arguments.runs)
        print(
            f"| {slices} | {case.scan_mb:.0f} | {case.seconds:.1f} | {case.processor_seconds:.1f} "
            f"| {case.peak_gb:.2f} | {100 * case.agreement:.2f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
