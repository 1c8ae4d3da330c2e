"""Evaluating files: who is paired with whom, what is written, what is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from small_masks import AFFINE, write_case, write_folder

from ynet3d.errors import InputError
from ynet3d.evaluation import (
    EMPTY_CLASS_RULE,
    METRICS,
    Evaluation,
    evaluate,
    evaluation_table,
    match_pairs,
    write_evaluation,
)
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, read_label

#: Tumours of three cases: one found by half, none, one invented.
REFERENCE_TUMOUR = {"3": 4, "10": 0, "7": 0}
PREDICTED_TUMOUR = {"3": 2, "10": 0, "7": 2}
TUMOUR_DICE = {"3": 2 * 2 / (2 + 4), "10": 1.0, "7": 0.0}


@pytest.fixture
def references(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "references", "segmentation-{}.nii.gz", REFERENCE_TUMOUR)


@pytest.fixture
def evaluation(tmp_path: Path, references: Path) -> Evaluation:
    predictions = write_folder(tmp_path / "p", "segmentation-{}.nii.gz", PREDICTED_TUMOUR)
    return evaluate(predictions, references)


@pytest.mark.parametrize(
    "pattern",
    [
        "segmentation-{}.nii.gz",
        "segmentation-{}.nii",
        "volume-{}.nii.gz",
        "{}.nii.gz",
        "{}.mha",
        "volume-{}/segmentation.nii.gz",
        "segmentation-{}/segmentation.nii.gz",
        "{}/segmentation.nrrd",
    ],
)
def test_folders_are_paired_by_name(tmp_path: Path, references: Path, pattern: str) -> None:
    predictions = write_folder(tmp_path / "predictions", pattern, PREDICTED_TUMOUR)
    evaluation = evaluate(predictions, references)
    dice = {case.name: case.classes["tumour"].metrics.dice for case in evaluation.cases}
    assert dice == pytest.approx({f"segmentation-{k}": v for k, v in TUMOUR_DICE.items()})
    assert list(dice) == ["segmentation-3", "segmentation-7", "segmentation-10"]


def test_any_equal_names_are_paired_and_pictures_beside_them_ignored(tmp_path: Path) -> None:
    names = {"liver_001": 2, "Case B": 0}
    references = write_folder(tmp_path / "labelsTr", "{}.nii.gz", names)
    predictions = write_folder(tmp_path / "out", "{}/segmentation.nii.gz", names)
    (predictions / "liver_001" / "overlay.png").write_bytes(b"")
    (predictions / "summary.json").write_text("{}")
    (references / "._liver_001.nii.gz").write_bytes(b"")
    pairs = match_pairs(predictions, references).pairs
    assert [pair.name for pair in pairs] == ["Case B", "liver_001"]


def test_scans_beside_lits_segmentations_are_left_out(tmp_path: Path, references: Path) -> None:
    predictions = write_folder(tmp_path / "predictions", "volume-{}.nii", PREDICTED_TUMOUR)
    write_folder(references, "volume-{}.nii.gz", REFERENCE_TUMOUR)
    pairs = match_pairs(predictions, references).pairs
    assert {pair.reference.name for pair in pairs} == {
        f"segmentation-{case}.nii.gz" for case in REFERENCE_TUMOUR
    }


def test_two_files_need_no_common_name(tmp_path: Path, references: Path) -> None:
    write_case(tmp_path / "out" / "segmentation.nii.gz", tumour=2)
    reference = references / "segmentation-3.nii.gz"
    for prediction in (tmp_path / "out" / "segmentation.nii.gz", tmp_path / "out"):
        (case,) = evaluate(prediction, reference).cases
        assert case.name == "segmentation-3"
        assert case.classes["tumour"].metrics.dice == pytest.approx(TUMOUR_DICE["3"])


def test_folders_without_a_common_name_are_refused_with_a_short_list(
    tmp_path: Path, references: Path
) -> None:
    predictions = tmp_path / "p"
    for case in range(20, 32):
        (predictions / f"volume-{case}").mkdir(parents=True)
        (predictions / f"volume-{case}" / "segmentation.nii.gz").touch()
    with pytest.raises(InputError, match=r"volume-20, .*, volume-24 and 7 more\) has the name"):
        match_pairs(predictions, references)


def test_missing_and_empty_folders_are_refused(tmp_path: Path, references: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        evaluate(tmp_path / "nowhere", references)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no label map"):
        evaluate(tmp_path / "empty", references)


def test_another_grid_in_a_file_is_refused(tmp_path: Path, references: Path) -> None:
    write_case(tmp_path / "one.nii.gz", tumour=0, shape=(12, 12, 7))
    with pytest.raises(InputError, match=r"12×12×7 .* 12×12×6"):
        evaluate(tmp_path / "one.nii.gz", references / "segmentation-3.nii.gz")


def test_a_wrong_convention_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose lits"):
        evaluate(tmp_path / "no", tmp_path / "no", liver_convention="x")  # type: ignore[arg-type]


def test_progress_is_told(
    tmp_path: Path, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(references, references, progress=Progress())
    assert "evaluating 3/3" in capsys.readouterr().err


def test_cases_csv(tmp_path: Path, evaluation: Evaluation) -> None:
    folder = write_evaluation(evaluation, tmp_path / "out")
    with (folder / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["case", "class", *METRICS, "reference_ml", "prediction_ml"]
    assert len(rows) == 9
    assert [row["class"] for row in rows[:3]] == ["liver", "tumour", "liver_label1"]
    cells = {(row["case"], row["class"]): row for row in rows}
    none, invented = cells["segmentation-10", "tumour"], cells["segmentation-7", "tumour"]
    assert (none["sensitivity"], none["precision"], none["dice"]) == ("", "", "1.0")
    assert (invented["sensitivity"], invented["precision"], invented["dice"]) == ("", "0.0", "0.0")
    half = cells["segmentation-3", "tumour"]
    assert float(half["dice"]) == TUMOUR_DICE["3"]
    assert float(half["sensitivity"]) == 0.5
    assert float(half["reference_ml"]) == pytest.approx(4 * 0.8 * 0.8 * 3 / 1000)
    # One row of voxels against its half: half of the reference 0.8 and 1.6 mm away, the rest 0.
    assert float(half["assd_mm"]) == pytest.approx((0.8 + 1.6) / 6)
    assert float(half["msd_mm"]) == pytest.approx(1.6)
    assert float(half["nsd_2mm"]) == 1
    assert (invented["assd_mm"], invented["rvd"], invented["nsd_2mm"]) == ("", "", "0.0")


def test_summary_json(tmp_path: Path, evaluation: Evaluation) -> None:
    folder = write_evaluation(evaluation, tmp_path / "out")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["number_of_cases"] == 3
    assert summary["empty_class_rule"] == EMPTY_CLASS_RULE
    assert summary["headline"] == ["liver", "tumour"]
    assert set(summary["class_definitions"]) == set(summary["classes"])
    dice = summary["classes"]["tumour"]["dice"]
    assert dice["mean"] == pytest.approx(sum(TUMOUR_DICE.values()) / 3)
    assert dice["cases"] == 3
    assert dice["mean_with_reference"] == pytest.approx(TUMOUR_DICE["3"])
    assert dice["sd_with_reference"] is None
    (first, _, last) = summary["cases"]
    assert (first["case"], last["case"]) == ("segmentation-3", "segmentation-10")
    assert first["classes"]["tumour"]["voxels"] == {"tp": 2, "fp": 0, "fn": 2, "tn": 860}
    assert first["classes"]["tumour"]["reference_ml"] == pytest.approx(4 * 0.8 * 0.8 * 3 / 1000)
    assert last["classes"]["tumour"]["sensitivity"] is None


def test_the_other_convention_comes_first_when_asked(tmp_path: Path, references: Path) -> None:
    evaluation = evaluate(references, references, liver_convention="label1")
    folder = write_evaluation(evaluation, tmp_path / "out")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["liver_convention"] == "label1"
    assert list(summary["classes"]) == ["liver_label1", "tumour", "liver"]
    assert (
        (folder / "cases.csv")
        .read_text()
        .splitlines()[1]
        .startswith("segmentation-3,liver_label1,")
    )


def test_table_fits_a_narrow_terminal_and_names_the_rule(evaluation: Evaluation) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(evaluation_table(evaluation))
    text = console.export_text()
    assert "…" not in text
    assert "over 3 cases" in text
    assert " ".join(text.split()).count(EMPTY_CLASS_RULE) == 1
    shown = ("sensitivity", "specificity", "precision", "dice", "rvd", "hd95_mm", "nsd_2mm")
    for word in ("label 1 or 2", "label 1 alone", "label 2", "1 with it", *shown):
        assert word in text
    assert "0.556 ± 0.509" in text  # mean and sample deviation of 2/3, 1 and 0
    assert "n = 1" in text


@pytest.mark.parametrize("count", [1, 2, 131])
def test_dice_plot_is_a_picture(tmp_path: Path, count: int) -> None:
    from PIL import Image

    from ynet3d.evaluation import evaluate_pair, summarise

    random = np.random.default_rng(count)
    cases = []
    for index in range(count):
        reference, prediction = random.integers(0, 3, (2, 4, 4, 4), dtype=np.uint8)
        cases.append(
            evaluate_pair(Volume(prediction, AFFINE), Volume(reference, AFFINE), f"c{index}")
        )
    write_evaluation(summarise(cases), tmp_path)
    with Image.open(tmp_path / "dice.png") as picture:
        assert picture.width > picture.height > 500
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    # A dot per case: at least one orange and one green one, on white.
    for colour in ((0xFF, 0x9F, 0x1C), (0x2E, 0xC4, 0x4F)):
        assert (pixels == colour).all(axis=1).sum() > 30
    assert (pixels == 255).all(axis=1).mean() > 0.7


def test_a_table_of_patients_is_not_overwritten(tmp_path: Path, evaluation: Evaluation) -> None:
    write_evaluation(evaluation, tmp_path / "scores")
    write_evaluation(evaluation, tmp_path / "scores")
    table = tmp_path / "cases.csv"
    table.write_text("case,patient\n7,A\n")
    with pytest.raises(InputError, match="would be lost"):
        write_evaluation(evaluation, tmp_path)
    assert table.read_text() == "case,patient\n7,A\n"


def test_output_folder_that_is_a_file_is_refused(tmp_path: Path, evaluation: Evaluation) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        write_evaluation(evaluation, tmp_path / "file")


@pytest.mark.real
def test_real_reference_against_itself_and_against_its_shift(real_data: Path) -> None:
    from ynet3d.evaluation import evaluate_pair

    reference = read_label(real_data / "lits_subset" / "segmentation-3.nii.gz")
    same = evaluate_pair(reference, reference, "same").classes
    assert all(result.metrics.dice == 1 for result in same.values())
    assert same["tumour"].in_reference
    rolled = reference.with_array(np.roll(reference.array, 1, axis=0))
    moved = evaluate_pair(rolled, reference, "moved").classes
    assert 0.97 < moved["liver"].metrics.dice < 1
    # A shift keeps the volume, so that sensitivity, precision and Dice are one number.
    liver = moved["liver"].metrics
    assert liver.sensitivity == pytest.approx(liver.dice) == pytest.approx(liver.precision)
