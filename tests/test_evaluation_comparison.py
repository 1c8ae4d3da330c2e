"""Comparing models: which cases, which figures, what is written, what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ynet3d.errors import InputError
from ynet3d.evaluation import (
    METRICS,
    Comparison,
    compare,
    comparison_table,
    evaluate_pair,
    summarise,
    write_comparison,
)
from ynet3d.evaluation.comparison.scores import ClassScores, ModelScores
from ynet3d.volumes import Volume

AFFINE = np.diag([0.8, 0.8, 2.5, 1.0])
FILES = [
    "comparison.csv",
    "comparison.md",
    "differences.png",
    "paired.csv",
    "scatter.png",
    "summary.json",
]


def scores(
    tumour: Mapping[str, float], *, without: tuple[str, ...] = (), **other: object
) -> ModelScores:
    """A model with these tumour Dice; liver Dice is 0.9 + a tenth of it. `without`: no tumour."""
    return ModelScores(
        {
            case: {
                "liver": ClassScores(dict.fromkeys(METRICS, 0.9 + dice / 10), True, 1500.0),
                "liver_label1": ClassScores(dict.fromkeys(METRICS, 0.9), True, 1490.0),
                "tumour": ClassScores(
                    dict.fromkeys(METRICS, dice), case not in without, 10.0 * (case not in without)
                ),
            }
            for case, dice in tumour.items()
        },
        **other,  # type: ignore[arg-type]
    )


def row(comparison: Comparison, class_name: str = "tumour", **which: str) -> dict[str, object]:
    pair = comparison.pair(*comparison.models[:2], class_name=class_name, **which)  # type: ignore[arg-type]
    return {name: getattr(pair, name) for name in pair.__dataclass_fields__}


@pytest.fixture
def two() -> Comparison:
    return compare(
        {
            "old": scores({"c1": 0.2, "c2": 0.4, "c10": 0.6, "c3": 0.5}),
            "new": scores({"c10": 0.9, "c1": 0.3, "c2": 0.6, "c3": 0.4}),
        }
    )


def test_figures_by_hand(two: Comparison) -> None:
    # Differences new - old: 0.1, 0.2, 0.3, -0.1; the ranks of +0.1 and -0.1 are both 1.5.
    found = two.pair("old", "new", class_name="tumour")
    assert (found.n, found.undefined_a, found.undefined_b, found.tests) == (4, 0, 0, 1)
    assert found.mean_a == pytest.approx(1.7 / 4)
    assert found.mean_b == pytest.approx(2.2 / 4)
    assert (found.median_a, found.median_b) == pytest.approx((0.45, 0.5))
    assert found.median_difference == pytest.approx(0.15)
    assert found.test is not None
    assert found.test.rank_biserial == pytest.approx((1.5 + 3 + 4 - 1.5) / 10)
    # Rank sums at most 1.5 of {1.5, 1.5, 3, 4}: none, and either 1.5: p = 2 * 3 / 16.
    assert found.test.p == found.p_holm == pytest.approx(6 / 16)
    assert found.better() is None
    assert found.better(level=0.4) == "new"


def test_cases_are_paired_by_name_in_natural_order(two: Comparison) -> None:
    assert two.cases == ("c1", "c2", "c3", "c10")
    assert two.values("tumour", "dice", "all") == pytest.approx(
        np.array([[0.2, 0.3], [0.4, 0.6], [0.5, 0.4], [0.6, 0.9]])
    )


def test_the_cases_that_differ_most(two: Comparison) -> None:
    found = two.differing_cases("tumour", limit=2)
    assert [(case.case, round(case.spread, 9)) for case in found] == [("c10", 0.3), ("c2", 0.2)]
    assert found[0].values == {"old": 0.6, "new": 0.9}


def test_tumour_is_compared_where_the_reference_has_it() -> None:
    free = ("b", "d")
    comparison = compare(
        {
            "x": scores({"a": 0.5, "b": 1.0, "c": 0.5, "d": 1.0}, without=free),
            "y": scores({"a": 0.6, "b": 0.0, "c": 0.6, "d": 1.0}, without=free),
        }
    )
    assert comparison.case_set("tumour") == "with_reference"
    assert row(comparison)["n"] == 2
    assert row(comparison)["median_difference"] == pytest.approx(0.1)
    assert row(comparison, case_set="all")["n"] == 4
    assert row(comparison, case_set="all")["mean_b"] == pytest.approx(2.2 / 4)
    # The liver is in every reference: the other set of cases would repeat the first.
    with pytest.raises(KeyError):
        row(comparison, "liver", case_set="all")
    notes = " ".join(written_notes(comparison))
    assert "Figures of tumour are over the 2 of these 4 cases whose reference has it." in notes
    assert "Tumour invented in the other 2: x 0, y 1." in notes


def test_a_data_set_without_any_tumour_is_compared_over_all_cases() -> None:
    free = ("a", "b")
    comparison = compare(
        {
            "x": scores({"a": 1.0, "b": 1.0}, without=free),
            "y": scores({"a": 0.0, "b": 1.0}, without=free),
        }
    )
    assert comparison.case_set("tumour") == "all"
    assert row(comparison)["n"] == 2
    assert "No reference has tumour" in " ".join(written_notes(comparison))


def test_cases_that_one_model_lacks_are_listed_and_counted_as_failures_too() -> None:
    comparison = compare(
        {
            "x": scores({"a": 0.5, "b": 0.6, "c": 0.7}, failures={"d": "the grids differ"}),
            "y": scores({"a": 0.6, "b": 0.7, "d": 0.9}),
        }
    )
    assert comparison.cases == ("a", "b")
    assert comparison.incomplete == {
        "c": {"y": "no prediction"},
        "d": {"x": "the grids differ"},
    }
    assert row(comparison)["n"] == 2
    failures = row(comparison, case_set="failures_as_0")
    assert failures["n"] == 4
    assert failures["mean_a"] == pytest.approx((0.5 + 0.6 + 0.7 + 0) / 4)
    assert failures["mean_b"] == pytest.approx((0.6 + 0.7 + 0 + 0.9) / 4)
    notes = " ".join(written_notes(comparison))
    assert "2 of 4 cases scored for both models." in notes
    assert (
        "Left out: c (y: no prediction), d (x: could not be scored). x, d: the grids differ"
        in notes
    )
    assert "counts as Dice 0, the mean tumour Dice over 4 cases is: x 0.450, y 0.550." in notes


def test_a_case_without_any_score_is_listed_and_in_no_mean() -> None:
    failed = {"z": "unreadable"}
    comparison = compare(
        {"x": scores({"a": 0.5}, failures=failed), "y": scores({"a": 0.6}, failures=failed)}
    )
    assert comparison.incomplete == {"z": {"x": "unreadable", "y": "unreadable"}}
    assert comparison.names("liver", "failures_as_0") == ("a",)


def test_undefined_values_leave_their_case_out_and_are_counted() -> None:
    one, other = scores({"a": 0.5, "b": 0.6, "c": 0.7}), scores({"a": 0.1, "b": 0.2, "c": 0.3})
    one.cases["b"]["tumour"].values["sensitivity"] = None  # type: ignore[index]
    found = row(compare({"x": one, "y": other}), metric="sensitivity")
    assert (found["n"], found["undefined_a"], found["undefined_b"]) == (2, 1, 0)
    assert found["mean_b"] == pytest.approx(0.2)


def test_no_mean_is_bold_where_a_model_leaves_cases_undefined(tmp_path: Path) -> None:
    one, other = scores({"a": 0.5, "b": 0.6, "c": 0.7}), scores({"a": 0.1, "b": 0.2, "c": 0.3})
    for case, metric in (("b", "hd95_mm"), ("b", "assd_mm"), ("c", "precision")):
        one.cases[case]["tumour"].values[metric] = None  # type: ignore[index]
    folder = write_comparison(compare({"x": one, "y": other}), tmp_path)
    text = (folder / "comparison.md").read_text(encoding="utf-8")
    assert "| tumour | Dice | 3 | **0.600 ± 0.100** | 0.200 ± 0.100 |" in text
    assert "| tumour | HD95 (mm) | 2 of 3 | 0.60 ± 0.14 | 0.20 ± 0.14 |" in text
    assert "Cases in which tumour has no precision, ASSD (mm), HD95 (mm): x 1, y 0." in text
    assert "in which liver" not in text


def test_a_metric_that_no_case_defines_has_a_row_without_figures() -> None:
    one, other = scores({"a": 0.5}), scores({"a": 0.1})
    one.cases["a"]["tumour"].values["precision"] = None  # type: ignore[index]
    found = row(compare({"x": one, "y": other}), metric="precision")
    assert found["n"] == 0
    assert found["tests"] == 0
    empty = ("mean_a", "median_b", "median_difference", "interval_95", "test", "p_holm")
    assert [found[name] for name in empty] == [None] * 6


def test_signed_volume_differences_are_compared_by_size() -> None:
    def with_rvd(rvd: float) -> ModelScores:
        model = scores({"a": 0.5}, metrics=("dice", "rvd"))
        for found in model.cases["a"].values():
            found.values["rvd"] = rvd  # type: ignore[index]
        return model

    comparison = compare({"x": with_rvd(-0.3), "y": with_rvd(0.2)})
    assert comparison.metrics == ("dice", "abs_rvd")
    assert comparison.measured == ("dice", "rvd")
    assert comparison.value("x", "a", "tumour", "rvd") == -0.3
    found = comparison.pair("x", "y", class_name="tumour", metric="abs_rvd")
    assert found.median_difference == pytest.approx(0.2 - 0.3)
    assert found.higher_is_better is False


def test_holm_is_over_the_pairs_of_one_metric_and_class() -> None:
    cases = [f"c{number}" for number in range(8)]
    base = np.linspace(0.3, 0.5, 8)
    # y is better than x in every case, z equals x in all: p of x-y, x-z, y-z are 2/256, 1, 2/256.
    gain = np.arange(1, 9) / 100
    comparison = compare(
        {
            "x": scores(dict(zip(cases, base, strict=True))),
            "y": scores(dict(zip(cases, base + gain, strict=True))),
            "z": scores(dict(zip(cases, base, strict=True))),
        }
    )
    found = {
        (pair.model_a, pair.model_b): (
            pair.test.p if pair.test else None,
            pair.p_holm,
            pair.better(),
        )
        for pair in comparison.pairs
        if (pair.class_name, pair.metric) == ("tumour", "dice")
    }
    p = 2 / 256
    assert found == {
        ("x", "y"): (p, pytest.approx(3 * p), "y"),
        ("x", "z"): (1, 1, None),
        ("y", "z"): (p, pytest.approx(3 * p), "y"),
    }
    friedman = comparison.friedman["tumour", "dice", "with_reference"]
    # Ranks 1.5, 3, 1.5 in each of 8 cases: chi-squared with ties is 2 * 8 = 16
    assert (friedman.n, friedman.models) == (8, 3)
    assert friedman.chi_squared == pytest.approx(16)


def test_evaluations_are_taken_as_they_are() -> None:
    reference = np.zeros((10, 10, 6), np.uint8)
    reference[2:8, 2:8, 1:5] = 1
    reference[3:5, 3:5, 2] = 2
    half = reference.copy()
    half[4, 3:5, 2] = 1
    evaluations = {
        name: summarise([evaluate_pair(Volume(mask, AFFINE), Volume(reference, AFFINE), "case")])
        for name, mask in {"half": half, "whole": reference}.items()
    }
    found = compare(evaluations).pair("half", "whole", class_name="tumour")
    assert (found.mean_a, found.mean_b) == (pytest.approx(2 * 2 / (2 + 4)), 1.0)


@pytest.mark.parametrize(
    ("models", "match"),
    [
        ({}, "0 models are given"),
        ({"x": scores({"a": 0.5})}, "1 model is given"),
        (
            {"x": scores({"a": 0.5}), "y": scores({"b": 0.5})},
            r"No case is scored for every model \(x: a; y: b\)",
        ),
        (
            {"x": scores({"a": 0.5}), "y": scores({"a": 0.5}, without=("a",))},
            r"The reference of a is not the same for x and y \(tumour: 10 mL and 0 mL\)",
        ),
    ],
)
def test_what_cannot_be_compared(models: dict[str, ModelScores], match: str) -> None:
    with pytest.raises(InputError, match=match):
        compare(models)


@pytest.mark.parametrize(("models", "cases"), [(2, 1), (3, 25), (6, 3)])
def test_everything_is_written(tmp_path: Path, models: int, cases: int) -> None:
    rng = np.random.default_rng(0)
    comparison = compare(
        {
            f"model [{name}] $_$": scores({f"c{case}": rng.random() for case in range(cases)})
            for name in range(models)
        },
        data="made-up cases",
    )
    folder = write_comparison(comparison, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["number_of_cases"] == cases
    assert summary["data"] == "made-up cases"
    with (folder / "comparison.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = models * (models - 1) // 2
    assert len(rows) == len(summary["pairs"]) == 3 * len(METRICS) * pairs
    dice = [row for row in rows if (row["class"], row["metric"]) == ("tumour", "dice")]
    for found, expected in zip(
        dice,
        (p for p in comparison.pairs if p.metric == "dice" and p.class_name == "tumour"),
        strict=True,
    ):
        assert expected.test is not None
        assert float(found["p"]) == expected.test.p
        assert float(found["median_difference"]) == expected.median_difference
        assert int(found["n"]) == cases
    with (folder / "paired.csv").open(encoding="utf-8", newline="") as file:
        paired = list(csv.DictReader(file))
    assert len(paired) == cases * 3 * len(METRICS)
    assert list(paired[0]) == ["case", "class", "metric", "in_reference", *comparison.models]
    text = (folder / "comparison.md").read_text(encoding="utf-8")
    assert "Data: made-up cases." in text
    for table in text.split("\n\n"):
        widths = {
            line.replace("\\|", "").count("|") for line in table.splitlines() if line[:1] == "|"
        }
        assert len(widths) <= 1


def test_few_cases_are_said_to_prove_nothing() -> None:
    notes = " ".join(written_notes(compare({"x": scores(five(0.5)), "y": scores(five(0.6))})))
    start = "With 5 cases of liver and tumour the smallest p that this test can give is 0.0625"
    assert f"{start}: no difference, however large, can be significant" in notes
    models = {name: scores(five(0.5)) for name in "xyz"}
    notes = " ".join(written_notes(compare(models)))
    assert f"{start}, and 0.188 after Holm's correction over 3 pairs: no difference" in notes


def test_the_table_on_screen(two: Comparison) -> None:
    console = Console(width=110, file=io.StringIO())
    with console.capture() as captured:
        console.print(comparison_table(two))
    text = captured.get()
    assert "new \u2212 old" in text
    assert "c10" in text
    assert "+0.150" in text


def test_an_evaluation_is_not_overwritten(tmp_path: Path, two: Comparison) -> None:
    (tmp_path / "cases.csv").write_text("case,class,dice\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds an evaluation"):
        write_comparison(two, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cases.csv"]


def five(dice: float) -> dict[str, float]:
    return {f"c{number}": dice for number in range(5)}


def written_notes(comparison: Comparison) -> list[str]:
    from ynet3d.evaluation.comparison.output import comparison_json

    notes: list[str] = comparison_json(comparison)["notes"]
    return notes
