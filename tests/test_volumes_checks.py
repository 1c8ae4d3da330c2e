"""Plausibility of CT values and grids."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from ynet3d.volumes import Volume, ct_problems, read_volume

AFFINE = np.diag([-0.8, -0.8, 2.0, 1.0])


def abdomen() -> np.ndarray:
    """Air around a body of fat, soft tissue and bone, in HU."""
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, size) for size in (64, 64, 20)), indexing="ij")
    radius = np.hypot(x, y * 1.3)
    hu = np.select([radius < 0.1, radius < 0.6, radius < 0.7], [700, 50, -100], -1000)
    noise = np.random.default_rng(0).normal(0, 12, hu.shape)
    return np.maximum(hu + noise, -1024).astype(np.int16)


def codes(array: np.ndarray, affine: np.ndarray = AFFINE) -> dict[str, bool]:
    return {item.code: item.fatal for item in ct_problems(Volume(array, affine, source="a scan"))}


def test_good_scans() -> None:
    hu = abdomen()
    assert codes(hu) == {}
    assert codes(hu.astype(np.float32)) == {}
    assert codes(np.clip(hu, -45, 160)) == {}, "clipped as our LiTS subset is"
    assert codes(np.clip(hu, -175, 250)) == {}
    padded = hu.copy()
    padded[:10] = -3024
    assert codes(padded) == {}
    metal = hu.copy()
    metal[30, 30, 5:9] = 12_000
    assert codes(metal) == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_voxel_that_is_not_finite(bad: float) -> None:
    hu = abdomen().astype(np.float32)
    hu[13, 17, 11] = bad
    assert codes(hu) == {"nan": True}
    assert "has 1 voxels" in ct_problems(Volume(hu, AFFINE))[0].sentence


def test_all_air() -> None:
    assert codes(np.minimum(abdomen(), -300)) == {"all-air": True}


def test_missing_intercept() -> None:
    assert codes(abdomen() + 1024) == {"hu-offset": True}
    padded = abdomen() + 1024
    padded[:10] = -2000
    assert codes(padded) == {"hu-offset": True}
    sentence = ct_problems(Volume(padded, AFFINE, source="x.nii"))[0].sentence
    assert sentence.startswith("x.nii ")
    assert "subtract 1024" in sentence


def test_what_is_not_hu() -> None:
    hu = abdomen()
    assert codes(np.full_like(hu, 40)) == {"constant": True}
    assert codes(np.clip((hu + 175) / 425, 0, 1).astype(np.float32)) == {"not-hu": True}
    assert codes((np.clip(hu, -175, 80) + 175).astype(np.uint8)) == {"not-hu": False}
    hu[0, 0, 0] = -30_000
    assert codes(hu) == {"range": False}


def magnetic(scale: float) -> np.ndarray:
    """As of MR: nothing in the air, and a broad range in the body, `scale` at its brightest."""
    generator = np.random.default_rng(0)
    inside = abdomen() > -300
    smooth = np.linspace(0.2, 1.0, inside.shape[0])[:, None, None]
    values = np.where(inside, smooth * generator.uniform(0.3, 1.0, inside.shape), 0.01)
    return (values * scale).astype(np.int16)


def test_magnetic_resonance() -> None:
    assert codes(magnetic(700)) == {"not-hu": False}
    assert "not MR" in ct_problems(Volume(magnetic(700), AFFINE))[0].sentence
    assert codes(magnetic(4000)) == {"not-hu": True}
    assert "as MR does" in ct_problems(Volume(magnetic(4000), AFFINE))[0].sentence
    assert codes(magnetic(4000) - 1024) == {"not-hu": False}, "someone believed the offset"
    normalised = magnetic(1000) / 200.0 - 1
    assert codes(normalised.astype(np.float32)) == {"not-hu": False}


def test_rescaled_twice_or_wrongly() -> None:
    hu = abdomen()
    hu[30:34, 30:34, 10] = 1100
    twice = hu - np.int16(1024)
    assert codes(twice) == {"not-hu": False}
    assert "twice" in ct_problems(Volume(twice, AFFINE))[0].sentence
    assert codes(hu * np.int16(10)) == {"not-hu": False, "range": False}, "stored in tenths"


def test_scans_of_other_places_and_patients_are_ct() -> None:
    hu = abdomen()
    small = np.full((160, 160, 20), -1000, np.int16)
    small[48:112, 48:112] = hu
    assert codes(small) == {}
    lungs = np.where(hu > 0, -800, hu).astype(np.int16)
    lungs[30:34] = 40
    assert codes(lungs) == {}
    bone = hu.copy()
    bone[::3][bone[::3] > -300] = 900  # a third of the body
    assert codes(bone) == {}
    assert codes(hu[5:59, 10:54]) == {}, "cut to the body"


def test_grids() -> None:
    hu = abdomen()
    assert codes(hu[:, :, :3]) == {"few-voxels": False}
    assert codes(hu[:, :, :1]) == {"few-voxels": True}
    assert codes(hu, np.diag([0.0008, 0.0008, 0.002, 1.0])) == {"spacing": False}
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.5
    assert codes(hu, sheared) == {"tilt": False}


def test_nifti_without_orientation(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(abdomen(), None)
    image.header.set_zooms((1, 1, 2))
    image.to_filename(tmp_path / "x.nii.gz")
    block = nibabel.load(tmp_path / "x.nii.gz").header
    assert (int(block["sform_code"]), int(block["qform_code"])) == (0, 0)
    found = [(item.code, item.fatal) for item in ct_problems(read_volume(tmp_path / "x.nii.gz"))]
    assert found == [("orientation-unknown", False)]
