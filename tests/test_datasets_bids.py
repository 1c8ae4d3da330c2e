"""BIDS-style folders: subjects, sessions, and labels below derivatives."""

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


def put_ct(root: Path, place: str) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[1:5, 1:4, 1:3] = 100
    write_volume(Volume(hu, AFFINE), root / place)


def put_label(root: Path, place: str, what: str = "all", *, value: int = 1) -> Path:
    """A label map with 22 voxels of liver and 2 of tumour, or the mask of one of these."""
    path = root / "derivatives" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    liver = np.zeros(SHAPE, dtype=np.uint8)
    liver[1:5, 1:4, 1:3] = 1
    tumour = np.zeros_like(liver)
    tumour[2, 2, 1:3] = 1
    array = {"all": liver + tumour, "liver": liver * value, "tumour": tumour * value}[what]
    write_label(Volume(array, AFFINE), path)
    return path


def voxels(root: Path, name: str) -> list[int]:
    return np.bincount(open_dataset(root).case(name).read_label().array.ravel()).tolist()


def test_cases_checks_and_split(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-01\n", encoding="utf-8")
    description = {"Name": "Ours", "BIDSVersion": "1.8.0", "License": "CC0"}
    (tmp_path / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")
    put_ct(tmp_path, "sub-10/anat/sub-10_ct.nii.gz")
    put_ct(tmp_path, "sub-2/ses-a/ct/sub-2_ses-a_acq-venous_ct.nii.gz")
    put_ct(tmp_path, "sub-2/ses-b/ct/sub-2_ses-b_CT.nii")
    put_ct(tmp_path, "sub-3/anat/sub-3_T1w.nii.gz")
    put_label(tmp_path, "labels/sub-10/anat/sub-10_dseg.nii.gz")
    put_label(
        tmp_path, "labels/sub-2/ses-a/ct/sub-2_ses-a_acq-venous_label-liver_mask.nii.gz", "liver"
    )
    put_label(
        tmp_path, "labels/sub-2/ses-a/ct/sub-2_ses-a_acq-venous_label-tumor_mask.nii.gz", "tumour"
    )
    put_label(tmp_path, "labels/sub-9/ct/sub-9_dseg.nii.gz")
    dataset = open_dataset(tmp_path)
    assert (dataset.kind, dataset.name, dataset.licence) == ("bids", "Ours", "CC0")
    assert [(c.name, c.patient) for c in dataset.cases] == [
        ("sub-2_ses-a_acq-venous", "sub-2"),
        ("sub-2_ses-b", "sub-2"),
        ("sub-10", "sub-10"),
    ]
    checks = check_dataset(dataset, progress=Progress(quiet=True))
    assert {c.name: [flag.code for flag in c.flags] for c in checks} == {
        "sub-2_ses-a_acq-venous": [],
        "sub-2_ses-b": ["no-label"],
        "sub-10": [],
        "sub-9": ["no-image"],
    }
    assert [c.labels for c in checks[:3]] == [(0, 1, 2), None, (0, 1, 2)]
    assert voxels(tmp_path, "sub-2_ses-a_acq-venous") == voxels(tmp_path, "sub-10") == [96, 22, 2]
    assert make_split(dataset, folds=2, seed=0).folds == 2


def test_sessions_of_a_subject_stay_together(tmp_path: Path) -> None:
    for subject in range(6):
        for session in ("a", "b"):
            name = f"sub-{subject}_ses-{session}"
            put_ct(tmp_path, f"sub-{subject}/ses-{session}/ct/{name}_ct.nii.gz")
            put_label(tmp_path, f"labels/sub-{subject}/ses-{session}/ct/{name}_dseg.nii.gz")
    for seed in range(10):
        for names in make_split(open_dataset(tmp_path), ratio=(2, 1), seed=seed).parts.values():
            assert all(name.replace("ses-a", "ses-b") in names for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "sub-1_dseg",
        "sub-1_ct_dseg",
        "sub-1_desc-manual_dseg",
        "sub-1_space-orig_desc-manual_dseg",
    ],
)
def test_names_of_label_maps(tmp_path: Path, name: str) -> None:
    put_ct(tmp_path, "sub-1/ct/sub-1_ct.nii.gz")
    put_label(tmp_path, f"labels/sub-1/ct/{name}.nii.gz")
    assert voxels(tmp_path, "sub-1") == [96, 22, 2]


def test_binary_masks(tmp_path: Path) -> None:
    put_ct(tmp_path, "sub-1/ct/sub-1_ct.nii.gz")
    masks = "labels/sub-1/ct/sub-1_label-"
    put_label(tmp_path, f"{masks}liver_mask.nii.gz", "liver", value=255)
    put_label(tmp_path, f"{masks}spleen_mask.nii.gz", "tumour")
    assert voxels(tmp_path, "sub-1") == [96, 24]
    put_label(tmp_path, f"{masks}tumour1_dseg.nii.gz", "tumour")
    put_label(tmp_path, f"{masks}tumour2_mask.nii.gz", "tumour")
    assert voxels(tmp_path, "sub-1") == [96, 22, 2]
    before = open_dataset(tmp_path).case("sub-1").fingerprint()
    put_label(tmp_path, f"{masks}tumour2_mask.nii.gz", "liver")
    assert open_dataset(tmp_path).case("sub-1").fingerprint() != before
    put_label(tmp_path, f"{masks}GTV_mask.nii.gz", "tumour")
    with pytest.raises(InputError, match="is of 'GTV', and it is not clear whether"):
        open_dataset(tmp_path)


def test_two_labels_for_one_case(tmp_path: Path) -> None:
    put_ct(tmp_path, "sub-1/ct/sub-1_ct.nii.gz")
    first = put_label(tmp_path, "labels/sub-1/ct/sub-1_desc-rater1_dseg.nii.gz")
    second = put_label(tmp_path, "labels/sub-1/ct/sub-1_desc-rater2_dseg.nii.gz")
    with pytest.raises(InputError, match=r"sub-1 has 2 labels .*rater1.* and .*rater2.*--labels"):
        open_dataset(tmp_path)
    first.unlink()
    second.unlink()
    put_label(tmp_path, "us/sub-1/ct/sub-1_label-liver_mask.nii.gz", "liver")
    put_label(tmp_path, "them/sub-1/ct/sub-1_label-liver_mask.nii.gz", "tumour")
    with pytest.raises(InputError, match=r"sub-1 has 2 labels .*them.* and .*us.*"):
        open_dataset(tmp_path)
    for team, count in (("us", 24), ("them", 2)):
        dataset = open_dataset(tmp_path, labels=tmp_path / "derivatives" / team)
        assert dataset.kind == "bids"
        assert (dataset.case("sub-1").read_label().array == 1).sum() == count


def test_values_named_in_a_table(tmp_path: Path) -> None:
    put_ct(tmp_path, "sub-1/ct/sub-1_ct.nii.gz")
    path = put_label(tmp_path, "labels/sub-1/ct/sub-1_dseg.nii.gz")
    shared = tmp_path / "derivatives" / "labels" / "dseg.tsv"
    shared.write_text("index\tname\n1\ttumour\n2\tliver\n", encoding="utf-8")
    assert voxels(tmp_path, "sub-1") == [96, 2, 22]
    own = path.with_name("sub-1_dseg.tsv")
    own.write_text("index\tname\n0\tbackground\n1\tliver\n2\taorta\n", encoding="utf-8")
    assert voxels(tmp_path, "sub-1") == [98, 22]
    own.write_text("index\tname\n1\tliver\n2\tGTV\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"dseg\.tsv names 'GTV' for the value 2"):
        open_dataset(tmp_path)
    own.write_text("number,who\n1,liver\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"dseg\.tsv is not a table of label values"):
        open_dataset(tmp_path)


def test_masks_that_do_not_fit(tmp_path: Path) -> None:
    put_ct(tmp_path, "sub-1/ct/sub-1_ct.nii.gz")
    path = put_label(tmp_path, "labels/sub-1/ct/sub-1_label-liver_mask.nii.gz")
    case = open_dataset(tmp_path).case("sub-1")
    with pytest.raises(
        InputError, match=r"holds the values 0, 1, 2, where a mask of one structure"
    ):
        case.read_label()
    write_label(Volume(np.ones((6, 5, 3), dtype=np.uint8), AFFINE), path)
    with pytest.raises(InputError, match="is not on the grid of its image: the shapes differ"):
        case.read_label()
    assert [flag.code for flag in check_case(case).flags] == ["unreadable-label"]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "ours"
    for subject in ("1", "2"):
        put_ct(root, f"sub-{subject}/ct/sub-{subject}_ct.nii.gz")
    checked = run(capsys, "data", "check", root, "-q")
    assert checked.code == 0, checked
    assert "2 cases, 0 with errors. No case has a label (for sub-1, there is no sub-1_dseg" in (
        " ".join(checked.out.split())
    )
    split = ("data", "split", root, "-o", tmp_path / "s.yaml")
    run(capsys, *split).assert_refused(match="no labelled case")
    for subject in ("1", "2"):
        put_label(root, f"labels/sub-{subject}/ct/sub-{subject}_dseg.nii.gz")
    assert run(capsys, "data", "check", root, "-q").code == 0
    assert run(capsys, *split, "--folds", "2").code == 0
    put_label(root, "others/sub-1/ct/sub-1_dseg.nii.gz")
    run(capsys, *split, "--folds", "2").assert_refused(match="name the folder of those to use")
    labels = root / "derivatives" / "labels"
    assert run(capsys, *split, "--folds", "2", "--labels", labels).code == 0
