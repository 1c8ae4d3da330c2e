"""The comparison on equal terms: who takes part, what is measured, how the table says it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_runs import AFFINE, small_recipe, write_small_dataset

from benchmarks.accuracy.entries import Entry, plan_entries, select
from benchmarks.accuracy.picture import draw
from benchmarks.accuracy.rows import FIGURES, Row, measured_row
from benchmarks.accuracy.table import markdown, not_on_top, write_tables
from benchmarks.accuracy.terms import Terms, agree
from ynet3d.datasets import open_dataset
from ynet3d.errors import InputError
from ynet3d.evaluation import Estimate, evaluate_pair, summarise
from ynet3d.volumes import Volume

TERMS = Terms("phantoms", "abc", 2, "cpu", {"train": 4, "validation": 1, "test": 2})


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recipe small enough to count."""
    path = tmp_path_factory.mktemp("recipes") / "small.yaml"
    path.write_text(yaml.safe_dump(small_recipe().model_dump(mode="json")), encoding="utf-8")
    return str(path)


def entries(recipe: str, *minutes: float) -> list[Entry]:
    return plan_entries(
        minutes, paper_recipe=recipe, recipes=[recipe], configurations=["3d_fullres", "2d"]
    )


def row(name: str, minutes: float = 5, *, ours: bool = False, **figures: float) -> Row:
    """A measured row with these figures, the others undefined."""
    found = dict.fromkeys(FIGURES, Estimate(None, None))
    found |= {key: Estimate(value, (value - 0.1, value + 0.1)) for key, value in figures.items()}
    return Row(
        Entry(f"{name}-{minutes:g}min", name, name.upper(), minutes, ours=ours),
        figures=found,
        training_minutes=minutes,
        trained="7 epochs",
        further_minutes=1.5,
        seconds_per_case=3.0,
        parameters=2_000_000,
        load_before=0.4,
    )


def test_each_network_once_for_each_budget(recipe: str) -> None:
    planned = entries(recipe, 15, 0.5)
    assert [entry.minutes for entry in planned] == [0.5] * 6 + [15] * 6
    families = ["3dynet", "unet3d", "vnet", "small", "nnunet-3d_fullres", "nnunet-2d"]
    names = {entry.family for entry in planned}
    assert names == set(families)
    assert len({entry.name for entry in planned}) == 12
    assert {entry.family for entry in planned if entry.ours} == {"small"}
    for entry in planned:
        if entry.run is not None:
            training = entry.run.recipe.training
            assert training.minutes == entry.minutes
            assert training.epochs > 1e5  # the minutes decide, not the recipe's three epochs
            assert training.learning_rate == small_recipe().training.learning_rate
    by_family = {entry.family: entry for entry in planned}
    assert by_family["vnet"].run is not None
    assert by_family["vnet"].run.recipe.network.name == "vnet"
    assert by_family["nnunet-2d"].configuration == "2d"


def test_what_cannot_be_planned(recipe: str) -> None:
    with pytest.raises(InputError, match="0 minutes"):
        entries(recipe, 0)
    with pytest.raises(InputError, match="Two entries are called"):
        entries(recipe, 5, 5)
    with pytest.raises(InputError, match="no network nnunet here: choose of"):
        select(entries(recipe, 5), ["nnunet"])
    assert [entry.family for entry in select(entries(recipe, 5, 6), ["vnet"])] == ["vnet"] * 2


def test_terms_are_drawn_once_and_kept(tmp_path: Path) -> None:
    dataset = open_dataset(write_small_dataset(tmp_path / "data", cases=6))
    (tmp_path / "out").mkdir()
    given = {"split_file": None, "threads": 1, "device": "cpu"}
    terms, split = agree(dataset, tmp_path / "out", **given)  # type: ignore[arg-type]
    assert terms.cases == {part: len(names) for part, names in split.parts.items()}
    assert sum(terms.cases.values()) == 6
    assert agree(dataset, tmp_path / "out", **given) == (terms, split)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="threads"):
        agree(dataset, tmp_path / "out", **{**given, "threads": 999})  # type: ignore[arg-type]
    other = open_dataset(write_small_dataset(tmp_path / "other", cases=7))
    with pytest.raises(InputError, match="other terms"):
        agree(other, tmp_path / "out", **given)  # type: ignore[arg-type]


def boxes(*sizes: int, missed: int = 0) -> Volume:
    """A liver with cubes of tumour of so many voxels along each side, apart; some left out."""
    label = np.zeros((60, 24, 24), np.uint8)
    label[2:58, 2:22, 2:22] = 1
    for number, size in enumerate(sizes[missed:], missed):
        at = 4 + 12 * number
        label[at : at + size, 4 : 4 + size, 4 : 4 + size] = 2
    return Volume(label, AFFINE)


