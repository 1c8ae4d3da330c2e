"""Training: the loss by hand, samples by seed, resuming with the same numbers, never a NaN."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_runs import small_recipe, small_scan, write_small_dataset
from stopped_runs import stopped_after

from ynet3d.datasets import Case, open_dataset
from ynet3d.errors import InputError, YnetError
from ynet3d.preprocessing import (
    label_to_network_grid,
    load_prepared,
    store_prepared,
    to_network_grid,
)
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, Training
from ynet3d.training import TrainingData, keeping, make_loss, train
from ynet3d.training import loop as loop_module
from ynet3d.training.sampling import Sampler
from ynet3d.training.validation import validate
from ynet3d.weights import initial_network, load_weights

QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, ...]:
    folder = write_small_dataset(tmp_path_factory.mktemp("small"), cases=5)
    return tuple(open_dataset(folder, kind="lits").cases)


@pytest.fixture
def data(cases: tuple[Case, ...]) -> TrainingData:
    return TrainingData("small", cases[:3], cases[3:], "a licence")


def everything_on() -> Recipe:
    """Patches, augmentation, moving average and clipping together."""
    return small_recipe(
        augmentation={
            "flip_probability": 0.5,
            "affine_probability": 0.5,
            "scale_fraction": 0.1,
            "noise": 0.05,
            "noise_probability": 0.5,
        },
        preprocessing={"window_hu": [-100, 200], "size": None, "spacing_mm": [4, 3, 3]},
        patches={"size": [16, 16, 32], "per_case": 2},
        training={
            "epochs": 3,
            "batch_size": 2,
            "learning_rate": 1e-3,
            "ema_decay": 0.9,
            "gradient_clip": 1.0,
            "warmup_steps": 2,
        },
    )


def log_of(folder: Path) -> list[dict[str, str]]:
    """The lines of a log, without how long they took."""
    rows = list(csv.DictReader((folder / "log.csv").open()))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize("kind", ["dice_cross_entropy", "dice", "cross_entropy"])
@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("batch", [True, False])
def test_loss_is_the_formula(background: bool, batch: bool, kind: str) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 3, 4, 5, 6))
    label = generator.integers(0, 3, (2, 1, 4, 5, 6))
    options = Training.model_validate(
        {"dice_includes_background": background, "dice_over_batch": batch, "loss": kind}
    )
    found = make_loss(options)(torch.tensor(logits), torch.tensor(label)).item()

    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = np.moveaxis(np.eye(3)[label[:, 0]], -1, 1)
    axes = (0, 2, 3, 4) if batch else (2, 3, 4)
    soft_dice = 1 - (2 * (p * y).sum(axes) + 1e-5) / ((p + y).sum(axes) + 1e-5)
    kept = soft_dice[..., 0 if background else 1 :]
    cross_entropy = -np.log((p * y).sum(1)).mean()
    parts = {"dice": kept.mean(), "cross_entropy": cross_entropy}
    expected = sum(value for name, value in parts.items() if name in kind)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_run_leaves_what_it_promises(data: TrainingData, tmp_path: Path) -> None:
    result = train(data, tmp_path, small_recipe(), device="cpu", progress=QUIET)
    assert result.finished
    assert result.epochs == 3
    files = {path.name for path in tmp_path.iterdir()}
    assert {
        "best.safetensors",
        "best.json",
        "last.safetensors",
        "checkpoint.safetensors",
        "log.csv",
        "curves.png",
        "recipe.yaml",
        "tensorboard",
    } <= files
    assert not [name for name in files if name.startswith(".writing")]
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for row in rows:
        for column in ("train_loss", "dice_liver", "dice_tumour", "learning_rate"):
            assert np.isfinite(float(row[column]))
    facts = json.loads((tmp_path / "best.json").read_text())
    assert facts["training_data"]["licence"] == "a licence"
    assert facts["training_data"]["training_cases"] == [case.name for case in data.training]
    assert facts["metrics"]["rule"]
    assert facts["recipe"]["name"] == "small"
    assert load_weights(tmp_path).recipe == small_recipe()


def test_it_learns(cases: tuple[Case, ...], tmp_path: Path) -> None:
    """Boxes of known HU: seconds of training find liver and tumour."""
    recipe = small_recipe(
        training={"epochs": 40, "learning_rate": 5e-3, "validate_every": 10, "warmup_steps": 10},
        network={"name": "unet3d", "options": {"width": 4, "normalisation": "instance"}},
    )
    data = TrainingData("small", cases[:3], cases[:3])
    train(data, tmp_path, recipe, device="cpu", progress=QUIET)
    metrics = json.loads((tmp_path / "best.json").read_text())["metrics"]
    assert metrics["dice_liver"] > 0.8
    assert metrics["dice_tumour"] > 0.5


@pytest.mark.parametrize("step", [1, 3, 4, 6, 8])  # three steps are an epoch
def test_resumed_runs_repeat_an_uninterrupted_one(
    data: TrainingData, tmp_path: Path, step: int
) -> None:
    recipe = everything_on()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(data, whole, recipe, device="cpu", progress=QUIET)
    with stopped_after(step) as progress:
        first = train(data, parts, recipe, device="cpu", progress=progress)
    assert not first.finished
    second = train(data, parts, recipe, device="cpu", resume=True, progress=QUIET)
    assert second.finished

    assert log_of(parts) == log_of(whole)
    for name in ("best", "last"):
        one, other = (load_file(run / f"{name}.safetensors") for run in (whole, parts))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_resuming_a_finished_run_does_nothing(data: TrainingData, tmp_path: Path) -> None:
    train(data, tmp_path, small_recipe(), device="cpu", progress=QUIET)
    before = (tmp_path / "best.safetensors").read_bytes()
    assert train(data, tmp_path, small_recipe(), device="cpu", resume=True, progress=QUIET).finished
    assert (tmp_path / "best.safetensors").read_bytes() == before


def test_what_a_run_refuses(data: TrainingData, tmp_path: Path) -> None:
    recipe = small_recipe(training={"epochs": 1})
    with pytest.raises(InputError, match="no run to resume"):
        train(data, tmp_path, recipe, resume=True, progress=QUIET)
    train(data, tmp_path, recipe, device="cpu", progress=QUIET)
    with pytest.raises(InputError, match="holds a run already"):
        train(data, tmp_path, recipe, progress=QUIET)
    with pytest.raises(InputError, match="another recipe"):
        train(data, tmp_path, small_recipe(), resume=True, progress=QUIET)
    with pytest.raises(InputError, match="has no validation cases"):
        train(TrainingData("x", data.training, ()), tmp_path / "new", recipe, progress=QUIET)
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged"):
        train(data, tmp_path, recipe, resume=True, progress=QUIET)


@pytest.mark.parametrize("spoilt", ["loss", "gradient"])
def test_what_is_not_finite_stops_before_the_weights_are_spoilt(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    class Spoilt(torch.nn.Module):
        def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            zero = (logits * 0).sum()
            # The square root has an infinite slope at 0, where its value is finite.
            return zero.abs().sqrt() if spoilt == "gradient" else zero + float("nan")

    monkeypatch.setattr(loop_module, "make_loss", lambda _: Spoilt())
    with pytest.raises(YnetError, match=r"step 2 of epoch 2 .* lower training\.learn") as caught:
        train(data, tmp_path, small_recipe(), device="cpu", progress=QUIET)
    assert caught.value.exit_code == 1
    assert ("the loss is finite" in str(caught.value)) == (spoilt == "gradient")
    kept = load_file(tmp_path / "checkpoint.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())
    first = initial_network(small_recipe(), seed=0).state_dict()
    assert all(torch.equal(kept[f"network/{name}"], first[name]) for name in first)


@pytest.mark.parametrize("normalisation", ["instance", "batch"])
def test_a_step_that_is_not_finite_is_left_out(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normalisation: str
) -> None:
    """As if it had not been: the same weights and statistics as with a step of learning rate 0."""
    options = {"width": 2, "normalisation": normalisation}
    recipe = small_recipe(network={"name": "3dynet", "options": options})
    batch = Sampler.batch

    def spoilt(self: Sampler, epoch: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, label = batch(self, epoch, step)
        if (epoch, step) in ((0, 1), (2, 0), (2, 1), (2, 2)):
            image[0, 0, 3, 4, 5] = float("nan")
        return image, label

    monkeypatch.setattr(Sampler, "batch", spoilt)
    said: list[str] = []
    monkeypatch.setattr(Progress, "say", lambda _, text: said.append(text))
    result = train(data, tmp_path, recipe, device="cpu", progress=QUIET)
    assert result.finished
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [row["skipped_steps"] for row in rows] == ["1", "0", "3"]
    assert [bool(row["train_loss"]) for row in rows] == [True, True, False]
    left_out = [text for text in said if "Left out" in text]
    assert len(left_out) == 4
    assert "step 2 of epoch 1 (volume-" in left_out[0]
    assert all(t.isfinite().all() for t in load_file(tmp_path / "last.safetensors").values())


def test_asked_to_end_during_validation(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation may take minutes, and schedulers wait 30 s: it is broken off, and done again."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    recipe = everything_on()
    train(data, whole, recipe, device="cpu", progress=QUIET)
    for epoch in range(3):
        with monkeypatch.context() as patch, stopped_after(-1) as progress:
            asked = []

            def stopping(*words: Any, **more: Any) -> Any:
                asked.append(True)  # noqa: B023 - called before the loop goes on
                if len(asked) == 1 + (epoch == 0):  # noqa: B023 - called before the loop goes on
                    progress.stop.set()
                return validate(*words, **more)

            patch.setattr(keeping, "validate", stopping)
            result = train(data, parts, recipe, device="cpu", resume=epoch > 0, progress=progress)
        assert not result.finished
    assert train(data, parts, recipe, device="cpu", resume=True, progress=QUIET).finished
    assert log_of(parts) == log_of(whole)
    for name in ("best", "last"):
        one, other = (run / f"{name}.safetensors" for run in (whole, parts))
        assert one.read_bytes() == other.read_bytes()


def test_killed_between_checkpoint_and_log(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last epoch's line is written by the next start, though nothing is left to train."""

    class Killed(BaseException):
        pass

    def killed(self: Any, history: Any) -> None:
        if len(history) == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop_module.RunLog, "write", killed)
        with pytest.raises(Killed):
            train(data, tmp_path, small_recipe(), device="cpu", progress=QUIET)
    assert train(data, tmp_path, small_recipe(), device="cpu", resume=True, progress=QUIET).finished
    assert [row["epoch"] for row in log_of(tmp_path)] == ["1", "2", "3"]


