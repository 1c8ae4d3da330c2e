"""Several processes train as one does: the same losses, the same weights, whatever becomes of them.

On the CPU, where processes speak by gloo.
"""

from __future__ import annotations

import json
from pathlib import Path

import distributed_runs
import numpy as np
import pytest
import torch
from distributed_runs import assert_alike, small_data, torchrun
from hypothesis import given
from hypothesis import strategies as st
from small_runs import small_recipe, write_small_dataset
from test_training import everything_on

from ynet3d.errors import InputError
from ynet3d.networks import create_network
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe, Training
from ynet3d.training import make_loss, train
from ynet3d.training.deep_supervision import DeepSupervision
from ynet3d.training.distributed import Group, alone
from ynet3d.training.shared_loss import SharedLoss
from ynet3d.training.starting import check_sharing
from ynet3d.training.step import SharedStep, gradient_step
from ynet3d.weights import build_network

CPU = torch.device("cpu")
QUIET = Progress(quiet=True)
#: Whose value over a batch is no mean over its samples.
ACROSS_SAMPLES = {
    "loss": {"dice": 1, "cross_entropy": 0.5, "blob": 0.5},
    "dice_over_batch": True,
    "class_weights": [1, 1, 3],
}
LOSSES = [
    {},
    ACROSS_SAMPLES,
    ACROSS_SAMPLES | {"dice_includes_background": False},
    {"class_weights": [1, 2, 4], "dice_includes_background": False},
    {"loss": {"tversky": 1, "focal": 2}, "class_weights": [1, 2, 4], "dice_over_batch": True},
    {"loss": "tversky", "dice_includes_background": False},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_dataset(tmp_path_factory.mktemp("distributed") / "data", cases=5)


def shared_everything(**training: object) -> Recipe:
    """Six samples in batches of five: 2 and 3 for two processes, and then none and one.

    Without normalisation: on the few voxels of the deep stages it is a sign, or rounding.
    """
    content = everything_on().model_dump(mode="json")
    content["network"] = {"name": "3dynet", "options": {"width": 2}}
    content["training"] |= {"batch_size": 5, "deep_supervision": True, "mixed_precision": False}
    content["training"] |= ACROSS_SAMPLES | training
    return Recipe.model_validate(content)


@pytest.mark.parametrize("options", LOSSES)
@pytest.mark.parametrize("cuts", [(4,), (1, 3), (2, 2), (1, 1, 1, 1)])
def test_a_loss_of_parts_is_that_of_the_batch(
    options: dict[str, object], cuts: tuple[int, ...]
) -> None:
    """Value and gradients, also where some samples have no lesion."""
    training = Training.model_validate(options)
    generator = np.random.default_rng(0)
    logits = torch.tensor(generator.normal(size=(4, 3, 4, 5, 6)), requires_grad=True)
    label = torch.tensor(generator.integers(0, 3, (4, 1, 4, 5, 6)).astype(np.uint8))
    label[1:3].clamp_(max=1)
    whole = make_loss(training).double()(logits, label)
    (wanted,) = torch.autograd.grad(whole, logits)

    loss = SharedLoss(training)
    parts = zip(logits.split(cuts), label.split(cuts), strict=True)
    shared = loss.value(torch.stack([loss.sums(*part) for part in parts]).sum(0))
    (found,) = torch.autograd.grad(shared, logits)
    assert shared.item() == pytest.approx(whole.item(), rel=1e-6)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-9)


def test_without_a_lesion_anywhere_blob_is_0() -> None:
    loss = SharedLoss(Training.model_validate({"loss": {"dice": 1e-9, "blob": 1}}))
    label = torch.ones(2, 1, 4, 4, 4, dtype=torch.uint8)
    value = loss.value(loss.sums(torch.zeros(2, 3, 4, 4, 4), label))
    assert value.item() == pytest.approx(0, abs=1e-8)


