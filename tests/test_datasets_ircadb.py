"""3D-IRCADb's layout, with masks and CT written as DICOM."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import write_ct_series

from ynet3d.datasets import check_case, open_dataset
from ynet3d.errors import InputError

AFFINE = np.array(
    [[-0.7, 0, 0, 20.0], [0, -0.7, 0, 30.0], [0, 0, 1.6, -50.0], [0, 0, 0, 1]], dtype=float
)
SHAPE = (12, 10, 6)


def put_masks(folder: Path, masks: dict[str, np.ndarray], **options: Any) -> None:
    affine = options.pop("affine", AFFINE)
    for name, mask in masks.items():
        # The writer stores HU + 1024; masks are stored as they are, 0 and 255.
        stored = mask.astype(np.int32) * 255 - 1024
        write_ct_series(folder / name, stored, affine, RescaleIntercept="0", **options)


def organs() -> dict[str, np.ndarray]:
    empty = np.zeros(SHAPE, dtype=bool)
    masks = {name: empty.copy() for name in ("Liver", "livertumor01", "LiverTumours", "tumor")}
    masks |= {"liverkyst": empty.copy(), "liverkyste": empty.copy(), "leftsurretumor": empty.copy()}
    masks["Liver"][2:8, 1:6, 1:5] = True
    masks["livertumor01"][3, 2, 2] = True
    masks["LiverTumours"][7:9, 3, 4] = True  # half of it outside the liver
    for other in ("tumor", "liverkyst", "liverkyste", "leftsurretumor"):
        masks[other][4:6, 4:6, 3] = True
    return masks


def expected() -> np.ndarray:
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[2:8, 1:6, 1:5] = 1
    label[3, 2, 2] = 2
    label[7:9, 3, 4] = 2
    return label


def put_patient(root: Path, name: str, *, with_image: bool = True) -> Path:
    folder = root / name
    if with_image:
        image = np.random.default_rng(3).integers(-100, 200, SHAPE)
        write_ct_series(folder / "PATIENT_DICOM", image, AFFINE)
    put_masks(folder / "MASKS_DICOM", organs())
    return folder


def zip_part(folder: Path, *, top: str) -> None:
    """Replace a folder by a zip of it, with or without a folder at the top."""
    with zipfile.ZipFile(folder.with_name(folder.name + ".zip"), "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, top + file.relative_to(folder).as_posix())
                file.unlink()
        archive.writestr("__MACOSX/liver/._image_0", b"x")
    for inner in sorted(folder.rglob("*"), reverse=True):
        inner.rmdir()
    folder.rmdir()


@pytest.mark.parametrize("packing", ["folders", "zips", "zips with a top folder"])
def test_masks_are_joined_on_the_grid_of_the_ct(tmp_path: Path, packing: str) -> None:
    folder = put_patient(tmp_path, "3Dircadb1.2")
    put_patient(tmp_path, "3Dircadb1.10", with_image=False)
    if packing != "folders":
        for part in ("PATIENT_DICOM", "MASKS_DICOM"):
            zip_part(folder / part, top=f"{part}/" if "top" in packing else "")
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "ircadb"
    assert [case.name for case in dataset.cases] == ["3Dircadb1.2"]
    assert [name for name, _ in dataset.without_image] == ["3Dircadb1.10"]
    assert dataset.licence is not None
    assert "NC-ND" in dataset.licence
    case = dataset.cases[0]
    image = case.read_image()
    label = case.read_label(image=image)
    assert np.allclose(image.affine, AFFINE, atol=1e-6)
    np.testing.assert_array_equal(label.array, expected())
    assert label.same_grid(image)


def test_one_patient_can_be_given(tmp_path: Path) -> None:
    folder = put_patient(tmp_path, "somebody")
    assert [case.name for case in open_dataset(folder).cases] == ["somebody"]


def test_masks_with_slices_left_out(tmp_path: Path) -> None:
    folder = put_patient(tmp_path, "p")
    for file in (folder / "MASKS_DICOM" / "Liver").iterdir():
        file.unlink()
    # Slices 0 and 5 are empty, so a publisher may leave them out.
    put_masks(folder / "MASKS_DICOM", {"Liver": organs()["Liver"]}, leave_out=(0, 5))
    np.testing.assert_array_equal(open_dataset(folder).cases[0].read_label().array, expected())


@pytest.mark.parametrize(
    "change",
    [
        np.diag([1.0, 1.0, 1.0, 1.0]) @ np.array(AFFINE) + np.eye(4, k=3) * 5,
        AFFINE * np.array([1.1, 1.1, 1, 1]),
        AFFINE + np.array([[0] * 4, [0] * 4, [0, 0, 0, 0.8], [0] * 4]),
        AFFINE @ np.array([[-1.0, 0, 0, 11], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
    ids=["moved", "scaled", "between slices", "mirrored"],
)
def test_masks_of_another_grid_are_refused(tmp_path: Path, change: np.ndarray) -> None:
    folder = put_patient(tmp_path, "p")
    for file in (folder / "MASKS_DICOM" / "Liver").iterdir():
        file.unlink()
    put_masks(folder / "MASKS_DICOM", {"Liver": organs()["Liver"]}, affine=change)
    case = open_dataset(folder).cases[0]
    with pytest.raises(InputError, match="does not lie on a slice of its CT"):
        case.read_label()
    assert [flag.code for flag in check_case(case).flags if flag.code == "unreadable-label"]


def test_no_liver_and_damaged_masks(tmp_path: Path) -> None:
    folder = put_patient(tmp_path, "p")
    masks = folder / "MASKS_DICOM"
    (masks / "Liver").rename(masks / "foie")
    with pytest.raises(InputError, match=r"no mask named liver .*foie"):
        open_dataset(folder).cases[0].read_label()
    (masks / "foie").rename(masks / "liver")
    next((masks / "liver").iterdir()).write_bytes(b"not DICOM")
    with pytest.raises(InputError, match="not a readable DICOM mask"):
        open_dataset(folder).cases[0].read_label()
    zip_part(masks, top="")
    archive = folder / "MASKS_DICOM.zip"
    archive.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(InputError, match="not a readable zip"):
        open_dataset(folder).cases[0].read_label()


def test_two_data_sets_in_one_folder(tmp_path: Path) -> None:
    put_patient(tmp_path, "3Dircadb1.1")
    (tmp_path / "volume-0.nii").write_bytes(b"")
    with pytest.raises(InputError, match="two data sets"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, kind="ircadb").kind == "ircadb"
