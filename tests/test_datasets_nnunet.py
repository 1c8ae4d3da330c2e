"""nnU-Net's raw data: cases by file name, labels by the names in dataset.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run

from ynet3d.datasets import check_case, check_dataset, make_split, open_dataset
from ynet3d.errors import InputError
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, write_label, write_volume

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
SHAPE = (6, 5, 4)
LABELS = {"background": 0, "liver": 1, "tumor": 2}


def put_case(root: Path, name: str, *, part: str = "Tr", coding: tuple[int, int] = (1, 2)) -> None:
    """A liver of 24 voxels, two of them tumour, with the values of `coding`."""
    for folder in (f"images{part}", f"labels{part}"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[1:5, 1:4, 1:3] = 100
    label = np.where(hu == 100, coding[0], 0).astype(np.uint8)
    label[2, 2, 1:3] = coding[1]
    write_volume(Volume(hu, AFFINE), root / f"images{part}" / f"{name}_0000.nii.gz")
    write_label(Volume(label, AFFINE), root / f"labels{part}" / f"{name}.nii.gz")


def describe(root: Path, **changes: object) -> None:
    content = {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": 2,
        "file_ending": ".nii.gz",
        "name": "Livers",
        "licence": "CC0",
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content | changes), encoding="utf-8")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = tmp_path / "Dataset500_Livers"
    for name in ("liver_2", "liver_10", "liver_3"):
        put_case(root, name)
    describe(root)
    return root


def test_cases_checks_and_split(raw: Path) -> None:
    put_case(raw, "liver_4", part="Ts")
    (raw / "labelsTs" / "liver_4.nii.gz").unlink()
    (raw / "imagesTr" / "liver_3_0000.nii.gz").unlink()
    (raw / "cases.csv").write_text("case,patient\nliver_2,A\nliver_10,A\n", encoding="utf-8")
    dataset = open_dataset(raw)
    assert (dataset.kind, dataset.name, dataset.licence) == ("nnunet", "Livers", "CC0")
    assert [(c.name, c.patient) for c in dataset.cases] == [
        ("liver_2", "A"),
        ("liver_10", "A"),
        ("liver_4", "liver_4"),
    ]
    checks = {c.name: c for c in check_dataset(dataset, progress=Progress(quiet=True))}
    assert {name: [f.code for f in c.flags] for name, c in checks.items()} == {
        "liver_2": [],
        "liver_10": [],
        "liver_4": ["no-label"],
        "liver_3": ["no-image"],
    }
    assert checks["liver_2"].labels == (0, 1, 2)
    assert checks["liver_2"].tumour_ml == pytest.approx(2 * 0.012)
    split = make_split(dataset, ratio=(1, 1), seed=0)
    assert sorted(map(len, split.parts.values())) == [0, 2]


@pytest.mark.parametrize(
    ("labels", "coding", "found"),
    [
        ({"background": 0, "liver": 1, "tumour": 2}, (1, 2), [96, 22, 2]),
        ({"background": 0, "tumour": 1, "liver": 2}, (2, 1), [96, 22, 2]),
        ({"0": "background", "1": "liver", "2": "cancer"}, (1, 2), [96, 22, 2]),
        ({"background": 0, "liver": [1, 2], "lesion": 2}, (1, 2), [96, 22, 2]),
        ({"background": 0, "liver": 3, "hcc": 4, "metastasis": 5}, (3, 5), [96, 22, 2]),
        ({"background": 0, "spleen": 1, "liver": 6}, (6, 1), [98, 22]),
        ({"background": 0, "liver": 1, "portal vein": 2}, (1, 2), [98, 22]),
    ],
)
def test_labels_by_name(
    tmp_path: Path, labels: dict[str, object], coding: tuple[int, int], found: list[int]
) -> None:
    put_case(tmp_path, "a", coding=coding)
    describe(tmp_path, labels=labels)
    label = open_dataset(tmp_path).case("a").read_label()
    assert np.bincount(label.array.ravel()).tolist() == found


def test_version_1_is_not_taken_for_the_decathlon(raw: Path) -> None:
    listed = [{"image": "./imagesTr/liver_2.nii.gz", "label": "./labelsTr/liver_2.nii.gz"}]
    describe(raw, labels={"0": "bg", "1": "liver", "2": "tumor"}, training=listed)
    with pytest.raises(InputError, match="names 'bg' among its labels"):
        open_dataset(raw)
    describe(raw, labels={"0": "background", "1": "liver", "2": "tumor"}, training=listed)
    dataset = open_dataset(raw)
    assert dataset.kind == "nnunet"
    assert dataset.case("liver_2").read_label().array.max() == 2


def test_cases_listed_with_their_paths(tmp_path: Path) -> None:
    put_case(tmp_path / "elsewhere", "a")
    listed = {
        "x": {
            "images": ["elsewhere/imagesTr/a_0000.nii.gz"],
            "label": "elsewhere/labelsTr/a.nii.gz",
        }
    }
    describe(tmp_path, dataset=listed)
    assert open_dataset(tmp_path).case("x").read_label().array.max() == 2
    listed["x"]["images"] = []
    describe(tmp_path, dataset=listed)
    with pytest.raises(InputError, match=r"lists \[\] as the images of case 'x'"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"background": 0, "kidney": 1, "tumor": 2}, "names 'tumor' among its labels, and it is"),
        ({"background": 0, "liver": 1, "ignore": 2}, "names 'ignore' among its labels"),
        ({"background": 0, "1": 1, "2": 2}, "names '1', '2' among its labels"),
        ({"background": 0, "liver": 0}, "names 'liver' among its labels"),
        ({"background": 0, "cancer": 1}, r"names no liver among its labels \('background', 'canc"),
        ({}, r"names no liver among its labels \(none\)"),
        (None, "has the labels None, where names and values are expected"),
        ({"liver": "one"}, "has the labels {'liver': 'one'}, where"),
    ],
)
def test_labels_that_are_not_understood(raw: Path, labels: object, sentence: str) -> None:
    describe(raw, labels=labels)
    with pytest.raises(InputError, match=sentence):
        open_dataset(raw)


def test_a_value_without_a_name(raw: Path) -> None:
    describe(raw, labels={"background": 0, "tumor": 1, "liver": 5})
    case = open_dataset(raw).case("liver_2")
    with pytest.raises(InputError, match=r"holds the value 2, which .*dataset\.json does not name"):
        case.read_label()
    assert [flag.code for flag in check_case(case).flags] == ["unreadable-label"]


def test_a_new_coding_is_another_fingerprint(raw: Path) -> None:
    before = open_dataset(raw).case("liver_2").fingerprint()
    describe(raw, labels={"background": 0, "tumor": 1, "liver": 2})
    assert open_dataset(raw).case("liver_2").fingerprint() != before


def test_files_that_do_not_fit(raw: Path) -> None:
    label = raw / "labelsTr" / "liver_2.nrrd"
    write_label(Volume(np.ones(SHAPE, dtype=np.uint8), AFFINE), label)
    with pytest.raises(InputError, match=r"both liver_2\.nii\.gz and liver_2\.nrrd, two labels"):
        open_dataset(raw)
    label.unlink()
    second = raw / "imagesTr" / "liver_2_0001.nii.gz"
    second.write_bytes(b"")
    with pytest.raises(InputError, match="is another channel of case liver_2, where a CT has one"):
        open_dataset(raw)
    second.unlink()
    (raw / "dataset.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        open_dataset(raw)
    with pytest.raises(InputError, match=r"has no dataset\.json: give the folder of one data set"):
        open_dataset(raw.parent, kind="nnunet")


def test_command_line(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "data", "check", raw, "-q", "--kind", "nnunet").code == 0
    split = tmp_path / "s.yaml"
    assert run(capsys, "data", "split", raw, "-o", split, "--folds", "3").code == 0
    assert "liver_10" in split.read_text(encoding="utf-8")
    wrong = run(capsys, "data", "check", raw.parent)
    wrong.assert_refused(match=f"but {raw} is one (nnunet): give that folder")
    wrong = run(capsys, "data", "check", raw / "imagesTr")
    wrong.assert_refused(match=f"but {raw} is one (nnunet): give that folder")
    describe(raw, labels={"background": 0, "liver": 1, "GTV": 2})
    run(capsys, "data", "check", raw).assert_refused(match="names 'GTV' among its labels")
