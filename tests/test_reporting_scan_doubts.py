"""Doubts that only the scan raises: bodies of ellipses and discs in known HU, and real scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ynet3d.datasets import open_dataset
from ynet3d.reporting import statistics
from ynet3d.reporting.contrast_phase import aorta_hu, phase_doubt
from ynet3d.reporting.field_of_view import lies_left, shown
from ynet3d.reporting.plausibility import doubts
from ynet3d.volumes import Volume, ct_problems

#: Rows to the back, columns to the left, slices to the head; 2.5 x 2.5 x 6 mm.
AFFINE = np.array([[0, -2.5, 0, 0], [-2.5, 0, 0, 0], [0, 0, 6.0, 0], [0, 0, 0, 1]])
ROWS, COLUMNS, SLICES = 100, 140, 30


def body(
    aorta: float = 150, liver: float = 110, *, lungs: slice = slice(24, 30), liver_at: float = -70
) -> tuple[Volume, Volume]:
    """A trunk of fat with spine, aorta before its left side, liver on the right, lungs on top."""
    y, x = np.meshgrid(
        (np.arange(ROWS) - ROWS / 2) * 2.5, (np.arange(COLUMNS) - COLUMNS / 2) * 2.5, indexing="ij"
    )

    def disc(row: float, column: float, height: float, width: float) -> npt.NDArray[np.bool_]:
        return ((y - row) / height) ** 2 + ((x - column) / width) ** 2 < 1

    generator = np.random.default_rng(0)
    hu = np.full((ROWS, COLUMNS, SLICES), -1000.0)
    label = np.zeros(hu.shape, np.uint8)
    hu[disc(0, 0, 105, 155)] = -100
    for k in range(SLICES):
        if lungs.start <= k < lungs.stop:
            hu[disc(-10, -75, 70, 60) | disc(-10, 75, 70, 60), k] = -800
        elif k >= 3:
            organ = disc(-15, liver_at, 65, 70)
            hu[organ, k], label[organ, k] = liver, 1
    spine = disc(60, 0, 18, 20)
    hu[spine] = 700
    texture = generator.normal(190, 60, hu.shape)
    hu[disc(60, 0, 14, 16)] = texture[disc(60, 0, 14, 16)]
    hu[disc(30, 15, 12, 12)] = aorta
    hu += generator.normal(0, 12, hu.shape)
    image = Volume(np.rint(hu).astype(np.int16), AFFINE)
    return image, image.with_array(label)


def said(image: Volume, label: Volume) -> list[str]:
    return doubts(label, statistics(label, image), image)


@pytest.mark.parametrize("aorta", [40, 150, 350])
def test_the_aorta_is_found(aorta: float) -> None:
    image, label = body(aorta)
    assert aorta_hu(label, image) == pytest.approx(aorta, abs=15)


@pytest.mark.parametrize(
    ("aorta", "liver", "word"),
    [
        (150, 110, None),  # portal-venous
        (180, 30, None),  # the same with a fatty liver
        (250, 140, None),  # the same at low voltage
        (90, 85, None),  # delayed
        (330, 70, "arterial phase: the aorta has about 3"),
        (42, 58, "without contrast: the aorta has about 4"),
        (42, 5, "without contrast: the aorta has about 4"),
    ],
)
def test_phases(aorta: float, liver: float, word: str | None) -> None:
    image, label = body(aorta, liver)
    sentences = said(image, label)
    if word is None:
        assert sentences == []
    else:
        (sentence,) = sentences
        assert word in sentence


def test_any_orientation_says_the_same() -> None:
    image, label = body(330, 70)
    flipped = np.diag([1.0, -1, 1, 1])
    flipped[1, 3] = ROWS - 1
    turned = [
        Volume(v.array.transpose(2, 0, 1)[:, ::-1], v.affine[:, [2, 0, 1, 3]] @ flipped)
        for v in (image, label)
    ]
    assert said(*turned) == said(image, label)


@pytest.mark.parametrize("window", [(-45, 160), (-200, 300)])
def test_clipped_scans_have_no_phase(window: tuple[int, int]) -> None:
    image, label = body(330, 70)
    clipped = image.with_array(np.clip(image.array, *window))
    assert aorta_hu(label, clipped) is None
    assert said(clipped, label) == []


def test_no_aorta_no_word() -> None:
    image, label = body(-100)
    assert phase_doubt(label, image, 60) is None


def test_a_liver_on_the_left() -> None:
    image, label = body(liver_at=70)
    (sentence,) = said(image, label)
    assert "lies on the patient's left" in sentence
    mirrored = Volume(image.array[:, ::-1], image.affine)
    assert not lies_left(label.with_array(label.array[:, ::-1]), mirrored)
    for shift in (-70, 0, 10):  # what is left of a liver may lie in the middle
        image, label = body(liver_at=shift)
        assert not lies_left(label, image)


def test_scans_without_a_liver() -> None:
    nothing = np.zeros((ROWS, COLUMNS, SLICES), np.uint8)

    def words(image: Volume) -> str:
        (sentence,) = said(image, image.with_array(nothing[:, :, : image.shape[2]]))
        assert sentence.startswith("No liver was found: ")
        return sentence

    abdomen, _ = body()
    assert shown(abdomen) is None
    assert words(abdomen).endswith("as its header says.")
    assert "lungs in every slice" in words(body(lungs=slice(0, SLICES))[0])
    assert words(body(lungs=slice(0, 0))[0]).endswith(
        "It shows no lung, as one below or far above the liver."
    )
    short = Volume(abdomen.array[:, :, 24:], AFFINE)
    assert "It covers only 36 mm from feet to head and shows lungs in every slice" in words(short)
    clipped = abdomen.with_array(np.clip(abdomen.array, -45, 160))
    assert shown(clipped) is None


def test_a_small_liver_in_a_scan_of_something_else() -> None:
    image, label = body(lungs=slice(0, 0))
    few = label.array.copy()
    few[:, :, 7:] = 0
    sentences = said(image, label.with_array(few))
    assert len(sentences) == 2
    assert "shows no lung" in sentences[1]


@pytest.mark.real
@pytest.mark.parametrize("number", ["1", "17"])
def test_real_scans_in_hu_raise_no_doubt(real_data: Path, number: str) -> None:
    """Portal-venous; in the masks' words the aorta has 187 and 160 HU."""
    case = open_dataset(real_data / "3dircadb01").case(f"3Dircadb1.{number}")
    image = case.read_image()
    label = case.read_label(image=image)
    assert ct_problems(image) == []
    assert aorta_hu(label, image) == pytest.approx({"1": 187, "17": 160}[number], abs=45)
    assert not any("looks like" in one or "left" in one for one in said(image, label))


@pytest.mark.real
@pytest.mark.parametrize("name", ["volume-0", "volume-23", "volume-35", "volume-43"])
def test_real_scans_with_clipped_hu_raise_no_doubt(real_data: Path, name: str) -> None:
    case = open_dataset(real_data / "lits_subset").case(name)
    image = case.read_image()
    label = case.read_label(image=image)
    assert ct_problems(image) == []
    assert aorta_hu(label, image) is None
    assert shown(image) is None
    assert not lies_left(label, image)
