"""`save_overlay`: the right side, the right size in mm, the right colours, the right words."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import FLIPS, PERMUTATIONS, centre, greenish, near, orangeish, patient, read, turned
from PIL import Image

from ynet3d.errors import InputError
from ynet3d.reporting import save_overlay, style
from ynet3d.reporting.views import (
    Anatomy,
    Plane,
    evenly_spaced,
    focus,
    foreground_box,
    window_of,
)
from ynet3d.volumes.volume import Volume


def views(picture: np.ndarray) -> list[np.ndarray]:
    """The axial, coronal and sagittal pictures, found between the gaps of the upper row."""
    background = np.round(np.array(style.rgb(style.BACKGROUND)) * 255).astype(int)
    plain = (picture == background).all(axis=-1)
    top = 112
    bottom = top + int(np.argmax(plain[top + 5 :].all(axis=1))) + 5
    filled = ~plain[top + 2 : bottom - 2].all(axis=0)
    edges = np.flatnonzero(np.diff(np.pad(filled.astype(int), 1)))
    return [picture[top + 2 : bottom - 2, a:b] for a, b in edges.reshape(-1, 2)]


ORIENTATIONS = [((0, 1, 2), flips) for flips in FLIPS] + [
    (permutation, FLIPS[(3 * number + 1) % 8]) for number, permutation in enumerate(PERMUTATIONS)
]


@pytest.mark.parametrize(("permutation", "flips"), ORIENTATIONS)
def test_sides_in_pixels(
    tmp_path: Path, permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    image, label = (turned(volume, permutation, flips) for volume in patient())
    save_overlay(image, label, tmp_path / "overlay.png")
    axial, coronal, sagittal = views(read(tmp_path / "overlay.png"))
    for view in (axial, coronal, sagittal):
        liver, tumour = centre(orangeish(view)), centre(greenish(view))
        assert tumour[0] < liver[0] - 0.02  # nearer to the front (axial) or the head
        assert tumour[1] < liver[1] - 0.02  # nearer to the patient's right or (sagittal) the front
        assert liver[1] < 0.45
    assert centre(orangeish(axial))[0] < 0.45  # the liver lies in front of the body's middle


@pytest.mark.parametrize("permutation", PERMUTATIONS)
@pytest.mark.parametrize("flips", FLIPS)
def test_every_orientation_is_cut_alike(
    permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    image, label = patient()
    other_image, other_label = (turned(one, permutation, flips) for one in (image, label))
    expected, found = Anatomy.of(image), Anatomy.of(other_image)
    box = foreground_box(Anatomy.of(other_label).array)
    assert box == foreground_box(Anatomy.of(label).array)
    assert box is not None
    for plane, index in zip(Plane, focus(Anatomy.of(label).array, box), strict=True):
        assert np.array_equal(found.cut(plane, index), expected.cut(plane, index))
        assert found.position_mm(plane, index) == pytest.approx(expected.position_mm(plane, index))
        axis, voxel = found.source_index(plane, index)
        source = np.take(other_image.array, voxel, axis="ijk".index(axis))
        assert sorted(source.ravel()) == sorted(expected.cut(plane, index).ravel())


@pytest.mark.parametrize("spacing", [(3.0, 3.0, 6.0), (1.5, 3.0, 10.0), (4.0, 2.0, 2.0)])
def test_sizes_in_mm(tmp_path: Path, texts: list[str], spacing: tuple[float, float, float]) -> None:
    image, label = patient(spacing)
    label = label.with_array((label.array > 0).astype(np.uint8))
    save_overlay(image, label, tmp_path / "overlay.png")
    voxels = [np.ptp(indices) + 1 for indices in np.nonzero(label.array)]
    width, depth, height = (count * step for count, step in zip(voxels, spacing, strict=True))
    bars = [int(text.split()[0]) for text in texts if re.fullmatch(r"\d+ mm", text)]
    expected = ((depth, width), (height, width), (height, depth))
    found = views(read(tmp_path / "overlay.png"))
    for view, bar_mm, (rows_mm, columns_mm) in zip(found, bars[:3], expected, strict=True):
        lower_right = view[-22:-10, int(0.6 * view.shape[1]) :]
        bar_pixels = near(lower_right, style.TEXT, 12).sum(axis=1).max()
        rows, columns = np.nonzero(orangeish(view))
        assert np.ptp(rows) / bar_pixels * bar_mm == pytest.approx(rows_mm, rel=0.03)
        assert np.ptp(columns) / bar_pixels * bar_mm == pytest.approx(columns_mm, rel=0.03)


def test_size_and_words(tmp_path: Path, texts: list[str]) -> None:
    image, label = patient()
    save_overlay(image, label, tmp_path / "overlay.png", title="$case$ 7", note="Dice 0.9")
    picture = read(tmp_path / "overlay.png")
    assert picture.shape[1] == 1600
    assert (tmp_path / "overlay.png").stat().st_size < 2_500_000
    tumour_ml = np.count_nonzero(label.array == 2) * label.voxel_ml
    organ_ml = np.count_nonzero(label.array) * label.voxel_ml
    assert {"$case$ 7", "Dice 0.9", f"liver {organ_ml:.0f} mL"} <= set(texts)
    assert f"1 tumour, {tumour_ml:.1f} mL" in texts
    assert sum(text.startswith("z ") for text in texts) == 1 + 10  # the axial view and the montage
    assert any("Research use only" in text for text in texts)


def test_no_liver(tmp_path: Path, texts: list[str]) -> None:
    image, label = patient()
    save_overlay(image, label.with_array(np.zeros_like(label.array)), tmp_path / "overlay.png")
    assert {"no liver found", "no tumour found"} <= set(texts)
    below = read(tmp_path / "overlay.png")[112:]
    assert not greenish(below).any()
    assert not orangeish(below).any()


def test_no_tumour(tmp_path: Path, texts: list[str]) -> None:
    image, label = patient()
    liver = label.with_array(np.minimum(label.array, 1))
    save_overlay(image, liver, tmp_path / "overlay.png")
    assert "no tumour found" in texts
    below = read(tmp_path / "overlay.png")[112:]
    assert not greenish(below).any()
    assert orangeish(below).any()


def test_reference_is_outlined(tmp_path: Path, texts: list[str]) -> None:
    image, label = patient()
    image.array[0, 0, 0] = 1000  # bone, so that the body is not the brightest and stays grey
    moved = label.with_array(np.roll(label.array, 4, axis=0))  # 12 mm to the patient's right
    save_overlay(image, moved, tmp_path / "overlay.png", reference=label)
    axial = views(read(tmp_path / "overlay.png"))[0]
    inner = axial[75:-40, 40:-40]  # without words, letters and scale bar
    ours, reference = near(inner, style.LIVER), near(inner, style.REFERENCE_LIVER)
    for colour in (style.LIVER, style.TUMOUR, style.REFERENCE_LIVER, style.REFERENCE_TUMOUR):
        assert near(inner, colour).any()
    assert np.nonzero(ours)[1].min() < np.nonzero(reference)[1].min() - 10
    assert np.nonzero(ours)[1].max() < np.nonzero(reference)[1].max() - 10
    # Outlines alone: the middle of the liver keeps the grey of its 0 HU.
    rows, columns = np.nonzero(reference)
    middle = inner[int(rows.mean()), int(columns.mean())]
    assert middle == pytest.approx([102, 102, 102], abs=3)
    assert {text.split(":")[0] for text in texts if text.startswith(("ours", "ref"))} == {
        "ours",
        "reference",
    }


def test_nothing_found_but_drawn(tmp_path: Path, texts: list[str]) -> None:
    image, label = patient()
    empty = label.with_array(np.zeros_like(label.array))
    save_overlay(image, empty, tmp_path / "a.png", reference=label)
    save_overlay(image, label, tmp_path / "b.png", reference=empty)
    assert {"ours: no liver found", "reference: no tumour drawn"} <= set(texts)
    assert near(views(read(tmp_path / "a.png"))[0], style.REFERENCE_TUMOUR).any()
    assert near(views(read(tmp_path / "b.png"))[0], style.TUMOUR).any()


def test_other_grid_is_refused(tmp_path: Path) -> None:
    image, label = patient()
    shifted = label.affine.copy()
    shifted[0, 3] += 5.0
    with pytest.raises(InputError, match="another grid"):
        save_overlay(image, Volume(label.array, shifted), tmp_path / "overlay.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1, 1, 1), (64, 64, 1), (8, 300, 5)])
def test_odd_shapes(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    image = Volume(np.full(shape, np.nan, np.float32), np.eye(4))
    for value in (0, 1, 2):
        label = Volume(np.full(shape, value, np.uint8), np.eye(4))
        save_overlay(image, label, tmp_path / "overlay.png")
        width, height = Image.open(tmp_path / "overlay.png").size
        assert width == 1600
        assert height < 3000


def test_no_copy_of_a_large_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The drawing alone: `statistics` has its own tests.
    found = {"liver_ml": 1.0, "tumour_ml": 0.1, "lesion_count": 1}
    monkeypatch.setattr("ynet3d.reporting.overlay.statistics", lambda label: found)
    shape = (384, 384, 400)
    label = np.zeros(shape, np.uint8)
    label[100:220, 100:260, 150:250] = 1
    label[150:170, 150:170, 200:210] = 2
    image, masks = Volume(np.zeros(shape, np.int16), np.eye(4)), Volume(label, np.eye(4))
    tracemalloc.start()
    save_overlay(image, masks, tmp_path / "overlay.png")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * image.array.nbytes  # the canvas, and no copy of the scan


def test_evenly_spaced() -> None:
    assert evenly_spaced(10, 20, 10) == list(range(10, 20))
    assert evenly_spaced(0, 3, 10) == [0, 1, 2]
    assert evenly_spaced(0, 100, 4) == [12, 37, 62, 87]


def test_focus_lies_in_a_lesion() -> None:
    label = np.ones((3, 40, 40), np.uint8)
    label[1, 5:9, 5:9] = 2  # the mean of the two would lie between them
    label[1, 25:35, 25:35] = 2
    point = focus(label, ((0, 3), (0, 40), (0, 40)))
    assert point[0] == 1
    assert 28 <= point[1] <= 31
    assert 28 <= point[2] <= 31


@pytest.mark.parametrize("order", ["C", "F"])
def test_foreground_box(order: Any) -> None:
    array = np.zeros((7, 8, 9), np.uint8, order=order)
    assert foreground_box(array) is None
    array[2, 3:5, 1] = 1
    array[4, 6, 8] = 2
    assert foreground_box(array) == ((2, 5), (3, 7), (1, 9))
    assert foreground_box(array[::-1].transpose(2, 0, 1)) == ((1, 9), (2, 5), (3, 7))


def test_window_is_what_the_scan_holds() -> None:
    def window(*values: float) -> tuple[float, float]:
        return window_of(np.array(values, np.float32))

    assert window(-1024, 0, np.nan, 1500) == style.WINDOW_HU
    assert window(-45, 160) == (-45, 160)
    assert window(-1024, 160) == (-160, 160)
    assert window(20, 30) == style.WINDOW_HU  # nothing to see either way
    assert window(2000, 3000) == style.WINDOW_HU
