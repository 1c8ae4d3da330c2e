"""What an evaluation writes and prints: lesions, pictures, the LiTS scorer's figures, imports."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image
from rich.console import Console

from ynet3d.evaluation import (
    EMPTY_CLASS_RULE,
    LITS_RULE,
    CaseEvaluation,
    Evaluation,
    evaluate_pair,
    evaluation_json,
    evaluation_table,
    summarise,
    write_evaluation,
)
from ynet3d.volumes import Volume, write_label

AFFINE = np.diag([-1.0, -1.0, 2.5, 1.0])
SHAPE = (60, 40, 12)
ORANGE, GREEN = (0xFF, 0x9F, 0x1C), (0x2E, 0xC4, 0x4F)

Box = tuple[int, int, int, int]


def labels(*tumours: Box) -> Volume:
    """A liver with tumours, each a box: start along i, start along j, side in voxels, slices."""
    array = np.zeros(SHAPE, np.uint8)
    array[5:55, 5:35, 1:11] = 1
    for i, j, side, slices in tumours:
        array[i : i + side, j : j + side, 3 : 3 + slices] = 2
    return Volume(array, AFFINE)


def case(name: str, *, predicted: tuple[Box, ...], reference: tuple[Box, ...]) -> CaseEvaluation:
    return evaluate_pair(
        labels(*predicted), labels(*reference), name, convention="lits", nsd_tolerances_mm=[1, 0.5]
    )


SMALL, MIDDLE, LARGE = (10, 10, 3, 2), (20, 10, 10, 4), (35, 10, 16, 6)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return summarise(
        [
            case("a", predicted=(MIDDLE, LARGE), reference=(SMALL, MIDDLE, LARGE)),
            case("b", predicted=((10, 25, 4, 2),), reference=((20, 10, 10, 2),)),
            case("c", predicted=(SMALL,), reference=()),
        ]
    )


def table(evaluation: Evaluation, *, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(evaluation_table(evaluation))
    return console.export_text()


def test_lesions_csv_has_a_row_for_each_lesion_of_either_side(
    tmp_path: Path, evaluation: Evaluation
) -> None:
    folder = write_evaluation(evaluation, tmp_path)
    with (folder / "lesions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["case", "side", "number", "status"]
    found = {(row["case"], row["side"], row["number"]): row for row in rows}
    assert len(found) == len(rows) == 4 + 4
    large = found["a", "reference", "1"]
    assert (large["status"], large["size_class"]) == ("found", ">20")
    assert float(large["volume_ml"]) == pytest.approx(16 * 16 * 6 * 2.5 / 1000)
    assert float(large["diameter_mm"]) == pytest.approx(16 * np.sqrt(2))
    # The mean voxel index in the whole scan, not in the box that is looked at.
    assert [float(large[axis]) for axis in "ijk"] == [35 + 7.5, 10 + 7.5, 3 + 2.5]
    assert (large["matched_to"], large["dice"], large["detected_iou50"]) == ("1", "1.0", "True")
    missed = found["a", "reference", "3"]
    assert (missed["status"], missed["size_class"]) == ("missed", "<10")
    assert (missed["matched_to"], missed["assd_mm"], missed["dice"]) == ("", "", "0.0")
    invented = found["c", "prediction", "1"]
    assert (invented["status"], invented["detected_overlap"]) == ("false positive", "False")


def test_detection_of_the_data_set(evaluation: Evaluation) -> None:
    lesions = evaluation_json(evaluation)["lesions"]
    assert (lesions["reference"], lesions["prediction"]) == (4, 4)
    for name in ("overlap_above_0", "iou_above_0.5"):
        every = lesions["thresholds"][name]["all_sizes"]
        for figure in ("recall", "precision", "f1"):
            assert every[figure]["value"] == 0.5
        assert every["false_positives_per_scan"]["value"] == pytest.approx(2 / 3)
        low, high = every["recall"]["interval_95"]
        assert (low, high) == (0, pytest.approx(2 / 3))
        sizes = lesions["thresholds"][name]["by_size"]
        assert [sizes[size]["recall"]["value"] for size in ("<10", "10-20", ">20")] == [0, 0.5, 1]
        assert sizes["<10"]["counts"]["false_positives"] == 2
    assert lesions["lesion_wise_dice"]["value"] == pytest.approx(2 / 4)


def test_f1_interval_agrees_with_draws_by_hand() -> None:
    cases = [
        case("a", predicted=(MIDDLE,), reference=(SMALL, MIDDLE)),
        case("b", predicted=(MIDDLE, SMALL), reference=(MIDDLE,)),
    ]
    f1 = summarise(cases).lesions.thresholds["overlap_above_0"].all_sizes.f1
    # a alone: precision 1, recall 1/2; b alone the reverse; both: 2/3 and 2/3. Always F1 = 2/3.
    assert f1.value == pytest.approx(2 / 3)
    assert f1.interval_95 == pytest.approx((2 / 3, 2 / 3))


def test_burden_of_the_data_set(evaluation: Evaluation) -> None:
    organ = 50 * 30 * 10
    errors = [-18 / organ, (32 - 200) / organ, 18 / organ]
    burden = evaluation_json(evaluation)["tumour_burden"]
    assert burden["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert burden["maximum"] == pytest.approx(168 / organ)
    assert burden["cases"] == 3
    first = evaluation_json(evaluation)["cases"][0]["tumour_burden"]
    assert first["prediction"] - first["reference"] == pytest.approx(errors[0])


def test_lits_convention_adds_the_scorers_block_and_changes_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "p.nii.gz", tmp_path / "r.nii.gz"]
    write_label(labels(MIDDLE, LARGE), paths[0])
    write_label(labels(SMALL, MIDDLE, LARGE), paths[1])
    contents = {}
    for convention in ("default", "lits"):
        folder = tmp_path / convention
        done = run(capsys, "evaluate", *paths, "-o", folder, "--convention", convention)
        assert done.code == 0, done
        text = " ".join(done.out.split())
        assert EMPTY_CLASS_RULE in text
        assert (LITS_RULE in text) == (convention == "lits")
        contents[convention] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        contents[convention, "csv"] = (folder / "cases.csv").read_bytes()
    default, lits = contents["default"], contents["lits"]
    assert contents["default", "csv"] == contents["lits", "csv"]
    changed = {key for key in lits if lits[key] != default[key]}
    assert changed == {"convention", "lits", "lits_rule"}
    assert default["lits"] is None
    shared, both = 400 + 1536, 2 * (400 + 1536) + 18
    assert lits["lits"]["lesion_dice_per_case"] == pytest.approx(2 * shared / both)
    assert lits["lits"]["lesion_recall"] == pytest.approx(2 / 3)
    assert lits["lits"]["lesion_precision_greater_zero"] == 1
    # Only detected lesions are compared there, and these two are right to the voxel.
    assert lits["lits"]["lesion_voe"] == lits["lits"]["lesion_assd"] == 0
    assert lits["lits"]["liver_dice_global"] == 1
    assert lits["lits"]["MAXERROR_Tumorburden"] == pytest.approx(18 / (50 * 30 * 10))


def test_a_liver_of_tumour_alone_is_missing_for_the_scorer_and_not_for_us() -> None:
    reference, prediction = labels(LARGE), labels(LARGE)
    prediction = prediction.with_array(np.where(prediction.array == 2, np.uint8(2), np.uint8(0)))
    evaluation = summarise([evaluate_pair(prediction, reference, "x", convention="lits")])
    assert evaluation.lits is not None
    assert evaluation.lits["liver_dice_per_case"] == 0
    assert evaluation.lits["liver_assd"] == 9001
    ours = evaluation.summary["liver"]["dice"].mean
    assert ours == pytest.approx(2 * 1536 / (1536 + 15_000))


def test_further_tolerances_have_columns_and_rows(tmp_path: Path, evaluation: Evaluation) -> None:
    folder = write_evaluation(evaluation, tmp_path)
    with (folder / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"nsd_0.5mm", "nsd_1mm", "nsd_2mm"} < set(rows[0])
    for row in rows:
        assert float(row["nsd_0.5mm"]) <= float(row["nsd_1mm"]) <= float(row["nsd_2mm"])
    assert "nsd_0.5mm" in table(evaluation)
    assert evaluation.summary["tumour"]["nsd_1mm"].cases == 3


def test_screen_tells_what_the_files_hold(evaluation: Evaluation) -> None:
    text = table(evaluation)
    assert "…" not in text
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines() if line.strip()}
    assert lines["cases missed"][2:] == ["0", "0", "0"]
    assert lines["cases invented"][2:] == ["0", "1", "0"]
    assert lines["recall"][1:] == ["0.500", "0.500"] or "0.500" in lines["recall"]
    assert "4 in the reference, 4 predicted" in text
    assert "0 of 1" in text
    assert "does not worsen the mean distances" in " ".join(text.split())
    assert "Lesion-wise Dice" in text
    assert "MAXERROR_Tumorburden" in text


def test_screen_without_any_tumour_says_nothing_of_lesions() -> None:
    text = table(summarise([evaluate_pair(labels(), labels(), "x")]))
    assert "one by one" not in text
    assert "undefined" in text
    assert "95% interval" not in text


@pytest.mark.parametrize("kind", ["one", "many", "none", "nothing found", "only invented"])
def test_pictures_of_every_kind_of_data_set(tmp_path: Path, kind: str) -> None:
    missing: tuple[Box, ...] = ()
    cases = {
        "one": [case("only $one$ case", predicted=(LARGE,), reference=(LARGE, SMALL))],
        "many": [
            case(f"{n}", predicted=(MIDDLE, LARGE)[: n % 3], reference=(MIDDLE, LARGE)[n % 2 :])
            for n in range(12)
        ],
        "none": [case("a", predicted=missing, reference=missing)],
        "nothing found": [case(f"{n}", predicted=missing, reference=(MIDDLE,)) for n in range(3)],
        "only invented": [case(f"{n}", predicted=(LARGE,), reference=missing) for n in range(3)],
    }[kind]
    write_evaluation(summarise(cases), tmp_path)
    for name in ("dice.png", "volumes.png", "lesions.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 600
            pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        assert (pixels == 255).all(axis=1).mean() > 0.6
        if name == "volumes.png":
            assert (pixels == ORANGE).all(axis=1).sum() > 30
        # A found tumour is green; a missed or invented one is hollow or grey. The legend is small.
        green = (pixels == GREEN).all(axis=1).sum()
        if name == "lesions.png":
            assert (green > 1000) == (kind in ("one", "many"))


def test_other_lesion_tables_are_not_overwritten(tmp_path: Path, evaluation: Evaluation) -> None:
    from ynet3d.errors import InputError

    (tmp_path / "lesions.csv").write_text("patient,segment\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lesions\.csv is not the table of an earlier"):
        write_evaluation(evaluation, tmp_path)
    assert not (tmp_path / "cases.csv").exists()


def test_scoring_needs_no_network_library(tmp_path: Path) -> None:
    """In a process of its own: what `import` and `ynet3d evaluate` load."""
    write_label(labels(MIDDLE), tmp_path / "mask.nii.gz")
    script = (
        "import sys, ynet3d.evaluation\n"
        "heavy = {'matplotlib', 'pandas', 'scipy.stats', 'scipy.spatial', 'SimpleITK'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from ynet3d.cli.main import main\n"
        "try:\n"
        f"    main(['evaluate', *2 * [{str(tmp_path / 'mask.nii.gz')!r}], '-o', "
        f"{str(tmp_path / 'out')!r}])\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code\n"
        "loaded = {'torch', 'monai', 'torchvision'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert (tmp_path / "out" / "lesions.png").is_file()
