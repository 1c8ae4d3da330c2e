"""Doubts about a mask: boxes of known volume, density and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import save_constant_weights, small_scan
from volume_cases import AXIS_MATRICES

from ynet3d.reporting import statistics
from ynet3d.reporting.plausibility import doubts
from ynet3d.volumes import Reorientation, Volume, write_volume

MM = 5.0
SHAPE = (40, 40, 40)


def said(
    box: tuple[slice, slice, slice], *, hu: float = 100, tumour: slice | None = None
) -> list[str]:
    array = np.zeros(SHAPE, np.uint8)
    array[box] = 1
    if tumour is not None:
        array[box[0], box[1], tumour] = 2
    label = Volume(array, np.diag([MM, MM, MM, 1.0]))
    image = Volume(np.full(SHAPE, hu, np.int16), label.affine)
    return doubts(label, statistics(label, image))


WHOLE = (slice(10, 32), slice(10, 32), slice(8, 32))  # 22 x 22 x 24 voxels of 0.125 mL: 1452 mL


def test_nothing_to_say() -> None:
    assert said(WHOLE) == []
    assert said(WHOLE, tumour=slice(8, 20)) == []  # half of it


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"box": (slice(5, 5), slice(0, 3), slice(0, 3))}, "No liver was found"),
        ({"box": (slice(10, 20), slice(10, 20), slice(10, 20))}, "has 125 mL"),
        ({"box": (slice(1, 39), slice(1, 39), slice(1, 39))}, "has 6859 mL"),
        ({"box": WHOLE, "hu": 900}, "mean of 900 HU"),
        ({"box": WHOLE, "hu": -400}, "mean of -400 HU"),
        ({"box": WHOLE, "tumour": slice(8, 28)}, "83% of the liver"),
        ({"box": (WHOLE[0], WHOLE[1], slice(0, 24))}, "reaches the lowest slice"),
        ({"box": (WHOLE[0], WHOLE[1], slice(16, 40))}, "reaches the highest slice"),
        ({"box": (WHOLE[0], slice(10, 20), slice(0, 40))}, "lowest and the highest slice"),
    ],
)
def test_one_doubt(options: dict[str, Any], word: str) -> None:
    (sentence,) = said(**options)
    assert word in sentence


@settings(max_examples=30, deadline=None)
@given(matrix=st.sampled_from(AXIS_MATRICES))
def test_the_ends_are_the_patients(matrix: np.ndarray) -> None:
    affine = np.eye(4)
    affine[:3, :3] = matrix * MM
    array = np.zeros(SHAPE, np.uint8)
    label = Volume(array, affine)
    Reorientation.of(affine).apply(array)[30:, 8:32, 8:32] = 1
    (sentence,) = doubts(label, statistics(label))
    assert "highest slice" in sentence


def test_predict_says_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = save_constant_weights(tmp_path / "w.safetensors", 0)
    write_volume(small_scan()[0], tmp_path / "scan.nii.gz")
    done = run(capsys, "predict", tmp_path / "scan.nii.gz", "-o", tmp_path / "out", "-w", weights)
    assert done.code == 0, done
    assert "Note: No liver was found" in done.err
    assert "No liver was found" in (tmp_path / "out" / "statistics.json").read_text("utf-8")
