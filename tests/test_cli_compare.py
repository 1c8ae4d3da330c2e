"""`ynet3d compare` through its real entry point: masks, evaluations, bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from command_line import left_in, run
from small_masks import write_folder

from ynet3d.evaluation import METRICS, compare, evaluate
from ynet3d.evaluation.comparison import read_scores

#: Voxels of the one tumour of each case, a row along i.
REFERENCE = {"0": 4, "1": 2, "2": 0, "10": 4}
GOOD = {"0": 4, "1": 2, "2": 0, "10": 2}
POOR = {"0": 2, "1": 2, "2": 1, "10": 1}
TUMOUR_DICE = {  # 2 * both / (found + reference)
    "good": {"0": 1, "1": 1, "2": 1, "10": 2 * 2 / (2 + 4)},
    "poor": {"0": 2 * 2 / (2 + 4), "1": 1, "2": 0, "10": 2 * 1 / (1 + 4)},
}


@pytest.fixture
def references(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "references", "segmentation-{}.nii.gz", REFERENCE)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "good", "volume-{}/segmentation.nii.gz", GOOD)


@pytest.fixture
def poor(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "poor", "{}.nii.gz", POOR)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_masks_are_scored_and_compared(
    tmp_path: Path, references: Path, good: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    done = run(capsys, "compare", good, poor, "--reference", references, "-o", out)
    assert done.code == 0, done
    assert "4 of 4 cases scored for both models." in done.out
    assert "Tumour invented in the other 1: good 0, poor 1." in done.out
    found = {
        (row["case"].removeprefix("segmentation-"), model): float(row[model])
        for row in rows(out / "paired.csv")
        for model in TUMOUR_DICE
        if (row["class"], row["metric"]) == ("tumour", "dice")
    }
    assert found == pytest.approx(
        {
            (case, model): dice
            for model, cases in TUMOUR_DICE.items()
            for case, dice in cases.items()
        }
    )
    (headline,) = (
        row
        for row in rows(out / "comparison.csv")
        if (row["class"], row["metric"], row["case_set"]) == ("tumour", "dice", "with_reference")
    )
    assert (headline["model_a"], headline["model_b"], headline["n"]) == ("good", "poor", "3")
    # Differences -1/3, 0, -4/15; with the zero ranked first, both signs alike: p = 2 / 4.
    assert float(headline["median_difference"]) == pytest.approx(-4 / 15)
    assert (float(headline["p"]), float(headline["smallest_p"])) == (0.5, 0.5)
    assert float(headline["effect_size"]) == -1
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["data"] == f"references {references}"
    differing = summary["cases_that_differ_most"]["tumour"]
    assert [case["case"] for case in differing] == ["segmentation-0", "segmentation-10"]
    # The evaluations are kept: they give the same figures again, and nothing is scored.
    kept = [out / "evaluations" / name for name in ("good", "poor")]
    again = run(capsys, "compare", *kept, "-o", tmp_path / "again", "--data", "made up")
    assert again.code == 0, again
    assert "evaluating" not in again.err
    for name in ("comparison.csv", "paired.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    assert "Data: made up." in (tmp_path / "again" / "comparison.md").read_text(encoding="utf-8")


def test_an_evaluation_and_masks_can_be_mixed(
    tmp_path: Path, references: Path, good: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "evaluate", good, references, "-o", tmp_path / "scores")
    assert done.code == 0, done
    done = run(
        capsys, "compare", tmp_path / "scores", poor, "-o", tmp_path / "out",
        "--reference", references, "--name", "ours", "--name", "theirs", "-q",
    )  # fmt: skip
    assert done.code == 0, done
    assert "theirs \u2212 ours" in done.out
    assert left_in(tmp_path / "out" / "evaluations")[0] == "theirs"


def test_cases_that_one_lacks_are_listed(
    tmp_path: Path, references: Path, good: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (poor / "1.nii.gz").unlink()
    (poor / "10.nii.gz").write_bytes(b"no mask")
    done = run(capsys, "compare", good, poor, "--reference", references, "-o", tmp_path / "out")
    assert done.code == 0, done
    text = " ".join(done.out.split())
    assert "2 of 4 cases scored for both models." in text
    assert "Left out: segmentation-1 (poor: no prediction), segmentation-10 (poor:" in text
    mean = TUMOUR_DICE["poor"]["0"] / 3
    assert f"mean tumour Dice over 3 cases is: good 0.889, poor {mean:.3f}." in text
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["number_of_cases"] == 2
    assert list(summary["incomplete"]) == ["segmentation-1", "segmentation-10"]
    # Read back from the kept evaluations, they are known to be left out for the same reasons.
    kept = [tmp_path / "out" / "evaluations" / name for name in ("good", "poor")]
    done = run(capsys, "compare", *kept, "-o", tmp_path / "again")
    again = json.loads((tmp_path / "again" / "summary.json").read_text(encoding="utf-8"))
    assert again["incomplete"] == summary["incomplete"]


def test_scores_come_back_as_they_were_written(
    tmp_path: Path, references: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "evaluate", poor, references, "-o", tmp_path / "scores")
    found, expected = read_scores(tmp_path / "scores"), evaluate(poor, references)
    assert set(METRICS) <= set(found.metrics)
    assert len(expected.cases) == len(found.cases) == 4
    for case in expected.cases:
        for class_name, result in case.classes.items():
            scores = found.cases[case.name][class_name]
            assert scores.values == {metric: result.value(metric) for metric in found.metrics}
            assert scores.in_reference == result.in_reference
            assert scores.reference_ml == result.reference_ml


def test_the_table_of_another_tool_will_do(tmp_path: Path) -> None:
    for model, dice in {"x": 0.5, "y": 0.75}.items():
        (tmp_path / model).mkdir()
        lines = [f"c{n},{name},{dice},0.5" for n in range(3) for name in CLASSES_OF_A_TABLE]
        lines[0] = lines[0].removesuffix("0.5")  # no liver in the reference of c0
        text = "\n".join(["case,class,dice,sensitivity", *lines]) + "\n"
        (tmp_path / model / "cases.csv").write_text(text, encoding="utf-8")
    comparison = compare({model: read_scores(tmp_path / model) for model in ("x", "y")})
    assert comparison.metrics == ("dice", "sensitivity")
    assert comparison.pair("x", "y", class_name="tumour").median_difference == 0.25
    assert comparison.pair("x", "y", class_name="liver").n == 2


CLASSES_OF_A_TABLE = ("liver", "tumour", "liver_label1")
HEADER = "case,class,dice,sensitivity\n"


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("case,image\nc0,a.nii\n", "holds no evaluation"),
        ("case,class,colour\n", "has no column of a metric"),
        ("case,class,dice\nc0,liver,1\n", "does not say which references have a class"),
        (f"{HEADER}c0,liver,1,1\n", "has no row of c0 for liver_label1, tumour"),
        (f"{HEADER}c0,liver,1,1\nc0,liver,1,1\n", "has two rows of c0 and liver (line 3)"),
        (f"{HEADER}c0,liver,good,1\n", "has 'good' for dice in line 2"),
        (f"{HEADER}c0,liver,nan,1\n", "has 'nan' for dice in line 2"),
        (HEADER, "has no case"),
        (f"{HEADER}c0,liver\n", "has another number of cells in line 2"),
        (f"{HEADER}c0,liver,1,1,1\n", "has another number of cells in line 2"),
    ],
)
def test_tables_that_are_not_of_an_evaluation(
    table: str, match: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in ("x", "y"):
        (tmp_path / model).mkdir()
        (tmp_path / model / "cases.csv").write_text(table, encoding="utf-8")
    out = tmp_path / "out"
    done = run(capsys, "compare", tmp_path / "x", tmp_path / "y", "-o", out)
    if match == "holds no evaluation":  # a table of something else is no evaluation and no mask
        match = "neither label maps nor an evaluation"
    done.assert_refused(match=match)
    assert not out.exists() or left_in(out) == []


def test_a_summary_of_something_else_is_refused(
    tmp_path: Path, references: Path, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in ("x", "y"):
        run(capsys, "evaluate", good, references, "-o", tmp_path / model)
    (tmp_path / "y" / "summary.json").write_text("[]", encoding="utf-8")
    done = run(capsys, "compare", tmp_path / "x", tmp_path / "y", "-o", tmp_path / "out")
    done.assert_refused(match="is not the summary of an evaluation")


def test_models_that_cannot_be_compared(
    tmp_path: Path, references: Path, good: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    empty = tmp_path / "empty"
    empty.mkdir()
    other_good = write_folder(tmp_path / "second" / "good", "{}.nii.gz", GOOD)
    others = write_folder(tmp_path / "others", "case-{}.nii.gz", GOOD)
    given = ("-o", out, "--reference", references)
    for words, match in [
        ((good, *given), "1 model is given, but a comparison needs at least two"),
        ((good, good, *given), "is given 2 times"),
        ((good, tmp_path / "second" / ".." / "good", *given), "is given 2 times"),
        ((good, other_good, *given), "2 models are named good: give each a name of its own"),
        ((good, poor, *given, "--name", "x"), "1 name for 2 models"),
        ((good, poor, *given, "--name", "x", "--name", "x"), "2 models are named x"),
        ((good, poor, *given, "--name", "x/y", "--name", "z"), "'x/y' cannot name a model"),
        ((good, tmp_path / "absent", *given), "absent does not exist"),
        ((good, empty, *given), "The model empty has neither label maps nor an evaluation"),
        ((good, poor, "-o", out), "by --reference"),
        ((good, poor, "-o", out, "--reference", empty), "holds no label map"),
        ((good, poor, "-o", out, "--reference", others), "has the name of a reference"),
    ]:
        done = run(capsys, "compare", *words)
        done.assert_refused(match=match)
        assert not out.exists() or left_in(out) == []


def test_no_common_case(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = [{"0": 4, "1": 2}, {"2": 0, "10": 4}]
    x, y = (
        write_folder(tmp_path / name, "{}.nii.gz", half)
        for name, half in zip("xy", halves, strict=True)
    )
    done = run(capsys, "compare", x, y, "--reference", references, "-o", tmp_path / "out")
    done.assert_refused(match="No case is scored for every model (x: segmentation-0, segm")
    assert "scatter.png" not in left_in(tmp_path / "out")


def test_an_evaluation_is_not_overwritten(
    tmp_path: Path, references: Path, good: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / "scores"
    run(capsys, "evaluate", good, references, "-o", scores)
    before = (scores / "summary.json").read_bytes()
    done = run(capsys, "compare", scores, poor, "--reference", references, "-o", scores)
    done.assert_refused(match="whose summary.json would be lost")
    assert (scores / "summary.json").read_bytes() == before


def test_evaluations_of_other_references_are_refused(
    tmp_path: Path, references: Path, good: Path, poor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = write_folder(tmp_path / "changed", "segmentation-{}.nii.gz", REFERENCE | {"1": 3})
    run(capsys, "evaluate", good, references, "-o", tmp_path / "x")
    run(capsys, "evaluate", poor, changed, "-o", tmp_path / "y")
    done = run(capsys, "compare", tmp_path / "x", tmp_path / "y", "-o", tmp_path / "out")
    done.assert_refused(match="The reference of segmentation-1 is not the same for x and y")
