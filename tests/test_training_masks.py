"""Masks for synthesis: none of a patient whose scans are not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_runs import small_recipe, write_small_dataset

from ynet3d.datasets import Case
from ynet3d.datasets.overlaps import names_of_patient
from ynet3d.pipelines import training
from ynet3d.synthesis import MaskSource
from ynet3d.training import TrainingData


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("volume-27", None),
        ("volume-28", "3Dircadb1.1"),
        ("volume-47", "3Dircadb1.20"),
        ("volume-48", None),
        ("test-volume-30", None),
    ],
)
def test_lits_and_ircadb_share_patients(name: str, other: str | None) -> None:
    names = names_of_patient(Case(name, "someone", Path(name)))
    assert names == {name, "someone"} | ({other} if other else set())


def test_masks_of_held_out_patients_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_small_dataset(tmp_path / "data", cases=4)
    for kind in ("volume", "segmentation"):
        (data / f"{kind}-3.nii.gz").rename(data / f"{kind}-30.nii.gz")
    (data / "cases.csv").write_text("case,patient\n2,lisa\n", encoding="utf-8")
    split = tmp_path / "split.yaml"
    split.write_text(
        "parts: {train: [volume-0], validation: [volume-1, volume-2], test: [volume-30]}",
        encoding="utf-8",
    )
    every = ["volume-0", "volume-1", "lisa", "3Dircadb1.3", "3Dircadb1.4", "asked"]

    def find(folder: Path, *, leave_out: Any = ()) -> list[MaskSource]:
        return [MaskSource(name) for name in every if name not in leave_out]

    seen: list[TrainingData] = []
    monkeypatch.setattr(training, "find_masks", find)
    monkeypatch.setattr(training, "train", lambda data, *words, **options: seen.append(data))
    monkeypatch.setattr(training, "load_recipe", lambda *words, **options: small_recipe())
    training.train_on_dataset(
        data, tmp_path / "run", split_file=split, masks=tmp_path, leave_masks=["asked"]
    )
    assert [source.name for source in seen[0].masks] == ["volume-0", "3Dircadb1.4"]
