"""DICOM through `ynet3d predict`: what is read, what is refused, and nothing left behind."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import left_in, run
from dicom_files import write_ct_series
from enhanced_files import write_enhanced_ct
from small_runs import save_small_weights, small_scan

from ynet3d.volumes import read_label, read_volume

FILES = ["lesions.csv", "overlay.png", "segmentation.nii.gz", "statistics.json", "surface.png"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def scan_files(folder: Path, **changes: object) -> list[Path]:
    image = small_scan()[0]
    return write_ct_series(folder, image.array, image.affine, series_uid="1.2.1", **changes)


def packed(folder: Path, path: Path, *, root: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{root}{file.name}")
    return path


def test_uneven_slices(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mask lies on the grid to which the scan was resampled, and the note says so."""
    image = small_scan()[0]
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    half = image.shape[2] // 2

    def position(k: int) -> list[float]:
        place = lps[:3, 2] * (k + max(0, k - half)) + lps[:3, 3]
        return [round(float(x), 4) for x in place]

    scan_files(tmp_path / "ct", ImagePositionPatient=position)
    out = tmp_path / "out"
    done = run(capsys, "predict", tmp_path / "ct", "-o", out, "-w", weights, "--device", "cpu")
    assert done.code == 0, done
    note = json.loads((out / "statistics.json").read_text())["notes"][0]
    assert "were resampled to" in note
    mask = read_label(out / "segmentation.nii.gz")
    assert mask.shape[2] == image.shape[2] + image.shape[2] - 1 - half
    assert mask.same_grid(read_volume(tmp_path / "ct"))


def test_enhanced_ct(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = small_scan()[0]
    path = write_enhanced_ct(tmp_path / "IM0001", image.array, image.affine)
    out = tmp_path / "out"
    done = run(capsys, "predict", path, "-o", out, "-w", weights, "--device", "cpu")
    assert done.code == 0, done
    assert read_label(out / "segmentation.nii.gz").same_grid(image)
    assert left_in(out) == FILES


def missing_slice(folder: Path) -> Path:
    scan_files(folder / "ct", leave_out=(4,))
    return folder / "ct"


def cut_short(folder: Path) -> Path:
    path = scan_files(folder / "ct")[3]
    path.write_bytes(path.read_bytes()[:-50])
    return folder / "ct"


def two_phases(folder: Path) -> Path:
    scan_files(folder / "ct")
    image = small_scan(1)[0]
    write_ct_series(folder / "ct", image.array, image.affine, series_uid="1.2.1", prefix="b")
    return folder / "ct"


def only_a_localizer(folder: Path) -> Path:
    scan_files(folder / "ct", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    return folder / "ct"


def leading_outside(folder: Path) -> Path:
    scan_files(folder / "ct")
    return packed(folder / "ct", folder / "x.zip", root="../../")


def nested(folder: Path) -> Path:
    scan_files(folder / "ct")
    (folder / "zips").mkdir()
    packed(folder / "ct", folder / "zips" / "ct.zip")
    return packed(folder / "zips", folder / "x.zip")


def bomb(folder: Path) -> Path:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", b"\0" * 100_000)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (3 * 10**9).to_bytes(4, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (missing_slice, "lacks 1 slice"),
        (cut_short, "damaged or cut short"),
        (two_phases, "different slices at one position"),
        (only_a_localizer, "no axial CT series"),
        (leading_outside, "leads outside"),
        (nested, "but 1 zip"),
        (bomb, "times its own size"),
    ],
)
def test_refused(
    make: Callable[[Path], Path],
    match: str,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    done = run(capsys, "predict", make(tmp_path), "-o", out, "-w", weights, "--device", "cpu")
    done.assert_refused(match=match)
    assert not out.exists() or left_in(out) == []
