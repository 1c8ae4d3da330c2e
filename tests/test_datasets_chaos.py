"""CHAOS CT: PNG masks on the grid of their slices, with a phantom that has no symmetry."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from dicom_files import write_ct_series
from PIL import Image
from pydicom.uid import generate_uid

from ynet3d.datasets import check_case, check_dataset, make_split, open_dataset
from ynet3d.errors import InputError
from ynet3d.progress import Progress

SHAPE = (12, 10, 8)
#: Columns to the patient's left, rows to the back, slices to the head, as DICOM has it.
AFFINE = np.array([[-1.5, 0, 0, 9.0], [0, -1.5, 0, 6.0], [0, 0, 3.0, -20.0], [0, 0, 0, 1.0]])
SLICES = SHAPE[2]


def scan() -> np.ndarray:
    """A body with a liver at its right, in front, and above its middle."""
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[1:11, 1:9, :] = -90
    hu[2:6, 2:5, 4:7] = 110
    hu[2, 2, 7] = 110
    return hu


def from_the_head(k: int) -> int:
    return SLICES - 1 - k


def from_the_foot(k: int) -> int:
    return k


def put_patient(
    folder: Path,
    *,
    number: Callable[[int], int] = from_the_head,
    dicom_name: str = "i{:04d},0000b.dcm",
    mode: str = "L",
    value: int = 255,
    masks: bool = True,
    **changes: object,
) -> Path:
    """One patient as published: slice and mask have the same place in the order of their names."""
    hu = scan()
    write_ct_series(
        folder / "DICOM_anon",
        hu,
        AFFINE,
        file_name=lambda k: dicom_name.format(number(k)),
        **changes,
    )
    if masks:
        (folder / "Ground").mkdir(parents=True)
    for k in range(SLICES) if masks else ():
        pixels = ((hu[:, :, k] == 110) * value).astype(np.uint8).T
        name = folder / "Ground" / f"liver_GT_{number(k):03d}.png"
        Image.fromarray(np.ascontiguousarray(pixels)).convert(mode).save(name)
    return folder


@pytest.fixture
def chaos(tmp_path: Path) -> Path:
    train = tmp_path / "CHAOS_Train_Sets" / "Train_Sets"
    for patient in ("1", "2", "10"):
        put_patient(train / "CT" / patient)
    (train / "MR" / "1" / "T1DUAL" / "DICOM_anon" / "InPhase").mkdir(parents=True)
    (train / "MR" / "1" / "T1DUAL" / "Ground").mkdir()
    put_patient(tmp_path / "CHAOS_Test_Sets" / "Test_Sets" / "CT" / "3", masks=False)
    return tmp_path


def test_cases_checks_and_split(chaos: Path) -> None:
    train = chaos / "CHAOS_Train_Sets"
    dataset = open_dataset(chaos)
    assert dataset.kind == "chaos"
    assert dataset.licence == "CC BY-NC-SA 4.0 (CHAOS)"
    assert [case.name for case in dataset.cases] == ["ct-1", "ct-2", "ct-3", "ct-10"]
    for root in (train, train / "Train_Sets", train / "Train_Sets" / "CT"):
        assert open_dataset(root, kind="chaos").labelled == open_dataset(root).cases
        assert [case.name for case in open_dataset(root).cases] == ["ct-1", "ct-2", "ct-10"]
    assert [c.name for c in open_dataset(train / "Train_Sets" / "CT" / "2").cases] == ["ct-2"]
    checks = check_dataset(dataset, progress=Progress(quiet=True))
    assert {check.name: [flag.code for flag in check.flags] for check in checks} == {
        "ct-1": ["no-tumour"],
        "ct-2": ["no-tumour"],
        "ct-3": ["no-label"],
        "ct-10": ["no-tumour"],
    }
    assert all(check.ok for check in checks)
    assert checks[0].labels == (0, 1)
    assert checks[0].liver_ml == pytest.approx((4 * 3 * 3 + 1) * 1.5 * 1.5 * 3 / 1000)
    split = make_split(dataset, ratio=(1, 1, 1), seed=0)
    assert sorted(split.train + split.validation + split.test) == ["ct-1", "ct-10", "ct-2"]


@pytest.mark.parametrize("number", [from_the_head, from_the_foot])
@pytest.mark.parametrize("dicom_name", ["i{:04d},0000b.dcm", "IMG-0004-{:05d}.dcm"])
def test_masks_lie_on_the_ct(tmp_path: Path, number: Callable[[int], int], dicom_name: str) -> None:
    put_patient(tmp_path / "1", number=number, dicom_name=dicom_name)
    case = open_dataset(tmp_path).case("ct-1")
    image = case.read_image()
    label = case.read_label(image=image)
    assert label.array.dtype == np.uint8
    assert label.same_grid(image)
    np.testing.assert_array_equal(label.array == 1, image.array == 110)
    # Right, in front, and above the middle of the scan, whatever the order of the files.
    liver = np.argwhere(label.array).mean(axis=0)
    x, y, z = (image.affine @ [*liver, 1])[:3]
    middle = (image.affine @ [*(np.array(SHAPE) - 1) / 2, 1])[:3]
    assert x > middle[0]
    assert y > middle[1]
    assert z > middle[2]


def test_numbers_of_slices_may_begin_elsewhere_than_those_of_masks(tmp_path: Path) -> None:
    put_patient(tmp_path / "1", dicom_name="IMG-0004-0000{:d}.dcm")
    for path in sorted((tmp_path / "1" / "DICOM_anon").iterdir(), reverse=True):
        path.rename(path.with_name(f"IMG-0004-{int(path.stem[-5:]) + 1:05d}.dcm"))
    case = open_dataset(tmp_path).case("ct-1")
    image = case.read_image()
    np.testing.assert_array_equal(case.read_label(image=image).array == 1, image.array == 110)


@pytest.mark.parametrize(("mode", "value"), [("L", 1), ("1", 255), ("RGB", 255), ("P", 255)])
def test_kinds_of_png(tmp_path: Path, mode: str, value: int) -> None:
    put_patient(tmp_path / "1", mode=mode, value=value)
    assert open_dataset(tmp_path).case("ct-1").read_label().array.sum() == 37


def test_slices_with_a_series_uid_each(tmp_path: Path) -> None:
    uids = [generate_uid() for _ in range(SLICES)]
    put_patient(tmp_path / "1", SeriesInstanceUID=lambda k: uids[k])
    case = open_dataset(tmp_path).case("ct-1")
    image = case.read_image()
    assert image.shape == SHAPE
    assert image.metadata["other_series"] == ()
    np.testing.assert_array_equal(case.read_label(image=image).array == 1, image.array == 110)


def test_a_mask_is_missing_or_there_twice(tmp_path: Path) -> None:
    ground = put_patient(tmp_path / "1") / "Ground"
    (ground / "._liver_GT_000.png").write_bytes(b"left by macOS")
    shutil.copy(ground / "liver_GT_002.png", ground / "liver_GT_002 (1).png")
    case = open_dataset(tmp_path).case("ct-1")
    with pytest.raises(InputError, match=r"Ground has 9 masks \(\.png\) for 8 slices"):
        case.read_label()
    (ground / "liver_GT_002 (1).png").unlink()
    (ground / "liver_GT_002.png").unlink()
    with pytest.raises(InputError, match=r"Ground has 7 masks \(\.png\) for 8 slices"):
        case.read_label()
    assert [f.code for f in check_case(case).flags] == ["unreadable-label"]
    shutil.rmtree(ground)
    with pytest.raises(InputError, match=r"label of case ct-1 is missing"):
        case.read_label()


def test_masks_that_do_not_fit(tmp_path: Path) -> None:
    ground = put_patient(tmp_path / "1") / "Ground"
    case = open_dataset(tmp_path).case("ct-1")
    first = ground / "liver_GT_000.png"
    Image.fromarray(np.zeros((SHAPE[0], SHAPE[1]), dtype=np.uint8)).save(first)
    with pytest.raises(InputError, match=r"liver_GT_000\.png has 10x12 pixels, .* have 12x10"):
        case.read_label()
    organs = np.zeros((SHAPE[1], SHAPE[0]), dtype=np.uint8)
    organs[0, :4] = (63, 126, 189, 252)
    Image.fromarray(organs).save(first)
    with pytest.raises(InputError, match=r"holds the values 0, 63, 126, 189, 252.*MR part"):
        case.read_label()
    first.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"liver_GT_000\.png is not a readable PNG"):
        case.read_label()


def test_names_that_are_not_in_the_order_of_the_slices(tmp_path: Path) -> None:
    put_patient(tmp_path / "1", number=lambda k: (k * 3) % SLICES)
    with pytest.raises(InputError, match=r"names of the slices in .* do not run along the body"):
        open_dataset(tmp_path).case("ct-1").read_label()


def test_patients_without_ct(tmp_path: Path) -> None:
    sequence = tmp_path / "MR" / "1" / "T2SPIR"
    (sequence / "DICOM_anon").mkdir(parents=True)
    with pytest.raises(InputError, match="MR part of CHAOS only: give the folder CT"):
        open_dataset(tmp_path, kind="chaos")
    with pytest.raises(InputError, match="which is no data set that is understood"):
        open_dataset(tmp_path)
    put_patient(tmp_path / "CT" / "5")
    shutil.rmtree(tmp_path / "CT" / "5" / "DICOM_anon")
    assert [name for name, _ in open_dataset(tmp_path).without_image] == ["ct-5"]


def test_the_fingerprint_knows_slices_and_masks(tmp_path: Path) -> None:
    ground = put_patient(tmp_path / "1") / "Ground"
    case = open_dataset(tmp_path).case("ct-1")
    before = case.fingerprint()
    first, second = ground / "liver_GT_000.png", ground / "liver_GT_005.png"
    first.rename(ground / "x")
    second.rename(first)
    (ground / "x").rename(second)
    assert case.fingerprint() != before


def test_command_line(chaos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked = run(capsys, "data", "check", chaos, "-q")
    assert checked.code == 0, checked
    assert "4 cases, 0 with errors." in checked.out
    assert "has no label (there is no " in " ".join(checked.out.split())
    made = run(capsys, "data", "split", chaos, "-o", tmp_path / "s.yaml", "--ratio", "2/1")
    assert made.code == 0, made
    assert "train 2, validation 1 (1 without label left out)" in made.out
    (chaos / "CHAOS_Train_Sets/Train_Sets/CT/1/Ground/liver_GT_003.png").unlink()
    checked = run(capsys, "data", "check", chaos, "-q")
    assert checked.code == 1
    assert "has 7 masks (.png) for 8 slices" in " ".join(checked.out.split())
