"""Measuring a whole case: the network that knows the answer, and what comes out of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ynet3d.benchmarks.known_answer import RECIPE, KnownAnswer
from ynet3d.benchmarks.scans import benchmark_scan, write_as_others_do
from ynet3d.benchmarks.whole_case import measure_whole_case, run_measured, true_logits
from ynet3d.errors import YnetError
from ynet3d.preprocessing import labels_on_source_grid
from ynet3d.recipes import load_recipe
from ynet3d.volumes import read_volume


def test_a_scan_has_fresh_noise_in_each_slice_and_the_same_extent(tmp_path: Path) -> None:
    short, long = benchmark_scan(100, matrix=32), benchmark_scan(200, matrix=32)
    assert long.image.shape == long.label.shape == (32, 32, 200)
    assert long.image.array.dtype == np.int16
    assert set(np.unique(long.label.array)) == {0, 1, 2}
    assert np.array_equal(long.label.array[:, :, ::2], short.label.array)
    assert not np.array_equal(long.image.array[:, :, 100], long.image.array[:, :, 101])
    assert 200 * long.image.spacing[2] == pytest.approx(100 * short.image.spacing[2])
    write_as_others_do(long.image, tmp_path / "scan.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "scan.nii.gz").array, long.image.array)


def test_the_known_answer_is_the_phantoms() -> None:
    scan = benchmark_scan(20, matrix=64)
    logits = torch.from_numpy(true_logits(scan.label))
    assert tuple(logits.shape[1:]) == load_recipe(RECIPE).preprocessing.size
    assert KnownAnswer(logits)(torch.zeros(1, 1, *logits.shape[1:])) is not None
    with pytest.raises(ValueError, match="image of shape"):
        KnownAnswer(logits)(torch.zeros(1, 1, 2, 3, 4))
    found = labels_on_source_grid(logits, scan.image).array
    assert np.mean(found == scan.label.array) > 0.98


def test_a_whole_case_is_measured() -> None:
    case = measure_whole_case(slices=12, matrix=48)
    assert case.shape == (48, 48, 12)
    assert case.agreement > 0.95
    assert 0.1 < case.peak_gb < 4
    assert case.seconds > 0
    assert case.processor_seconds > 0


def test_a_process_that_fails_is_no_measurement() -> None:
    with pytest.raises(YnetError, match="ended with code 3"):
        run_measured([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_whole_scan_is_predicted_without_importing_monai() -> None:
    """It takes two seconds, a third of what a case costs besides its network."""
    code = "import sys, ynet3d.pipelines.prediction; raise SystemExit('monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
