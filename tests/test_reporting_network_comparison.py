"""The figure of several networks: columns, sides, scale, and what is missing or empty."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from pictures import FLIPS, PERMUTATIONS, centre, greenish, near, orangeish, patient, read, turned

from ynet3d.errors import InputError
from ynet3d.labels import RESEARCH_USE
from ynet3d.reporting import ComparedCase, save_network_comparison, style
from ynet3d.reporting.comparison_scene import Scene
from ynet3d.reporting.views import Anatomy
from ynet3d.volumes.volume import Volume

SPACING = (4.0, 4.0, 6.0)


@pytest.fixture(autouse=True)
def small_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels of 200 pixels, which are drawn sooner."""
    monkeypatch.setattr("ynet3d.reporting.network_comparison._WIDEST", 200)


def scan(spacing: tuple[float, float, float] = SPACING) -> tuple[Volume, Volume]:
    """The patient of blocks, with a voxel of bone, so that the whole window is used."""
    image, label = patient(spacing)
    image.array[-1, -1, -1] = 500
    return image, label


def case(
    predictions: Mapping[str, Volume] | None = None,
    *,
    reference: Volume | None = None,
    remark: str = "best",
    notes: Mapping[str, str] | None = None,
) -> ComparedCase:
    image, label = scan()
    given = {"vnet": label} if predictions is None else predictions
    return ComparedCase("case 1", remark, image, reference or label, given, notes or {})


def liver_mm() -> list[float]:
    """Size of the liver to the left, front and head."""
    voxels = [np.ptp(indices) + 1 for indices in np.nonzero(scan()[1].array)]
    return [count * step for count, step in zip(voxels, SPACING, strict=True)]


def empty(label: Volume) -> Volume:
    return label.with_array(np.zeros_like(label.array))


def panels(picture: np.ndarray, columns: int) -> list[list[np.ndarray]]:
    """The two rows of panels of a picture of one case in one line, cut to the height of the CT."""
    width = (picture.shape[1] - 2 * 24 - (columns - 1) * 8) // columns
    first = picture[144:, 24 : 24 + width]
    paper = (first > 250).all(axis=(1, 2))
    upper = int(np.argmax(paper))
    lower = int(np.argmax(paper[upper + 8 :]))
    lefts = [24 + column * (width + 8) for column in range(columns)]
    return [
        [picture[top : top + height, left : left + width] for left in lefts]
        for top, height in ((144, upper), (144 + upper + 8, lower))
    ]


def test_sides_and_scale(tmp_path: Path) -> None:
    save_network_comparison([case()], tmp_path / "a.png")
    axial, front = panels(read(tmp_path / "a.png"), 3)
    for panel in (axial[1], axial[2], front[1], front[2]):
        liver, tumour = centre(orangeish(panel)), centre(greenish(panel))
        assert tumour[0] < liver[0] - 0.02  # nearer to the front (axial) or the head
        assert tumour[1] < liver[1] - 0.02  # on the patient's right
    assert not orangeish(axial[0]).any()
    assert not orangeish(front[0]).any()
    # 10 mm around the liver are shown, and the height is at most 0.92 of the width.
    across, along, up = liver_mm()
    for panel, tall in ((axial[1], along), (front[1], up)):
        height, width = panel.shape[:2]
        assert height / width == pytest.approx(0.92, abs=0.01)
        rows, columns = np.nonzero(orangeish(panel) | greenish(panel))
        assert np.ptp(columns) / width == pytest.approx(across / ((tall + 20) / 0.92), rel=0.04)
        assert np.ptp(rows) / height == pytest.approx(tall / (tall + 20), rel=0.04)


def test_every_orientation_is_drawn_alike(tmp_path: Path) -> None:
    image, label = scan()
    save_network_comparison([case()], tmp_path / "a.png")
    expected = read(tmp_path / "a.png")
    for number, permutation in enumerate(PERMUTATIONS[1::3]):
        image_, label_ = (
            turned(one, permutation, FLIPS[(3 * number + 1) % 8]) for one in (image, label)
        )
        other = ComparedCase("case 1", "best", image_, label_, {"vnet": label_})
        save_network_comparison([other], tmp_path / "b.png")
        assert np.abs(read(tmp_path / "b.png") - expected).mean() < 0.5


def test_words(tmp_path: Path, texts: list[str]) -> None:
    _, label = scan()
    shown = case(
        {"vnet": label, "3d$y$net": label}, remark="median, 5 cases", notes={"vnet": "Dice 1 / 1"}
    )
    save_network_comparison([shown], tmp_path / "a.png")
    for words in ("case 1", "median, 5 cases", "CT", "Reference", "vnet", "3d$y$net", "Dice 1 / 1"):
        assert texts.count(words) == 1
    assert RESEARCH_USE in texts
    assert any(words.startswith("1 tumour, ") for words in texts)
    assert sum(words.endswith(" mm") and not words.startswith("z") for words in texts) == 2


