"""Results that take the place of older ones, killed between two of their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import save_constant_weights, small_scan

from ynet3d.pipelines.corrected_mask import PREDICTED
from ynet3d.pipelines.correction import correct_files
from ynet3d.pipelines.prediction import predict_files
from ynet3d.pipelines.segmentations import SEGMENTATION, STATISTICS, read_statistics
from ynet3d.volumes import read_label, write_label, write_volume


class Killed(BaseException):
    pass


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_volume(small_scan()[0], tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def predicted(scan: Path, label: int) -> Path:
    weights = save_constant_weights(scan.with_name(f"{label}.safetensors"), label)
    out = scan.with_name("out")
    predict_files([scan], out, weights=weights, device="cpu", runtime="torch", precision="fp32")
    return out


def killed_after(moves: int, out: Path, patch: pytest.MonkeyPatch) -> None:
    """At the move after so many of files that were staged; no tidying up comes after it."""
    replace, moved = os.replace, 0

    def move(source: Any, target: Any) -> None:
        nonlocal moved
        if Path(target).parent == out and Path(source).parent != out:
            if moved == moves:
                raise Killed
            moved += 1
        replace(source, target)

    patch.setattr(os, "replace", move)


@pytest.mark.parametrize("moves", range(5))
def test_no_statistics_of_another_mask(
    moves: int, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = predicted(scan, 1)
    before = read_statistics(out)
    assert before is not None
    with monkeypatch.context() as patch:
        killed_after(moves, out, patch)
        with pytest.raises(Killed):
            predicted(scan, 2)
    assert not (out / STATISTICS).exists()
    assert predicted(scan, 2) == out
    again = read_statistics(out)
    assert again is not None
    assert again["tumour_ml"] > 0 == before["tumour_ml"]


@pytest.mark.parametrize("moves", range(5))
def test_a_correction_never_loses_the_networks_mask(
    moves: int, scan: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = predicted(scan, 1)
    network = read_label(out / SEGMENTATION).array
    mask = tmp_path / "mask.nii.gz"
    write_label(small_scan()[1], mask)
    with monkeypatch.context() as patch:
        killed_after(moves, out, patch)
        with pytest.raises(Killed):
            correct_files(scan, mask, out)
    assert np.array_equal(read_label(out / PREDICTED).array, network)
    correct_files(scan, mask, out)  # a server does so when it is started again
    assert np.array_equal(read_label(out / PREDICTED).array, network)
    assert np.array_equal(read_label(out / SEGMENTATION).array, read_label(mask).array)
