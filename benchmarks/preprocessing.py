"""Preprocessing a data set: seconds a case with one worker and with several, and the second epoch.

    python benchmarks/preprocessing.py --cases 5 --slices 450

Synthetic cases of LiTS's size are prepared for recipe `paper` from a cold disk, then read again as
an epoch reads them, against a plain read of the same bytes. Linux drops the files from its memory
before each; elsewhere they may still be there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from ynet3d.benchmarks.scans import benchmark_scan, write_as_others_do
from ynet3d.datasets import Case, LabelFile
from ynet3d.devices import peak_memory_bytes
from ynet3d.preprocessing import CaseCache, PreparedCase
from ynet3d.progress import Progress
from ynet3d.recipes import load_recipe

LITS_CASES = 131


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=5)
    parser.add_argument("--slices", type=int, default=450)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--data", type=Path, help="keep the synthetic cases here, or take them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.data) as name:
        folder = Path(name)
        data = arguments.data or folder
        cases = [write_case(data, number, arguments.slices) for number in range(arguments.cases)]
        size = f"{arguments.cases} cases of 512 x 512 x {arguments.slices}"
        print(
            f"| {size}, workers | seconds a case | {LITS_CASES} cases, minutes | peak GB so far |"
        )
        print("|---|---|---|---|")
        for workers in arguments.workers:
            drop_from_memory(data.glob("*.nii.gz"))
            prepared, seconds = prepare(folder / str(workers), cases, workers)
            minutes = seconds * LITS_CASES / len(cases) / 60
            peak_gb = peak_memory_bytes(torch.device("cpu")) / 1e9
            print(f"| {workers} | {seconds / len(cases):.2f} | {minutes:.1f} | {peak_gb:.2f} |")
        read_again(prepared)


def write_case(folder: Path, number: int, slices: int) -> Case:
    """A synthetic case, noise and hence content of its own, unless it is there already."""
    label = folder / f"segmentation-{number}.nii.gz"
    image = folder / f"volume-{number}.nii.gz"
    if not label.exists():
        scan = benchmark_scan(slices, seed=number)
        write_as_others_do(scan.image, image)
        write_as_others_do(scan.label, label)
    return Case(f"case-{number}", f"case-{number}", image, LabelFile(label))


def prepare(folder: Path, cases: Sequence[Case], workers: int) -> tuple[list[PreparedCase], float]:
    """Fill an empty cache; what is in it, and the seconds that it took."""
    cache = CaseCache(folder, load_recipe("paper").preprocessing)
    started = time.perf_counter()
    prepared = cache.prepare(
        cases, progress=Progress(quiet=True), title="Preparing", workers=workers
    )
    return prepared, time.perf_counter() - started


def read_again(prepared: Sequence[PreparedCase]) -> None:
    """Print the rate of an epoch's reads, cold and warm, beside a plain read of the same files."""
    files = [case.folder / f"{part}.npy" for case in prepared for part in ("image", "label")]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    print(f"\n| {megabytes:.0f} MB of cached cases | MB/s as cases | MB/s as plain files |")
    print("|---|---|---|")
    for state in ("cold", "warm"):
        rates = []
        for read in (lambda: read_cases(prepared), lambda: [file.read_bytes() for file in files]):
            if state == "cold":
                drop_from_memory(files)
            started = time.perf_counter()
            read()
            rates.append(megabytes / (time.perf_counter() - started))
        print(f"| {state} | {rates[0]:.0f} | {rates[1]:.0f} |")


def read_cases(prepared: Sequence[PreparedCase]) -> None:
    """Every voxel into memory, as a whole-scan epoch does."""
    for case in prepared:
        np.array(case.image)
        np.array(case.label)


def drop_from_memory(files: Iterable[Path]) -> None:
    """Have the system forget what it holds of these files, where it can be told to."""
    if hasattr(os, "posix_fadvise"):
        for file in files:
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