def test_what_each_network_found(tmp_path: Path, texts: list[str]) -> None:
    _, label = scan()
    liver = label.with_array(np.minimum(label.array, 1))
    save_network_comparison(
        [
            case({"all": label, "only liver": liver, "nothing": empty(label)}),
            case({"other": label, "only liver": liver}),
        ],
        tmp_path / "a.png",
    )
    picture = read(tmp_path / "a.png")
    axial, front = panels(picture, 6)
    found = [(greenish(one).any(), orangeish(one).any()) for one in front]
    assert found == [(False, False), (True, True), (True, True), (False, True), *[(False,) * 2] * 2]
    # The reference is outlined on predictions, empty ones too, and not on itself.
    pink = [near(one, style.REFERENCE_TUMOUR).any() for one in axial]
    assert pink == [False, False, True, True, True, False]
    assert not orangeish(axial[4]).any()
    assert texts.count("nothing found") == 1
    # In the first case "other" is missing, in the second "all" and "nothing".
    assert texts.count("no prediction") == 3
    assert [texts.count(name) for name in ("all", "only liver", "nothing", "other")] == [2] * 4


def test_far_from_the_liver(tmp_path: Path, texts: list[str]) -> None:
    _, label = scan()
    array = label.array.copy()
    array[:4, :4, :2] = 1  # in the patient's left, back and lowest corner
    save_network_comparison([case({"vnet": label.with_array(array)})], tmp_path / "a.png")
    assert f"{style.millilitres(32 * label.voxel_ml)} more outside this view" in texts
    # What is far away does not change the scale.
    _, front = panels(read(tmp_path / "a.png"), 3)
    columns = np.nonzero(orangeish(front[1]) | greenish(front[1]))[1]
    across, _, up = liver_mm()
    shown = across / ((up + 20) / 0.92)
    assert np.ptp(columns) / front[1].shape[1] == pytest.approx(shown, rel=0.04)


def test_without_reference(tmp_path: Path, texts: list[str]) -> None:
    _, label = scan()
    nothing = empty(label)
    save_network_comparison([case(reference=nothing)], tmp_path / "a.png")
    axial, front = panels(read(tmp_path / "a.png"), 3)
    assert greenish(axial[2]).any()
    assert greenish(front[2]).any()
    assert "no tumour drawn" in texts
    save_network_comparison([case({"vnet": nothing}, reference=nothing)], tmp_path / "b.png")
    below = read(tmp_path / "b.png")[144:-150]
    assert not greenish(below).any()
    assert not orangeish(below).any()


def test_looks_where_the_reference_has_most_tumour() -> None:
    image, label = scan()
    array = np.minimum(label.array, 1)
    slices = np.flatnonzero(array.any(axis=(0, 1)))
    array[48:52, 30:33, slices[2]] = 2
    scene = Scene(image, [label.with_array(array), label])
    assert scene.point[0] == slices[2]
    scene = Scene(image, [empty(label), label.with_array(np.minimum(label.array, 1))])
    assert slices[0] <= scene.point[0] <= slices[-1]


def test_places_in_mm() -> None:
    image, label = scan()
    scene = Scene(image, [label])
    # As made: the liver's middle is 50 mm to the right (RAS+) and 60 mm up; right is on the left.
    assert scene.front.middle == pytest.approx((-50, 60), abs=3)
    left, right, bottom, top = scene.coronal_place()
    assert (left, right, bottom, top) == pytest.approx((-126, 126, -120, 120), abs=1e-6)
    _, rows, columns = Anatomy.of(image).array.shape
    across, down = scene.axial.middle
    assert across == pytest.approx(columns * SPACING[0] / 2 - 50, abs=3)
    assert down == pytest.approx(rows * SPACING[1] / 2 - 25, abs=3)


@pytest.mark.parametrize(("networks", "columns", "lines"), [(1, 3, 1), (6, 8, 1), (7, 5, 2)])
def test_columns_wrap(tmp_path: Path, networks: int, columns: int, lines: int) -> None:
    _, label = scan((12.0, 12.0, 12.0))
    image, _ = scan((12.0, 12.0, 12.0))
    predictions = {f"network {number}": label for number in range(networks)}
    shown = ComparedCase("c", "", image, label, predictions)
    save_network_comparison([shown], tmp_path / "a.png")
    height, width = read(tmp_path / "a.png").shape[:2]
    panel = min(200, (2100 - 48 - (columns - 1) * 8) // columns)
    assert width == 48 + columns * panel + (columns - 1) * 8
    assert height == pytest.approx(210 + lines * (84 + 2 * 0.92 * panel + 24), rel=0.03)


def test_other_grid_is_refused(tmp_path: Path) -> None:
    _, label = scan()
    other = Volume(label.array[1:], label.affine)
    with pytest.raises(InputError, match=r"prediction of unet3d .* another grid"):
        save_network_comparison([case({"vnet": label, "unet3d": other})], tmp_path / "a.png")
    with pytest.raises(ValueError, match="at least one case"):
        save_network_comparison([], tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
