"""What the check of a data set finds, and that it goes on after a bad case."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest
from rich.console import Console

from ynet3d.datasets import (
    CaseCheck,
    Severity,
    check_dataset,
    check_table,
    open_dataset,
    write_check_csv,
)
from ynet3d.progress import Progress

AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])
SHAPE = (8, 7, 6)


def scan() -> np.ndarray:
    image = np.full(SHAPE, -1000.0, dtype=np.float32)
    image[1:7, 1:6, 1:5] = np.random.default_rng(0).integers(-100, 200, (6, 5, 4))
    image[2:6, 2:5, 2:4] = np.random.default_rng(1).integers(60, 140, (4, 3, 2))
    return image


def truth() -> np.ndarray:
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[2:6, 2:5, 2:4] = 1
    label[3, 3, 2:4] = 2
    return label


def put(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def put_case(
    root: Path, number: int, image: np.ndarray, label: np.ndarray, affine: np.ndarray = AFFINE
) -> None:
    put(root / f"volume-{number}.nii.gz", image)
    put(root / f"segmentation-{number}.nii.gz", label, affine)


def codes(check: CaseCheck, severity: Severity = Severity.ERROR) -> set[str]:
    return {flag.code for flag in check.flags if flag.severity is severity}


def check(root: Path) -> dict[str, CaseCheck]:
    return {c.name: c for c in check_dataset(open_dataset(root), progress=Progress(quiet=True))}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """One good case and one of each kind of bad one."""
    image, label = scan(), truth()
    put_case(tmp_path, 0, image, label)
    put_case(tmp_path, 1, image, label, np.diag([-2.0, -2.0, 4.0, 1.0]))
    put_case(tmp_path, 2, image, np.where(label == 2, 5, label).astype(np.uint8))
    put_case(tmp_path, 3, image, np.zeros_like(label))
    put_case(tmp_path, 4, image + 1024, label)
    holed = image.copy()
    holed[3, 3, 3] = np.nan
    put_case(tmp_path, 5, holed, label)
    put(tmp_path / "segmentation-6.nii.gz", label)
    put(tmp_path / "volume-7.nii.gz", image)
    put_case(tmp_path, 8, image, label)
    (tmp_path / "volume-8.nii.gz").write_bytes(b"this is text, not a volume")
    put_case(tmp_path, 9, image, label)
    damaged = tmp_path / "segmentation-9.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:40])
    put_case(tmp_path, 10, image, np.minimum(label, 1))
    return tmp_path


def test_flags(mixed: Path) -> None:
    checks = check(mixed)
    assert list(checks) == [f"volume-{n}" for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 6)]
    found = {int(name.split("-")[1]): codes(result) for name, result in checks.items()}
    assert found == {
        0: set(),
        1: {"grid"},
        2: {"label-values"},
        3: {"no-liver"},
        4: {"hu-offset"},
        5: {"nan"},
        6: {"no-image"},
        7: set(),
        8: {"unreadable-image"},
        9: {"unreadable-label"},
        10: set(),
    }
    assert codes(checks["volume-7"], Severity.WARNING) == {"no-label"}
    assert codes(checks["volume-10"], Severity.INFORMATION) == {"no-tumour"}
    assert {name for name, result in checks.items() if result.ok} == {
        "volume-0",
        "volume-7",
        "volume-10",
    }
    for result in checks.values():
        for flag in result.flags:
            assert flag.sentence.endswith(".")
            assert "\n" not in flag.sentence


def test_a_label_that_is_flipped(tmp_path: Path) -> None:
    image = np.full(SHAPE, -1000.0, dtype=np.float32)
    image[1:5, 1:5, 1:4] = 110
    image[0, 0, 0] = 900
    label = (image == 110).astype(np.uint8)
    put_case(tmp_path, 0, image, label)
    for number in (1, 2, 3):
        put_case(tmp_path, number, image, np.flip(label, number - 1))
    warnings = {name: codes(result, Severity.WARNING) for name, result in check(tmp_path).items()}
    assert warnings == {"volume-0": set()} | {f"volume-{n}": {"liver-hu"} for n in (1, 2, 3)}


def test_figures(mixed: Path) -> None:
    good = check(mixed)["volume-0"]
    assert good.flags == ()
    assert (good.shape, good.orientation, good.labels) == (SHAPE, "LPS", (0, 1, 2))
    assert good.spacing == pytest.approx((2, 2, 5))
    assert good.hu_range == (-1000.0, float(scan().max()))
    # 4 x 3 x 2 voxels of 20 mm3, two of them tumour.
    assert good.liver_ml == pytest.approx(24 * 0.020)
    assert good.tumour_ml == pytest.approx(2 * 0.020)
    assert check(mixed)["volume-5"].hu_range == good.hu_range
    assert check(mixed)["volume-2"].labels == (0, 1, 5)


def test_unlabelled_data_set_is_fine(tmp_path: Path) -> None:
    put(tmp_path / "volume-0.nii.gz", scan())
    result = check(tmp_path)["volume-0"]
    assert result.ok
    assert codes(result, Severity.INFORMATION) == {"no-label"}
    assert result.labels is None


def test_csv_that_lists_missing_files(tmp_path: Path) -> None:
    put(tmp_path / "a.nii", scan())
    (tmp_path / "list.csv").write_text("image,label\na.nii,gone.nii\ngone.nii,a.nii\n")
    checks = check(tmp_path / "list.csv")
    assert codes(checks["a"]) == {"no-label"}
    assert codes(checks["gone"]) == {"no-image"}


def test_table_and_csv(mixed: Path, tmp_path: Path) -> None:
    checks = list(check(mixed).values())
    console = Console(width=200, record=True, file=(tmp_path / "screen.txt").open("w"))
    console.print(check_table(checks, title="mixed"))
    text = console.export_text()
    assert "patient" not in text  # all are called as their cases
    for expected in ("volume-10", "8x7x6", "2 2 5", "LPS", "hu-offset", "label-values", "0 1 5"):
        assert expected in text
    write_check_csv(checks, tmp_path / "out" / "check.csv")
    with (tmp_path / "out" / "check.csv").open(newline="") as stream:
        rows = {row["case"]: row for row in csv.DictReader(stream)}
    assert len(rows) == len(checks)
    assert rows["volume-0"]["ok"] == "true"
    assert float(rows["volume-0"]["liver_ml"]) == pytest.approx(0.48)
    assert float(rows["volume-0"]["hu_min"]) == -1000
    assert rows["volume-8"]["shape"] == ""
    assert "is text" in rows["volume-8"]["sentences"]
