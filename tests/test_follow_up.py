"""Two scans of one patient: turned, shifted, on other grids; lesions whose fate is known."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import left_in, run
from PIL import Image

from ynet3d.errors import InputError
from ynet3d.follow_up import Alignment, LesionPair, align, match_over_time, target_sum
from ynet3d.reporting import statistics
from ynet3d.volumes import Volume, write_label, write_volume

Ball = tuple[tuple[float, float, float], float]

SAME = Alignment(np.eye(4), "rigid", 1.0, 0.0, 0.0)


def rigid(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    result = np.eye(4)
    for axis, angle in enumerate(np.radians(degrees)):
        turn, others = np.eye(3), [one for one in range(3) if one != axis]
        turn[np.ix_(others, others)] = [
            [math.cos(angle), -math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
        result[:3, :3] = result[:3, :3] @ turn
    result[:3, 3] = shift
    return result


def scan(
    balls: Sequence[Ball] = (),
    *,
    moved: np.ndarray | None = None,
    spacing: tuple[float, float, float] = (2.0, 2.0, 3.0),
    signs: tuple[int, int, int] = (-1, -1, 1),
) -> Volume:
    """A liver of two lobes, 170 x 120 x 150 mm, with balls (place in it, radius) of tumour.

    `moved` is where the patient lies: a place in the liver to a place in the room, mm in RAS+.
    """
    moved = np.eye(4) if moved is None else moved
    corner = moved[:3, :3] @ [25.0, 10, 0] + moved[:3, 3]  # its middle
    shape = np.ceil(np.array([260.0, 220, 240]) / spacing).astype(int)
    affine = np.diag([*np.multiply(signs, spacing), 1.0])
    affine[:3, 3] = corner - affine[:3, :3] @ (shape / 2)
    room = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    back = np.linalg.inv(moved)
    place = room @ back[:3, :3].T + back[:3, 3]
    right = np.linalg.norm((place - [60, 0, 0]) / [65, 60, 75], axis=-1) <= 1
    left = np.linalg.norm((place - [-15, 25, 25]) / [80, 35, 35], axis=-1) <= 1
    labels = (right | left).astype(np.uint8)
    for centre, radius in balls:
        labels[np.linalg.norm(place - centre, axis=-1) <= radius] = 2
    return Volume(labels, affine)


@pytest.mark.parametrize(
    ("degrees", "shift"),
    [((0, 0, 0), (0, 0, 0)), ((0, 0, 0), (120, -60, 300)), ((6, -8, 10), (25, -15, 40))],
)
def test_livers_are_laid_over_each_other(
    degrees: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    moved = rigid(degrees, shift)
    before = scan(spacing=(3, 3, 4))
    after = scan(moved=moved, spacing=(2.5, 3, 5), signs=(1, -1, -1))
    found = align(before, after)
    places = np.array([[60.0, 0, 0], [-80, 25, 25], [60, 55, 0], [100, 0, -50], [60, 0, 70]])
    there = places @ moved[:3, :3].T + moved[:3, 3]
    back = there @ found.to_before[:3, :3].T + found.to_before[:3, 3]
    assert np.linalg.norm(back - places, axis=1).max() < 3
    assert found.dice > 0.94
    assert found.shift_mm == pytest.approx(np.linalg.norm(there[0] - places[0]), abs=15)


def test_a_patient_on_his_head_is_not_turned() -> None:
    found = align(scan(spacing=(4, 4, 5)), scan(moved=rigid((180, 0, 0), (0, 0, 0))))
    assert found.degrees <= 35
    assert found.dice < 0.9


def blocks(*boxes: tuple[slice, slice, slice]) -> Volume:
    labels = np.ones((60, 40, 20), np.uint8)
    for box in boxes:
        labels[box] = 2
    return Volume(labels, np.diag([-1.0, -1.0, 1.0, 1.0]))


def box(i: int, j: int = 10, k: int = 5, size: tuple[int, int, int] = (6, 6, 6)) -> Any:
    starts = (i, j, k)
    return tuple(slice(s, s + n) for s, n in zip(starts, size, strict=True))


def told(pairs: Sequence[LesionPair]) -> list[tuple[Any, ...]]:
    return [(pair.before, pair.after, pair.state, pair.other) for pair in pairs]


def test_each_lesion_finds_its_own() -> None:
    """One grows, one shrinks and moves, one is gone, one is new."""
    before = blocks(box(5), box(25, size=(7, 7, 7)), box(50, 30, 1, size=(4, 4, 4)))
    after = blocks(box(4, size=(8, 8, 8)), box(30, 12, size=(5, 5, 5)), box(10, 32, 2, (3, 3, 3)))
    pairs = match_over_time(before, after, SAME)
    # By size the earlier ones are 7, 6 and 4 mm wide, the later ones 8, 5 and 3.
    assert told(pairs) == [
        (1, 2, "matched", None),
        (2, 1, "matched", None),
        (3, None, "gone", None),
        (None, 3, "new", None),
    ]
    assert pairs[1].overlap == 1
    assert pairs[1].distance_mm == pytest.approx(math.sqrt(0 + 1 + 1))
    assert pairs[0].overlap == pytest.approx(2 * 5 * 5 / 125)


def test_the_alignment_counts() -> None:
    moved = rigid((0, 0, 20), (30, 40, -50))
    balls: list[Ball] = [((70, 20, 20), 9.0), ((60, -30, -30), 8.0), ((-40, 25, 30), 7.0)]
    later: list[Ball] = [((70, 20, 20), 6.0), ((-40, 25, 30), 12.0), ((60, -30, -30), 8.5)]
    before, after = scan(balls), scan(later, moved=moved, spacing=(2.5, 2.5, 2.5), signs=(1, 1, 1))
    pairs = match_over_time(before, after, align(before, after))
    assert told(pairs) == [
        (1, 3, "matched", None),
        (2, 2, "matched", None),
        (3, 1, "matched", None),
    ]


def test_lesions_far_apart_are_not_one() -> None:
    before, after = blocks(box(5)), blocks(box(35))
    assert told(match_over_time(before, after, SAME)) == [
        (1, None, "gone", None),
        (None, 1, "new", None),
    ]
    assert told(match_over_time(before, after, SAME, limit_mm=31)) == [(1, 1, "matched", None)]


def test_a_good_pair_is_not_given_up_for_two_bad_ones() -> None:
    """In a row, before: A B; after: B and one beyond. A-B and B-beyond would be two pairs."""
    before, after = (
        blocks(box(5), box(22, size=(5, 5, 5))),
        blocks(box(22), box(39, size=(5, 5, 5))),
    )
    assert told(match_over_time(before, after, SAME)) == [
        (1, None, "gone", None),
        (2, 1, "matched", None),
        (None, 2, "new", None),
    ]


def test_merged_and_split() -> None:
    two = blocks(box(5, size=(8, 6, 6)), box(15))
    one = blocks(box(5, size=(16, 6, 6)))
    assert told(match_over_time(two, one, SAME)) == [
        (1, 1, "matched", None),
        (2, None, "merged", 1),
    ]
    assert told(match_over_time(one, two, SAME)) == [
        (1, 1, "matched", None),
        (None, 2, "split", 1),
    ]


def test_nothing_to_match() -> None:
    assert match_over_time(blocks(), blocks(), SAME) == []
    assert told(match_over_time(blocks(), blocks(box(5)), SAME)) == [(None, 1, "new", None)]
    assert told(match_over_time(blocks(box(5)), blocks(), SAME)) == [(1, None, "gone", None)]


def sized(*diameters: float) -> list[dict[str, Any]]:
    return [
        {"id": number, "longest_axial_diameter_mm": size}
        for number, size in enumerate(diameters, start=1)
    ]


def matched(*numbers: tuple[int | None, int | None]) -> list[LesionPair]:
    return [LesionPair(a, b, "matched" if a and b else "gone" if a else "new") for a, b in numbers]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ((21.0, 14.0), "decrease of 30 % or more"),
        ((21.1, 14.0), "neither"),
        ((36.0, 24.0), "increase of 20 % or more"),
        ((35.9, 24.0), "neither"),
    ],
)
def test_thresholds(after: tuple[float, float], words: str) -> None:
    found = target_sum(sized(30, 20), sized(*after), matched((1, 1), (2, 2)), slice_mm=1)
    assert found.targets == (1, 2)
    assert (found.before_mm, found.after_mm) == (50, pytest.approx(sum(after)))
    assert found.words.startswith(words)


def test_twenty_percent_of_a_small_sum_are_not_enough() -> None:
    found = target_sum(sized(10), sized(14.9), matched((1, 1)), slice_mm=1)
    assert found.change_percent == pytest.approx(49)
    assert found.words.startswith("neither")
    assert target_sum(sized(10), sized(15), matched((1, 1)), slice_mm=1).words.startswith("incr")


def test_targets_are_the_two_longest_that_can_be_measured() -> None:
    """By diameter, not by volume, by which lesions are numbered; new ones do not count."""
    before = sized(12, 31, 18, 9.9)
    found = target_sum(before, sized(40, 11), matched((2, 2), (3, None), (None, 1)), slice_mm=5)
    assert (found.targets, found.before_mm, found.after_mm) == ((2, 3), 49, 11)
    thick = target_sum(before, [], matched((2, None)), slice_mm=8)
    assert (thick.targets, thick.least_mm) == ((2, 3), 16)
    assert thick.words == "all target lesions are gone"
    nothing = target_sum(sized(9), sized(30), matched((1, 1)), slice_mm=1)
    assert (nothing.targets, nothing.before_mm, nothing.change_percent) == ((), None, None)
    assert "no target lesion" in nothing.words


def test_merged_targets_count_once_and_split_ones_together() -> None:
    merged = [LesionPair(1, 1, "matched"), LesionPair(2, None, "merged", other=1)]
    assert target_sum(sized(20, 15), sized(33), merged, slice_mm=1).after_mm == 33
    split = [LesionPair(1, 1, "matched"), LesionPair(None, 2, "split", other=1)]
    assert target_sum(sized(30), sized(14, 9), split, slice_mm=1).after_mm == 23


BEFORE: list[Ball] = [((70, 20, 20), 12.0), ((60, -30, -30), 8.0), ((-40, 25, 30), 6.0)]
AFTER: list[Ball] = [((70, 20, 20), 7.0), ((60, -30, -30), 8.0), ((90, 0, -20), 7.0)]


@pytest.fixture(scope="module")
def two_scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder as `ynet3d predict` writes it, and a label map."""
    folder = tmp_path_factory.mktemp("scans")
    before = scan(BEFORE)
    hu = before.with_array(np.where(before.array == 2, 60, 110).astype(np.int16))
    (folder / "march").mkdir()
    write_label(before, folder / "march" / "segmentation.nii.gz")
    (folder / "march" / "statistics.json").write_text(
        json.dumps({"scan": "patient-in-march", **statistics(before, hu)})
    )
    write_label(scan(AFTER, moved=rigid((5, 0, -5), (10, 20, 30))), folder / "june.nii.gz")
    return folder / "march", folder / "june.nii.gz"


