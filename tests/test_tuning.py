"""Post-processing chosen on validation cases: the best, if it gains where it was not chosen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from small_runs import save_constant_weights, small_recipe, small_scan

import ynet3d
from ynet3d.datasets import open_dataset
from ynet3d.evaluation import confusion, dice
from ynet3d.inference.choosing import (
    NOTHING,
    CaseScore,
    Setting,
    candidates,
    choose,
    score_case,
)
from ynet3d.inference.postprocessing import postprocess
from ynet3d.preprocessing import labels_on_source_grid
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume, write_label, write_volume
from ynet3d.weights import load_weights

A, B, C = NOTHING, Setting(tumour_bias=1.0), Setting(minimum_tumour_ml=0.1)


def scored(*columns: dict[Setting, float]) -> list[dict[Setting, CaseScore]]:
    return [{s: CaseScore(v, v, True, True) for s, v in column.items()} for column in columns]


def test_candidates_are_all_combinations_and_the_recipes_own() -> None:
    settings = candidates(NOTHING)
    assert settings[0] == NOTHING
    assert len(settings) == len(set(settings)) == 5 * 2 * 2 * 5
    own = Setting(tumour_bias=0.7, minimum_tumour_ml=0.05)
    assert own in candidates(own)
    assert len(candidates(own)) == 6 * 2 * 2 * 6
    changed = [sum(vars(s)[k] != vars(NOTHING)[k] for k in vars(s)) for s in settings]
    assert changed == sorted(changed)


def test_what_gains_on_every_case_is_adopted() -> None:
    choice = choose(scored(*[{A: 0.5, B: 0.6, C: 0.55}] * 3), A)
    assert (choice.best, choice.adopted) == (B, B)
    assert choice.held_out_gain == pytest.approx(0.1)


def test_what_gains_by_one_lucky_case_is_not() -> None:
    """B is best on average. Without the first case nobody chooses it, with it the rest lose."""
    choice = choose(scored({A: 0.5, B: 0.8}, {A: 0.5, B: 0.45}, {A: 0.5, B: 0.45}), A)
    assert choice.best == B
    assert choice.adopted == A
    assert choice.held_out_gain == pytest.approx((0 - 0.05 - 0.05) / 3)


def test_of_equals_the_lightest_and_of_no_gain_the_recipes_own() -> None:
    choice = choose(scored(*[{A: 0.5, B: 0.5, C: 0.5}] * 2), C)
    assert (choice.best, choice.adopted, choice.held_out_gain) == (A, C, 0)


def test_a_case_without_tumour_rewards_silence() -> None:
    assert CaseScore(0.9, 1.0, False, False).mean == 0.95
    assert CaseScore(0.9, 0.0, False, True).mean == 0.45


def test_scores_are_those_of_predictions() -> None:
    """Every setting against the whole way without any of the short cuts."""
    image, reference = small_scan()
    generator = torch.Generator().manual_seed(0)
    noise = torch.nn.functional.avg_pool3d(torch.randn(3, 14, 14, 14, generator=generator), 3, 1)
    logits = 4 * noise
    settings = candidates(NOTHING)
    scores = score_case(logits, image, reference, settings)
    assert set(scores) == set(settings)
    for setting in settings[::3]:
        shifted = logits.clone()
        shifted[2] += setting.tumour_bias
        inference = setting.put_into(Inference())
        found = postprocess(labels_on_source_grid(shifted, image), inference).array
        liver = confusion(found >= 1, reference.array >= 1)
        tumour = confusion(found == 2, reference.array == 2)
        expected = CaseScore(dice(liver), dice(tumour), True, tumour.prediction > 0)
        assert scores[setting] == expected
    assert len({score.mean for score in scores.values()}) > 10


def test_empty_masks_score_one() -> None:
    image, reference = small_scan()
    nothing = reference.with_array(np.zeros_like(reference.array))
    logits = torch.tensor([5.0, 0, 0])[:, None, None, None].expand(3, 8, 8, 8)
    assert score_case(logits, image, nothing, [A])[A] == CaseScore(1, 1, False, False)


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, Path]:
    """A run whose weights call everything a tumour, and a data set in which nobody has one."""
    data, folder = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for case in range(4):
        image, label = small_scan(case, tumour=False)
        write_volume(image, data / f"volume-{case}.nii.gz")
        write_label(label, data / f"segmentation-{case}.nii.gz")
    save_constant_weights(folder / "best.safetensors", 2)
    parts = {"train": ["0"], "validation": ["1", "2", "3"], "test": []}
    names = [case.name for case in open_dataset(data).cases]
    parts = {part: [names[int(i)] for i in chosen] for part, chosen in parts.items()}
    split = {"dataset": "data", "seed": 0, "ratio": [1, 3, 0], "parts": parts}
    (folder / "split.json").write_text(json.dumps(split), "utf-8")
    return folder, data


def test_the_choice_lies_beside_the_weights_and_is_used(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Tumours outside of any liver: keeping none is best, and lighter than any bias."""
    folder, data = trained
    scan = small_scan(9)[0]
    assert (ynet3d.predict(scan, weights=folder).array == 2).all()
    before = json.loads((folder / "best.json").read_text("utf-8"))
    outcome = run(capsys, "tune", folder, data, "-q")
    assert outcome.code == 0, outcome
    assert "tumour claimed in 3 of 3 cases without one" in outcome.out
    assert "Kept: best" in outcome.out
    facts = load_weights(folder).facts
    assert facts["sha256"] == before["sha256"]
    tuning = facts["tuning"]
    assert tuning["best"]["tumours_inside_liver"] is True
    assert tuning["best"]["tumour_bias"] == 0
    assert tuning["best"]["score"] == 0.5  # no liver found, no tumour claimed
    assert tuning["before"] == tuning["nothing"]
    assert tuning["before"]["score"] == pytest.approx(729 / (729 + 24 * 20 * 18), abs=1e-4)
    assert tuning["best"]["dice_tumour"] is None
    assert (ynet3d.predict(scan, weights=folder).array == 0).all()
    changed = load_weights(folder).recipe
    assert changed.model_copy(update={"inference": Inference()}) == small_recipe()
    # A second time, what was chosen is what there was before.
    assert run(capsys, "tune", folder, data, "-q").code == 0
    assert load_weights(folder).facts["tuning"]["before"] == tuning["best"]


def test_what_cannot_be_tuned(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = trained
    split = json.loads((folder / "split.json").read_text("utf-8"))
    split["parts"]["validation"] = split["parts"]["validation"][:1]
    (folder / "split.json").write_text(json.dumps(split), "utf-8")
    run(capsys, "tune", folder, data).assert_refused(match="has 1 validation case")
    (folder / "split.json").unlink()
    run(capsys, "tune", folder, data).assert_refused(match=r"has no split.json")


def test_the_grid_of_the_volume_matters_not() -> None:
    """Cases are scored in the box of what is not background."""
    image, reference = small_scan()
    logits = torch.zeros(3, *[8] * 3)
    logits[0] = 1.0
    logits[2, 3:5, 3:5, 3:5] = 3.0
    flipped = [
        Volume(np.ascontiguousarray(v.array[::-1]), v.affine @ np.diag([-1.0, 1, 1, 1]))
        for v in (image, reference)
    ]
    assert score_case(logits, image, reference, [A, C])[C].liver == pytest.approx(
        score_case(logits, *flipped, [A, C])[C].liver
    )
