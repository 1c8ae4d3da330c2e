"""Data sets merged: each case to the voxel, patients and licences kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from small_runs import write_small_dataset

from ynet3d.datasets import open_dataset
from ynet3d.volumes import read_label, read_volume


def test_merged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_small_dataset(tmp_path / "first", cases=2)
    (first / "LICENSE.txt").write_text("CC BY 4.0\n", encoding="utf-8")
    (first / "cases.csv").write_text("case,patient\n0,anna\n1,anna\n", encoding="utf-8")
    second = tmp_path / "second"
    write_small_dataset(second, cases=1)
    for kind in ("volume", "segmentation"):
        (second / f"{kind}-0.nii.gz").rename(second / f"{kind}-7.nii.gz")
    out = tmp_path / "out"
    done = run(capsys, "data", "merge", first, second, "-o", out, "--name", "both")
    assert done.code == 0, done
    assert "3 cases" in done.out
    merged = open_dataset(out)
    assert (merged.name, merged.kind) == ("both", "nnunet")
    assert "CC BY 4.0" in (merged.licence or "")
    assert [case.patient for case in merged.cases] == ["anna", "anna", "volume-7"]
    for source, name in ((first, "volume-1"), (second, "volume-7")):
        number = name.removeprefix("volume-")
        image = read_volume(source / f"{name}.nii.gz")
        case = merged.case(name)
        assert np.array_equal(case.read_image().array, image.array)
        assert case.read_image().same_grid(image)
        label = read_label(source / f"segmentation-{number}.nii.gz")
        assert np.array_equal(case.read_label().array, label.array)
    facts = json.loads((out / "dataset.json").read_text("utf-8"))
    assert facts["numTraining"] == 3
    before = (out / "imagesTr" / "volume-7_0000.nii.gz").stat().st_mtime_ns
    assert run(capsys, "data", "merge", first, second, "-o", out).code == 0
    assert (out / "imagesTr" / "volume-7_0000.nii.gz").stat().st_mtime_ns == before


def test_two_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        write_small_dataset(tmp_path / name, cases=2)
    done = run(
        capsys, "data", "merge", tmp_path / "first", tmp_path / "second", "-o", tmp_path / "out"
    )
    assert done.code == 2
    assert "2 cases have the same name" in done.err
    assert not (tmp_path / "out").exists()
