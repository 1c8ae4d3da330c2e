"""Cases that cannot be scored: listed with a sentence, and the others are scored."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from test_evaluation_files import AFFINE, write_case, write_folder

from ynet3d.errors import InputError
from ynet3d.evaluation import Failure, evaluate, failure_sentences, parse_label_map
from ynet3d.evaluation.relabelling import relabelled
from ynet3d.volumes import Volume, nearest_on_grid, read_label, write_label

SHIFTED = AFFINE + np.diag([0, 0, 7.0], k=1)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Six references: 1 and 2 predicted well, and four ways to fail; a prediction too many."""
    names = {str(number): 2 for number in range(1, 7)}
    references = write_folder(tmp_path / "references", "segmentation-{}.nii.gz", names)
    predictions = write_folder(tmp_path / "p", "volume-{}.nii.gz", {"1": 2, "2": 2, "9": 2})
    labels = read_label(references / "segmentation-4.nii.gz")
    write_label(Volume(labels.array, SHIFTED), predictions / "volume-3.nii.gz")
    write_label(labels.with_array(labels.array * 3), predictions / "volume-4.nii.gz")
    whole = (references / "segmentation-5.nii.gz").read_bytes()
    (predictions / "volume-5.nii.gz").write_bytes(whole[: len(whole) // 2])
    return predictions, references


def test_bad_cases_do_not_lose_the_others(folders: tuple[Path, Path]) -> None:
    evaluation = evaluate(*folders)
    assert [case.name for case in evaluation.cases] == ["segmentation-1", "segmentation-2"]
    reasons = {failure.name: failure for failure in evaluation.failures}
    assert sorted(reasons) == [f"segmentation-{number}" for number in (3, 4, 5, 6)]
    assert "lies up to 7 mm" in reasons["segmentation-3"].reason
    assert "holds the labels 3, 6, but" in reasons["segmentation-4"].reason
    assert "volume-5" in reasons["segmentation-5"].reason
    assert "no prediction" in reasons["segmentation-6"].reason
    assert [name for name, one in reasons.items() if one.missing] == ["segmentation-6"]
    assert evaluation.without_reference == ("volume-9",)
    assert evaluation.number_of_references == 6
    for class_name, metric in (("liver", "dice"), ("tumour", "jaccard"), ("tumour", "nsd_2mm")):
        summary = evaluation.summary[class_name][metric]
        assert (summary.mean, summary.cases) == (1, 2)
        assert summary.mean_failures_as_0 == pytest.approx(2 / 6)
    assert evaluation.summary["tumour"]["assd_mm"].mean_failures_as_0 is None


def test_command_writes_the_rest_and_ends_with_an_error(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "evaluate", *folders, "-o", tmp_path / "out")
    assert done.code == 2
    errors = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 4
    assert f"Error: There is no prediction in {folders[0]}: segmentation-6." in done.err
    assert "2 of 6 cases were scored." in done.err
    assert "no reference has their name: volume-9." in done.err
    assert "over 2 of 6 cases" in done.out
    (row,) = (line.split() for line in done.out.splitlines() if "failures as 0" in line)
    assert row[3:] == ["0.333"] * 3
    with (tmp_path / "out" / "cases.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2 * 3
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["number_of_cases"], summary["number_of_references"]) == (2, 6)
    failed = {one["case"] for one in summary["failures"]}
    assert failed == {f"segmentation-{number}" for number in range(3, 7)}
    assert summary["predictions_without_reference"] == ["volume-9"]


def test_predictions_without_reference_alone_are_no_error(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, references = folders
    for number in (3, 4, 5, 6):
        (references / f"segmentation-{number}.nii.gz").unlink()
    done = run(capsys, "evaluate", predictions, references, "-o", tmp_path / "out")
    assert done.code == 0
    assert "volume-3, volume-4, volume-5, volume-9" in done.err


def test_nothing_to_score_is_refused_and_nothing_written(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, references = folders
    for number in (1, 2):
        (predictions / f"volume-{number}.nii.gz").unlink()
    done = run(capsys, "evaluate", predictions, references, "-o", tmp_path / "out")
    done.assert_refused(match="None of the 6 cases could be scored")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("role", ["predictions", "references"])
def test_two_files_of_one_case_are_a_failure_of_that_case(
    folders: tuple[Path, Path], role: str
) -> None:
    predictions, references = folders
    write_case({"predictions": predictions, "references": references}[role] / "1.nrrd", tumour=2)
    evaluation = evaluate(*folders)
    assert [case.name for case in evaluation.cases] == ["segmentation-2"]
    (reason,) = (one.reason for one in evaluation.failures if "keep one" in one.reason)
    assert f"Among the {role}" in reason
    assert "1.nrrd" in reason
    assert "-1.nii.gz" in reason


def test_other_grids_are_resampled_only_when_asked(folders: tuple[Path, Path]) -> None:
    predictions, _ = folders
    coarse = np.zeros((6, 6, 6), np.uint8)
    coarse[1:5, 1:5, 1:5] = 1
    # Voxels of 1.6 mm, each over 2 x 2 voxels of the reference: the same liver exactly.
    affine = np.diag([-1.6, -1.6, 3.0, 1.0])
    affine[:2, 3] = -0.4
    write_label(Volume(coarse, affine), predictions / "volume-3.nii.gz")
    assert "6×6×6" in evaluate(*folders).failures[-3].reason
    resampled = evaluate(*folders, resample=True)
    case = resampled.cases[-1]
    assert case.name == "segmentation-3"
    assert case.classes["liver"].metrics.dice == 1
    (note,) = case.notes
    assert "6×6×6 voxels of 1.6×1.6×3 mm" in note
    assert not resampled.cases[0].notes


def test_a_prediction_elsewhere_is_refused_even_with_resample(folders: tuple[Path, Path]) -> None:
    predictions, _ = folders
    labels = read_label(predictions / "volume-3.nii.gz")
    far = AFFINE + np.eye(4, k=3) * 500
    write_label(Volume(labels.array, far), predictions / "volume-3.nii.gz")
    reasons = [failure.reason for failure in evaluate(*folders, resample=True).failures]
    assert any("outside the grid of its reference" in reason for reason in reasons)


def test_nearest_voxel_keeps_every_voxel_of_a_turned_grid() -> None:
    random = np.random.default_rng(0)
    array = random.integers(0, 3, (5, 6, 7), dtype=np.uint8)
    angle = np.deg2rad(30)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    label = Volume(array, turn @ np.diag([0.8, 0.9, 2.5, 1.0]))
    # The same voxels in another order, with another origin: nothing may be lost or moved.
    flipped = label.affine @ np.array([[0, -1, 0, 4], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    grid = Volume(np.zeros((7, 5, 6), np.uint8), flipped)
    moved = nearest_on_grid(label, grid)
    assert np.array_equal(moved.array, array[::-1].transpose(2, 0, 1))
    assert np.array_equal(moved.affine, flipped)


def test_labels_of_other_tools_are_mapped(folders: tuple[Path, Path]) -> None:
    predictions, references = folders
    evaluation = evaluate(predictions, references, prediction_labels={3: 1, 6: 2})
    scored = {case.name: case for case in evaluation.cases}
    assert scored["segmentation-4"].classes["tumour"].metrics.dice == 1
    assert parse_label_map("3=1, 6=2,*=0") == {3: 1, 6: 2, "*": 0}
    volume = Volume(np.array([[[0, 1, 2, 3, 6, 250]]], np.uint8), np.eye(4))
    assert relabelled(volume, {6: 2, "*": 0}).array.ravel().tolist() == [0, 0, 0, 0, 2, 0]
    assert relabelled(volume, {3: 2, 250: 0}).array.ravel().tolist() == [0, 1, 2, 2, 6, 0]
    for text, match in (
        ("3", "does not say which"),
        ("3=x", "does not say which"),
        ("300=1", "no label 300"),
        ("3=7", "cannot become 7"),
    ):
        with pytest.raises(InputError, match=match):
            parse_label_map(text)


def test_one_file_against_a_folder_is_one_case(folders: tuple[Path, Path]) -> None:
    predictions, references = folders
    evaluation = evaluate(predictions / "volume-2.nii.gz", references)
    assert [case.name for case in evaluation.cases] == ["segmentation-2"]
    assert not evaluation.failures


def test_many_missing_predictions_are_one_sentence() -> None:
    missing = [Failure(f"{n}", "There is no prediction in out.", missing=True) for n in range(12)]
    sentences = failure_sentences([Failure("x", "It is damaged."), *missing])
    assert sentences == [
        "x: It is damaged.",
        "There is no prediction in out: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more.",
    ]


def test_words_that_make_no_sense_are_refused_before_reading(tmp_path: Path) -> None:
    nowhere = tmp_path / "no"
    for words, match in (
        ({"convention": "x"}, "no convention 'x'"),
        ({"nsd_tolerances_mm": [-1.0]}, "-1 mm makes no sense"),
        ({"reference_labels": {3: 9}}, "cannot become 9"),
    ):
        with pytest.raises(InputError, match=match):
            evaluate(nowhere, nowhere, **words)  # type: ignore[arg-type]
