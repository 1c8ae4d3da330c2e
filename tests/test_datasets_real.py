"""Data sets of real CT, read in place."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ynet3d.datasets import check_case, make_split, open_dataset

pytestmark = pytest.mark.real


def test_lits_subset(real_data: Path) -> None:
    dataset = open_dataset(real_data / "lits_subset")
    assert dataset.kind == "lits"
    assert len(dataset.cases) == len(dataset.labelled) == 25
    assert dataset.case("volume-7").patient == dataset.case("volume-9").patient
    for seed in range(20):
        parts = make_split(dataset, seed=seed).parts.values()
        assert any({"volume-7", "volume-9"} <= set(names) for names in parts)


@pytest.mark.parametrize("number", ["0", "36"])
def test_lits_voxels(real_data: Path, number: str) -> None:
    with (real_data / "lits_subset" / "cases.csv").open(newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["case"] == number)
    case = open_dataset(real_data / "lits_subset").case(f"volume-{number}")
    image = case.read_image()
    label = case.read_label(image=image)
    assert int((label.array == 1).sum()) == int(row["liver_voxels"])
    assert int((label.array == 2).sum()) == int(row["tumour_voxels"])
    assert image.shape[2] == int(row["slices"])
    assert check_case(case).ok


def test_ircadb_masks_lie_on_the_ct(real_data: Path) -> None:
    dataset = open_dataset(real_data / "3dircadb01")
    assert [case.name for case in dataset.cases] == ["3Dircadb1.1", "3Dircadb1.17"]
    assert len(dataset.without_image) == 14
    case = dataset.cases[0]
    image = case.read_image()
    label = case.read_label(image=image)
    assert 800 < (label.array > 0).sum() * label.voxel_ml < 2500
    assert 10 < (label.array == 2).sum() * label.voxel_ml < 500
    assert 60 < image.array[label.array == 1].mean() < 140
    # A liver is even: any shift of its mask takes in other tissue. A box around it is enough.
    reach = 3
    places = np.argwhere(label.array[::4, ::4, ::2] == 1) * (4, 4, 2)
    box = tuple(
        slice(max(0, low - 8), high + 8)
        for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )
    hu, liver = image.array[box], label.array[box] == 1
    aligned = hu[liver].std()
    for axis in range(3):
        for step in (-reach, reach):
            assert hu[np.roll(liver, step, axis)].std() > aligned
