"""Data sets of every layout, written small."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from ynet3d.cli.options import Kind
from ynet3d.datasets import LAYOUTS, Case, LabelFile, dataset_fingerprint, open_dataset
from ynet3d.errors import InputError
from ynet3d.volumes import Volume, write_label, write_volume

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
SHAPE = (6, 5, 4)


def put_image(path: Path, *, value: int = 50) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full(SHAPE, -1000, dtype=np.int16)
    array[1:5, 1:4, 1:3] = value
    write_volume(Volume(array, AFFINE), path)
    return path


def put_label(path: Path, *, top: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[1:5, 1:4, 1:3] = 1
    array[2, 2, 1:3] = top
    write_label(Volume(array, AFFINE), path)
    return path


def names(cases: tuple[Case, ...]) -> list[str]:
    return [case.name for case in cases]


def test_lits_in_one_folder(tmp_path: Path) -> None:
    put_image(tmp_path / "volume-10.nii", value=60)
    put_label(tmp_path / "segmentation-10.nii")
    put_image(tmp_path / "volume-9.nii.gz")
    put_label(tmp_path / "segmentation-9.nii.gz")
    put_image(tmp_path / "volume-11.nii.gz")
    put_label(tmp_path / "segmentation-12.nii")
    (tmp_path / "._volume-3.nii").write_bytes(b"left by macOS")
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "lits"
    assert names(dataset.cases) == ["volume-9", "volume-10", "volume-11"]
    assert names(dataset.labelled) == ["volume-9", "volume-10"]
    assert [name for name, _ in dataset.without_image] == ["volume-12"]
    with pytest.raises(InputError, match=r"has no label \(no segmentation-11\.nii or \.nii\.gz"):
        dataset.case("volume-11").read_label()
    case = dataset.case("volume-10")
    image, label = case.read_image(), case.read_label()
    assert image.array.max() == 60
    assert label.array.dtype == np.uint8
    assert np.bincount(label.array.ravel()).tolist() == [96, 22, 2]
    assert image.same_grid(label)


def test_lits_in_nested_batches_with_patients(tmp_path: Path) -> None:
    for number, batch in ((1, "Training Batch 1"), (2, "Training Batch 2/deeper")):
        put_image(tmp_path / batch / f"volume-{number}.nii")
        put_label(tmp_path / batch / f"segmentation-{number}.nii")
    put_image(tmp_path / "test-volume-1.nii")
    (tmp_path / "cases.csv").write_text("case,patient,more\n1,A,x\nvolume-2,A,y\n")
    dataset = open_dataset(tmp_path)
    assert [(c.name, c.patient) for c in dataset.cases] == [
        ("test-volume-1", "test-volume-1"),
        ("volume-1", "A"),
        ("volume-2", "A"),
    ]


def test_lits_in_two_folders(tmp_path: Path) -> None:
    put_image(tmp_path / "ct" / "volume-0.nii")
    put_label(tmp_path / "seg" / "segmentation-0.nii.gz")
    dataset = open_dataset(tmp_path / "ct", labels=tmp_path / "seg")
    assert dataset.kind == "lits"
    assert names(dataset.labelled) == ["volume-0"]
    assert open_dataset(tmp_path).labelled == dataset.labelled


def test_lits_case_twice(tmp_path: Path) -> None:
    put_image(tmp_path / "volume-0.nii")
    put_image(tmp_path / "volume-0.nii.gz")
    with pytest.raises(InputError, match=r"case 0 is there twice"):
        open_dataset(tmp_path)


def test_cases_csv_without_patient(tmp_path: Path) -> None:
    put_image(tmp_path / "volume-0.nii")
    (tmp_path / "cases.csv").write_text("number,who\n0,A\n")
    with pytest.raises(InputError, match="number, who, but case and patient are needed"):
        open_dataset(tmp_path)


def decathlon(root: Path, **changes: object) -> Path:
    put_image(root / "imagesTr" / "liver_0.nii.gz")
    put_label(root / "labelsTr" / "liver_0.nii.gz")
    put_image(root / "imagesTs" / "liver_1.nii.gz")
    content: dict[str, object] = {
        "name": "LIVER",
        "licence": "CC-BY-SA 4.0",
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "training": [
            {"image": "./imagesTr/liver_0.nii.gz", "label": "./labelsTr/liver_0.nii.gz"},
            {"image": "./imagesTr/liver_7.nii.gz", "label": "./labelsTr/liver_7.nii.gz"},
        ],
        "test": ["./imagesTs/liver_1.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(content | changes))
    return root


def test_decathlon(tmp_path: Path) -> None:
    dataset = open_dataset(decathlon(tmp_path))
    assert (dataset.kind, dataset.name, dataset.licence) == ("decathlon", "LIVER", "CC-BY-SA 4.0")
    assert names(dataset.cases) == ["liver_0", "liver_7", "liver_1"]
    assert names(dataset.labelled) == ["liver_0", "liver_7"]
    assert dataset.case("liver_0").read_label().array.max() == 2
    with pytest.raises(InputError, match=r"image of case liver_7 is missing"):
        dataset.case("liver_7").read_image()
    with pytest.raises(InputError, match=r"label of case liver_7 is missing"):
        dataset.case("liver_7").read_label()
    with pytest.raises(InputError, match=r"Case liver_1 has no label"):
        dataset.case("liver_1").read_label()


def test_decathlon_of_another_organ(tmp_path: Path) -> None:
    decathlon(tmp_path, labels={"0": "background", "1": "spleen"})
    with pytest.raises(InputError, match=r"spleen.*where 1 liver and 2 cancer are expected"):
        open_dataset(tmp_path)


def test_decathlon_damaged(tmp_path: Path) -> None:
    decathlon(tmp_path)
    (tmp_path / "dataset.json").write_text('{"training": [')
    with pytest.raises(InputError, match="cannot be read as JSON"):
        open_dataset(tmp_path)
    decathlon(tmp_path, training=["liver_0"])
    with pytest.raises(InputError, match="image and label are expected"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("imagesTr", "labelsTr")])
@pytest.mark.parametrize("suffix", ["", "_label", "-seg", "_segmentation"])
def test_pairs_in_two_folders(tmp_path: Path, images: str, labels: str, suffix: str) -> None:
    put_image(tmp_path / images / "a.nii.gz")
    put_image(tmp_path / images / "b_0000.mha")
    put_image(tmp_path / images / "c.nrrd")
    put_label(tmp_path / labels / f"a{suffix}.nii.gz")
    put_label(tmp_path / labels / f"b{suffix}.mha")
    put_label(tmp_path / labels / f"d{suffix}.mha")
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "pairs"
    assert names(dataset.cases) == ["a", "b", "c"]
    assert names(dataset.labelled) == ["a", "b"]
    assert [name for name, _ in dataset.without_image] == ["d"]
    assert dataset.case("b").read_label().array.max() == 2


@pytest.mark.parametrize("suffix", ["_label", "-label", "_seg", "_mask"])
def test_pairs_in_one_folder(tmp_path: Path, suffix: str) -> None:
    put_image(tmp_path / "scan2.nii.gz")
    put_label(tmp_path / f"scan2{suffix}.nii.gz")
    put_image(tmp_path / "scan10.nii.gz")
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "pairs"
    assert names(dataset.cases) == ["scan2", "scan10"]
    assert names(dataset.labelled) == ["scan2"]
    with pytest.raises(InputError, match=r"has no label \(no scan10_label, scan10_seg or"):
        dataset.case("scan10").read_label()


def test_pairs_named_folders_and_doubles(tmp_path: Path) -> None:
    put_image(tmp_path / "x" / "a.nii")
    put_label(tmp_path / "y" / "a.nii")
    assert names(open_dataset(tmp_path / "x", labels=tmp_path / "y").labelled) == ["a"]
    put_label(tmp_path / "y" / "a_seg.nii")
    with pytest.raises(InputError, match="2 labels for 1 cases"):
        open_dataset(tmp_path / "x", labels=tmp_path / "y")
    put_image(tmp_path / "x" / "a.nii.gz")
    with pytest.raises(InputError, match=r"both a\.nii and a\.nii\.gz"):
        open_dataset(tmp_path / "x", labels=tmp_path / "y")


def test_csv(tmp_path: Path) -> None:
    put_image(tmp_path / "data" / "one.nii")
    put_label(tmp_path / "data" / "one-truth.nii")
    put_image(tmp_path / "data" / "two.nii")
    table = tmp_path / "list.csv"
    table.write_text(
        "\ufeffImage, label,case,patient\n"
        "data/one.nii,data/one-truth.nii,first,A\n"
        "data/two.nii,,,\n",
        encoding="utf-8",
    )
    for path in (table, tmp_path):
        dataset = open_dataset(path)
        assert (dataset.kind, dataset.name) == ("csv", "list")
        assert [(c.name, c.patient) for c in dataset.cases] == [("first", "A"), ("two", "two")]
        assert dataset.case("first").read_label().array.max() == 2
        assert dataset.case("two").label is None
        assert dataset.case("two").label_sought == "line 3 of list.csv names none"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image\na.nii\n", "a header with image and label"),
        ("image,label\n", "no rows"),
        ("image,label\n,b.nii\n", "names no image in line 2"),
        ("image,label\na.nii,b.nii\na.nii,c.nii\n", "Two cases .* have the name a "),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        open_dataset(tmp_path / "list.csv")


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00\x81image,label")
    with pytest.raises(InputError, match="cannot be read as CSV in UTF-8"):
        open_dataset(tmp_path / "list.csv")


def test_nothing_that_fits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no files, .*PATIENT_DICOM.* segmentation-N"):
        open_dataset(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"x")
    put_image(tmp_path / "scan.nii.gz")
    with pytest.raises(InputError, match=r"2 files \(1 of \.png, 1 of \.nii\.gz\)"):
        open_dataset(tmp_path)
    with pytest.raises(InputError, match="has no case in the layout lits"):
        open_dataset(tmp_path, kind="lits")
    with pytest.raises(InputError, match="is a file, where the folder"):
        open_dataset(tmp_path / "scan.nii.gz")
    with pytest.raises(InputError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not a kind of data set"):
        open_dataset(tmp_path, kind="brats")
    with pytest.raises(InputError, match="nowhere does not exist"):
        open_dataset(tmp_path, labels=tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no dataset\.json"):
        open_dataset(tmp_path, kind="decathlon")


def test_licence(tmp_path: Path) -> None:
    put_image(tmp_path / "volume-0.nii")
    assert open_dataset(tmp_path).licence is None
    (tmp_path / "LICENSE.txt").write_text("\nFree for all\nand more\n")
    assert open_dataset(tmp_path).licence == "Free for all"
    assert open_dataset(tmp_path, licence="CC0").licence == "CC0"


def test_unknown_case(tmp_path: Path) -> None:
    put_image(tmp_path / "volume-0.nii")
    with pytest.raises(InputError, match=r"no case volume-1 .*volume-0"):
        open_dataset(tmp_path).case("volume-1")


@pytest.mark.parametrize(
    ("shape", "affine", "what"),
    [
        ((6, 5, 3), AFFINE, "the shapes differ.*6x5x4.*6x5x3"),
        (SHAPE, np.diag([-2.0, -2.0, 3.5, 1.0]), "the spacings differ.*2 x 2 x 3 mm.*2 x 2 x 3.5"),
        (SHAPE, np.diag([2.0, -2.0, 3.0, 1.0]), r"the orientations differ \(LPS and RPS\)"),
        (
            SHAPE,
            AFFINE
            + np.eye(4)[:, [3]] @ [[0, 0, 0, 0]]
            + np.array([[0, 0, 0, 3.0], [0, 0, 0, 4.0], [0, 0, 0, 0], [0, 0, 0, 0]]),
            "the origins lie 5 mm apart",
        ),
    ],
)
def test_label_on_another_grid(
    tmp_path: Path, shape: tuple[int, int, int], affine: np.ndarray, what: str
) -> None:
    put_image(tmp_path / "a.nii")
    write_label(Volume(np.ones(shape, dtype=np.uint8), affine), tmp_path / "a_label.nii")
    case = open_dataset(tmp_path).case("a")
    with pytest.raises(InputError, match=f"not on the grid of its image: {what}"):
        case.read_label()


def test_label_values(tmp_path: Path) -> None:
    put_image(tmp_path / "a.nii")
    put_label(tmp_path / "a_label.nii", top=4)
    with pytest.raises(InputError, match="the values 0, 1, 4, but only 0"):
        open_dataset(tmp_path).case("a").read_label()


def test_fingerprint_follows_content(tmp_path: Path) -> None:
    image, label = put_image(tmp_path / "a.nii"), put_label(tmp_path / "a_label.nii")
    case = Case("a", "a", image, LabelFile(label))
    before = case.fingerprint()
    shutil.copytree(tmp_path, tmp_path / "moved")
    moved = tmp_path / "moved"
    copied = Case("b", "c", moved / "a.nii", LabelFile(moved / "a_label.nii"))
    assert copied.fingerprint() == before
    assert Case("a", "a", image).fingerprint() != before
    assert Case("a", "a", label, LabelFile(image)).fingerprint() != before
    put_label(label, top=1)
    assert case.fingerprint() != before
    label.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        case.fingerprint()


def test_fingerprint_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "1").write_bytes(b"ab")
    (tmp_path / "s" / "2").write_bytes(b"c")
    case = Case("a", "a", tmp_path / "s")
    before = case.fingerprint()
    (tmp_path / "s" / "1").write_bytes(b"a")
    (tmp_path / "s" / "2").write_bytes(b"bc")
    assert case.fingerprint() != before


def test_a_csv_of_another_purpose_does_not_matter(tmp_path: Path) -> None:
    put_image(tmp_path / "volume-0.nii")
    (tmp_path / "notes.csv").write_bytes(b"\xff\xfe\x00\x81")
    assert open_dataset(tmp_path).kind == "lits"


def test_fingerprint_of_a_data_set(tmp_path: Path) -> None:
    put_image(tmp_path / "a" / "volume-1.nii")
    put_label(tmp_path / "a" / "segmentation-1.nii")
    put_image(tmp_path / "a" / "volume-2.nii", value=60)
    before = dataset_fingerprint(open_dataset(tmp_path / "a"))
    assert before == dataset_fingerprint(open_dataset(tmp_path / "a"))
    assert len(before) == 32
    # Elsewhere, in other folders: the same cases.
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "c")
    moved = tmp_path / "b"
    (moved / "d").mkdir()
    (moved / "c" / "volume-2.nii").rename(moved / "d" / "volume-2.nii")
    assert dataset_fingerprint(open_dataset(moved)) == before
    # Another patient, another label, a case less: not the same.
    (moved / "c" / "cases.csv").write_text("case,patient\n1,A\n", encoding="utf-8")
    assert dataset_fingerprint(open_dataset(moved)) != before
    (moved / "c" / "cases.csv").unlink()
    put_label(moved / "c" / "segmentation-1.nii", top=1)
    assert dataset_fingerprint(open_dataset(moved)) != before
    (tmp_path / "a" / "volume-2.nii").unlink()
    assert dataset_fingerprint(open_dataset(tmp_path / "a")) != before


def test_files_are_read_once_for_fingerprints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_image(tmp_path / "volume-1.nii")
    reads: list[Path] = []

    def counted(path: Path) -> Iterator[bytes]:
        reads.append(path)
        yield path.read_bytes()

    monkeypatch.setattr("ynet3d.datasets.case._contents", counted)
    dataset = open_dataset(tmp_path)
    first = dataset.cases[0].fingerprint()
    dataset_fingerprint(dataset)
    dataset_fingerprint(open_dataset(tmp_path))
    assert len(reads) == 1
    put_image(tmp_path / "volume-1.nii", value=61)
    assert dataset.cases[0].fingerprint() != first
    assert len(reads) == 2


def test_every_kind_is_in_the_help() -> None:
    help_text = get_args(Kind)[1].help
    assert help_text is not None
    listed = help_text.rstrip(".").split(": ")[1].split(", ")
    assert sorted(listed) == sorted(["auto", *LAYOUTS])