@given(count=st.integers(0, 50), size=st.integers(1, 9))
def test_parts_are_all_there_is_once(count: int, size: int) -> None:
    parts = [Group(rank, size, CPU).part(count) for rank in range(size)]
    assert [index for part in parts for index in part] == list(range(count))
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("most", [1, 2])
def test_passes_leave_the_gradients_of_the_batch(
    monkeypatch: pytest.MonkeyPatch, most: int, deep: bool
) -> None:
    """Gradient accumulation in one process, against the step without it, both in float64.

    In float32 gradients differ by some 1e-4 of their norm between any two orders of summing.
    """
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    training = {"batch_size": 3, "mixed_precision": False, "deep_supervision": deep}
    training |= ACROSS_SAMPLES
    recipe = small_recipe(training=training | {"micro_batch_size": most})
    generator = np.random.default_rng(1)
    image = torch.from_numpy(generator.random((3, 1, 16, 16, 32)))
    label = torch.from_numpy(generator.integers(0, 3, (3, 1, 16, 16, 32)).astype(np.uint8))
    results = []
    for passes in (False, True):
        torch.manual_seed(0)
        network = build_network(recipe).train().double()
        heads = DeepSupervision(network, recipe).double() if deep else None
        if passes:
            step = SharedStep(network, recipe.training, heads, group=alone("cpu"))
            told = step(image, label)
        else:
            loss = make_loss(recipe.training).double()
            options = {"device": CPU, "mixed": False, "gradient_clip": None, "supervision": heads}
            told = gradient_step(network, loss, image, label, **options)
        learning = [*network.parameters(), *(heads.parameters() if heads else [])]
        results.append((told, [weight.grad for weight in learning]))
    (told, gradients), (shared_told, shared_gradients) = results
    assert shared_told == pytest.approx(told, rel=1e-9)
    for one, other in zip(gradients, shared_gradients, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-9 * told[1])


def test_what_cannot_be_shared_is_refused() -> None:
    recipe = small_recipe(training={"batch_size": 2})
    network = create_network("3dynet", width=2, normalisation="batch")
    check_sharing(network, recipe, Group(0, 1, CPU))
    with pytest.raises(InputError, match=r"batch_size is 2, fewer than the 3 processes"):
        check_sharing(network, recipe, Group(0, 3, CPU))
    with pytest.raises(InputError, match="3dynet has batch normalisation"):
        check_sharing(network, recipe, Group(0, 2, CPU))
    passes = small_recipe(training={"batch_size": 2, "micro_batch_size": 1})
    with pytest.raises(InputError, match="3dynet has batch normalisation"):
        check_sharing(network, passes, Group(0, 1, CPU))


def test_two_processes_train_as_one(folder: Path, tmp_path: Path) -> None:
    """Also where the first stopped midway, and one process goes on."""
    scans = {"epochs": 2, "batch_size": 2, "mixed_precision": False}
    runs = {
        "everything": (shared_everything(), None),
        "bfloat16": (shared_everything(mixed_precision=True), None),
        "whole-scans": (small_recipe(training=scans), None),
        "passes": (shared_everything(micro_batch_size=1), None),
        "stopped": (shared_everything(), 3),
        "minutes": (shared_everything(minutes=0.01, epochs=10**6), None),
    }
    plan = tmp_path / "plan.json"
    content = [
        {"folder": str(tmp_path / name), "recipe": recipe.model_dump(mode="json"), "stop": stop}
        for name, (recipe, stop) in runs.items()
    ]
    plan.write_text(json.dumps({"data": str(folder), "runs": content}), encoding="utf-8")
    process = torchrun(2, distributed_runs.__file__, plan)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Warning" not in err

    data = small_data(folder)
    train(data, tmp_path / "stopped", runs["stopped"][0], device="cpu", resume=True, progress=QUIET)
    names = ("everything", "bfloat16", "whole-scans", "passes")
    by_one = {name: tmp_path / f"{name}-by-one" for name in names}
    for name, run in by_one.items():
        train(data, run, runs[name][0], device="cpu", progress=QUIET)
    assert_alike(by_one["everything"], tmp_path / "everything")
    assert_alike(by_one["everything"], by_one["passes"])
    assert_alike(by_one["everything"], tmp_path / "passes")
    assert_alike(by_one["everything"], tmp_path / "stopped")
    assert_alike(by_one["whole-scans"], tmp_path / "whole-scans", dice=0.03, weights=0.01)
    assert_alike(by_one["bfloat16"], tmp_path / "bfloat16", loss=2e-3, dice=0.03, weights=0.02)
    told = json.loads((tmp_path / "everything" / "run.json").read_text("utf-8"))
    assert told["processes"] == 2