def test_command(
    two_scans: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "follow-up", *two_scans, "-o", tmp_path / "out", "-q")
    assert done.code == 0, done
    assert "2 matched, 1 new, 1 gone" in done.out
    assert "not a diagnosis" in done.out
    assert left_in(tmp_path / "out") == ["follow-up.csv", "follow-up.json", "follow-up.png"]
    content = json.loads((tmp_path / "out" / "follow-up.json").read_text("utf-8"))
    assert (content["before"], content["after"]) == ("patient-in-march", "june")
    assert content["alignment"]["liver_dice"] > 0.95
    large, small, gone, new = content["lesions"]
    assert [row["state"] for row in (large, small, gone, new)] == [
        "matched",
        "matched",
        "gone",
        "new",
    ]
    assert large["longest_axial_diameter_mm"]["change_percent"] == pytest.approx(
        100 * (14 / 24 - 1), abs=9
    )
    assert large["ml"]["change_percent"] == pytest.approx(100 * ((7 / 12) ** 3 - 1), abs=3)
    assert abs(small["ml"]["change_percent"]) < 6
    assert gone["ml"]["after"] == 0
    assert gone["ml"]["change_percent"] == -100
    assert (new["ml"]["before"], new["ml"]["change_percent"]) == (0, None)
    # Densities are those of the prediction; the label map has none.
    assert large["hu"] == {"before": 60, "after": None, "change": None, "change_percent": None}
    targets = content["target_lesions"]
    assert targets["ids_before"] == [1, 2]
    assert targets["sum_of_longest_diameters_mm"]["before"] == pytest.approx(40, abs=5)
    assert "not a diagnosis" in targets["what_this_is"]
    assert content["liver"]["liver_ml"]["change_percent"] == pytest.approx(0, abs=1)
    with open(tmp_path / "out" / "follow-up.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == ["matched", "matched", "gone", "new"]
    assert float(rows[0]["ml_before"]) == pytest.approx(large["ml"]["before"], abs=1e-3)
    assert rows[3]["before"] == rows[3]["ml_change_percent"] == ""
    picture = np.asarray(Image.open(tmp_path / "out" / "follow-up.png").convert("RGB")).astype(int)
    assert picture.shape[1] == 1600
    for half in (picture[124:684, :795], picture[124:684, 805:]):  # a green tumour in each liver
        assert ((half[..., 1] > half[..., 0] + 25) & (half[..., 1] > half[..., 2] + 25)).any()


def test_densities_from_the_scans(
    two_scans: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, balls, moved in (("a", BEFORE, None), ("b", AFTER, rigid((5, 0, -5), (10, 20, 30)))):
        label = scan(balls, moved=moved)
        hu = label.with_array(
            np.where(label.array == 2, 60 if name == "a" else 40, 110).astype("i2")
        )
        write_volume(hu, tmp_path / f"{name}.nii.gz")
    cts = ["--before-ct", tmp_path / "a.nii.gz", "--after-ct", tmp_path / "b.nii.gz"]
    done = run(capsys, "follow-up", *two_scans, "-o", tmp_path / "out", *cts)
    assert done.code == 0, done
    content = json.loads((tmp_path / "out" / "follow-up.json").read_text("utf-8"))
    assert content["lesions"][0]["hu"]["change"] == -20


def test_what_cannot_be_compared_is_refused(
    two_scans: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    march, june = two_scans
    out = tmp_path / "out"
    empty = tmp_path / "empty.nii.gz"
    write_label(blocks().with_array(blocks().array * 0), empty)
    run(capsys, "follow-up", march, empty, "-o", out).assert_refused(match="shows no liver")
    run(capsys, "follow-up", march, june, "-o", out, "--limit", "0").assert_refused(match="above 0")
    run(capsys, "follow-up", march, tmp_path / "x", "-o", out).assert_refused(match="not exist")
    write_volume(blocks(), tmp_path / "ct.nii.gz")
    words = ["--after-ct", tmp_path / "ct.nii.gz"]
    run(capsys, "follow-up", march, june, "-o", out, *words).assert_refused(match="on one grid")
    broken = tmp_path / "broken"
    write_label(blocks(), broken / "segmentation.nii.gz")
    (broken / "statistics.json").write_text("{")
    run(capsys, "follow-up", broken, june, "-o", out).assert_refused(match="as JSON")
    assert not out.exists()


def test_livers_of_two_patients_are_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_label(scan(spacing=(4, 4, 5)), tmp_path / "one.nii.gz")
    other = np.zeros((60, 60, 30), np.uint8)
    other[5:50, 5:15, 5:25] = 1
    write_label(Volume(other, np.diag([-2.0, -2.0, 9.0, 1.0])), tmp_path / "other.nii.gz")
    words = [tmp_path / "one.nii.gz", tmp_path / "other.nii.gz", "-o", tmp_path / "out"]
    done = run(capsys, "follow-up", *words)
    assert done.code == 0, done
    notes = json.loads((tmp_path / "out" / "follow-up.json").read_text("utf-8"))["notes"]
    assert "overlap by only" in notes[0]
    assert "5 mm apart before and 9 mm after" in notes[1]
    assert "No lesion in either scan." not in done.out
    assert "none in either scan" in done.out


def test_no_liver_names_the_scan() -> None:
    with pytest.raises(InputError, match="later scan"):
        align(scan(spacing=(4, 4, 5)), Volume(np.zeros((3, 3, 3), np.uint8), np.eye(4)))