def test_figures_of_known_masks(recipe: str) -> None:
    """Voxels of 3 x 3 x 4 mm: two voxels a side are 8.5 mm across, three 12.7, eight 33.9."""
    first = evaluate_pair(boxes(2, 3, 8, missed=1), boxes(2, 3, 8), "first")
    second = evaluate_pair(boxes(3, 3, 3, 8, missed=3), boxes(3, 3, 3), "second")
    entry = entries(recipe, 5)[0]
    result = {
        "seconds": 300.0,
        "wall_seconds": 420.0,
        "epochs": 9,
        "parameters": 10,
        "load_before": 0.0,
    }
    found = measured_row(entry, summarise([first, second]), {"a": 2.0, "b": 4.0}, result)
    values = {name: estimate.value for name, estimate in found.figures.items()}
    assert values["liver_dice"] == pytest.approx(1)
    assert values["recall"] == pytest.approx(2 / 6)
    assert values["recall_10mm"] == pytest.approx(2 / 5)
    assert values["precision"] == pytest.approx(2 / 3)
    assert values["false_positives_per_scan"] == pytest.approx(1 / 2)
    every, kept = 2**3 + 3**3 + 8**3, 3**3 + 8**3
    assert values["tumour_dice"] == pytest.approx((2 * kept / (every + kept) + 0) / 2)
    low, high = found.figures["recall_10mm"].interval_95 or (None, None)
    assert (low, high) == (0, 1)  # all of the one scan, none of the other
    assert found.seconds_per_case == 3
    assert found.further_minutes == pytest.approx(2)
    assert found.trained == "9 epochs"
    with_preparation = {**result, "preparation_seconds": 60.0}
    more = measured_row(entry, summarise([first, second]), {"a": 1.0}, with_preparation)
    assert more.further_minutes == pytest.approx(3)


def test_no_tumour_of_10_mm(recipe: str) -> None:
    case = evaluate_pair(boxes(2), boxes(2), "one")
    result = {"seconds": 1, "wall_seconds": 1, "steps": 3, "parameters": 1, "load_before": None}
    found = measured_row(entries(recipe, 5)[0], summarise([case]), {"one": 1.0}, result)
    assert found.figures["recall_10mm"] == Estimate(None, None)
    assert found.figures["recall"].value == 1
    assert found.trained == "3 steps"


def test_table_says_what_is_not_measured() -> None:
    unmeasured = Row(Entry("b-5min", "b", "B", 5))
    broken = Row(Entry("c-5min", "c", "C", 5), failure="the loss became nan.")
    lines = markdown([row("a", liver_dice=0.9), unmeasured, broken], TERMS).splitlines()
    columns = lines[0].count("|")
    assert all(line.count("|") == columns for line in lines[:5])
    assert lines[2].startswith("| 5 | A | 0.900 (0.800 to 1.000) | undefined |")
    assert lines[3].startswith("| 5 | B | not measured |")
    assert lines[4].startswith("| 5 | C | failed: the loss became nan. |")
    assert "0.9" not in "".join(lines[3:5])


def test_best_of_each_budget_is_bold() -> None:
    rows = [
        row("a", liver_dice=0.9, false_positives_per_scan=2.0),
        row("b", liver_dice=0.8, false_positives_per_scan=1.0),
        row("a", 10, liver_dice=0.95),
        row("b", 10, liver_dice=0.9501),  # the same, as printed
    ]
    lines = markdown(rows, TERMS).splitlines()[2:6]
    assert "**0.900**" in lines[0]
    assert "**" not in lines[1].replace("**1.0**", "")
    assert "**1.0**" in lines[1]
    assert "**" not in lines[2] + lines[3]


def test_where_ours_is_not_on_top() -> None:
    rows = [
        row("lite", ours=True, liver_dice=0.9, tumour_dice=0.5, false_positives_per_scan=2.0),
        row("other", liver_dice=0.95, tumour_dice=0.4, false_positives_per_scan=1.0),
        row("lite", 10, ours=True, liver_dice=0.95),
        row("other", 10, liver_dice=0.95),
    ]
    assert not_on_top(rows) == [
        "5 minutes, liver Dice: OTHER 0.950, LITE 0.900",
        "5 minutes, wrong claims a scan: OTHER 1.0, LITE 2.0",
    ]
    assert "Not on top: 5 minutes, liver Dice" in markdown(rows, TERMS)
    assert "Ours is on top, or level" in markdown(rows[2:], TERMS)
    assert "on top" not in markdown(rows[:1], TERMS)


def test_files(tmp_path: Path) -> None:
    rows = [row("a", ours=True, liver_dice=0.9), Row(Entry("b-5min", "b", "B", 5))]
    write_tables(rows, TERMS, tmp_path)
    draw(rows, tmp_path / "accuracy.png", about="2 phantoms")
    with (tmp_path / "accuracy.csv").open(encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["entry"], first["state"]) == ("a-5min", "measured")
    assert float(first["liver_dice"]) == 0.9
    assert float(first["liver_dice_low"]) == pytest.approx(0.8)
    assert first["tumour_dice"] == ""
    assert (second["state"], second["liver_dice"]) == ("not measured", "")
    content = json.loads((tmp_path / "accuracy.json").read_text("utf-8"))
    assert content["terms"]["threads"] == 2
    assert content["entries"][0]["figures"]["liver_dice"]["value"] == 0.9
    assert content["entries"][1]["figures"] == {}
    assert (tmp_path / "accuracy.png").stat().st_size > 10_000


def test_picture_names_each_network_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.accuracy import picture

    drawn: list[object] = []
    monkeypatch.setattr(
        picture, "save_dice_against_cost", lambda points, *_, **__: drawn.extend(points)
    )
    rows = [row("a", liver_dice=0.8), row("b", liver_dice=0.7), row("a", 10, liver_dice=0.9)]
    draw([*rows, replace(rows[1], figures={})], tmp_path / "x.png", about="2 phantoms")
    said = [(point.name, point.minutes) for point in drawn]  # type: ignore[attr-defined]
    assert said == [("", 5), ("B", 5), ("A", 10)]