def test_a_checkpoint_before_each_long_step(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may not end within the 30 s between SIGTERM and SIGKILL."""
    saved: list[int] = []
    save = loop_module.save_checkpoint

    def noted(folder: Path, state: Any, *words: Any) -> None:
        saved.append(3 * state.epoch + state.step)
        save(folder, state, *words)

    monkeypatch.setattr(loop_module, "save_checkpoint", noted)
    train(data, tmp_path / "short", small_recipe(), device="cpu", progress=QUIET)
    assert saved == [3, 6, 9]
    saved.clear()
    monkeypatch.setattr(loop_module, "_SECONDS_OF_A_LONG_STEP", 0.0)
    train(data, tmp_path / "long", small_recipe(), device="cpu", progress=QUIET)
    assert sorted(set(saved)) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_half_files_of_a_killed_run_go(data: TrainingData, tmp_path: Path) -> None:
    (tmp_path / ".writing-abc.safetensors").write_bytes(b"half")
    train(data, tmp_path, small_recipe(), device="cpu", progress=QUIET)
    assert not list(tmp_path.glob(".writing-*"))


def test_a_prepared_case_that_is_gone_is_named(data: TrainingData, tmp_path: Path) -> None:
    store_prepared(tmp_path, np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.uint8))
    case = load_prepared("case-7", tmp_path)
    (tmp_path / "image.npy").write_bytes((tmp_path / "image.npy").read_bytes()[:140])
    (tmp_path / "label.npy").unlink()
    for part in ("image", "label"):
        with pytest.raises(YnetError, match=r"prepared case case-7 .* --resume.*anew\.$"):
            getattr(case, part)


class _Says(torch.nn.Module):
    """Calls every voxel by one label."""

    def __init__(self, label: int) -> None:
        super().__init__()
        self.label = label

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(image), 3, *image.shape[2:])
        logits[:, self.label] = 1
        return logits


def test_a_case_without_tumour_does_not_reward_finding_none(tmp_path: Path) -> None:
    """Half of the cases without tumour: never finding one still scores 0."""
    recipe = small_recipe()
    cases = []
    for name, tumour in (("with", True), ("without", False)):
        image, label = small_scan(tumour=tumour)
        (tmp_path / name).mkdir()
        store_prepared(
            tmp_path / name,
            to_network_grid(image, recipe.preprocessing),
            label_to_network_grid(label, recipe.preprocessing),
        )
        cases.append(load_prepared(name, tmp_path / name))
    scores = validate(_Says(1), cases, recipe, device=torch.device("cpu"))
    assert scores["dice_tumour"] == 0.0


@pytest.mark.parametrize(("says", "tumour"), [(0, 1.0), (1, 1.0), (2, 0.0)])
def test_validation_of_a_case_without_tumour(tmp_path: Path, says: int, tumour: float) -> None:
    recipe = small_recipe()
    image, label = small_scan(tumour=False)
    store_prepared(
        tmp_path,
        to_network_grid(image, recipe.preprocessing),
        label_to_network_grid(label, recipe.preprocessing),
    )
    case = load_prepared("x", tmp_path)
    scores = validate(_Says(says), [case], recipe, device=torch.device("cpu"))
    assert scores["dice_tumour"] == tumour
    assert scores["dice_liver"] == (0.0 if says == 0 else pytest.approx(scores["dice_liver"]))
    assert np.isfinite(list(scores.values())).all()


def test_a_run_ends_when_its_minutes_are_used_up(data: TrainingData, tmp_path: Path) -> None:
    recipe = small_recipe(training={"epochs": 500, "minutes": 1e-4, "learning_rate": 1e-3})
    result = train(data, tmp_path, recipe, device="cpu", progress=QUIET)
    assert result.finished
    assert result.epochs < 500
    assert load_weights(tmp_path).facts["metrics"]["epoch"] == result.epochs
    told = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert told["epochs"] == result.epochs
    assert told["peak_memory_bytes"] > 1e8  # at least torch itself
    again = train(data, tmp_path, recipe, device="cpu", resume=True, progress=QUIET)
    assert again.finished
    assert again.epochs == result.epochs
