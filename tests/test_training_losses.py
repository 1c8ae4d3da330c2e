"""Losses as recipe values: by hand, against MONAI, and as weighted sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceCELoss, FocalLoss, TverskyLoss
from scipy.ndimage import label as number_components

from ynet3d.errors import InputError
from ynet3d.recipes import Recipe, Training, load_recipe
from ynet3d.training import make_loss
from ynet3d.training.blob_loss import BlobLoss


def some(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(seed)
    logits = torch.tensor(generator.normal(size=(2, 3, 4, 5, 6)))
    return logits, torch.tensor(generator.integers(0, 3, (2, 1, 4, 5, 6)))


def value(logits: torch.Tensor, label: torch.Tensor, **training: object) -> float:
    return make_loss(Training.model_validate(training))(logits, label).item()


def by_class(
    logits: torch.Tensor, label: torch.Tensor
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Probabilities and one-hot labels (N, 3, ...)."""
    p = np.exp(logits.numpy())
    return p / p.sum(1, keepdims=True), np.moveaxis(np.eye(3)[label[:, 0].numpy()], -1, 1)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 4)])
def test_focal_is_the_formula(gamma: float, weights: tuple[float, ...]) -> None:
    p, y = by_class(*some())
    of_class = -y * (1 - p) ** gamma * np.log(p) * np.reshape(weights, (1, 3, 1, 1, 1))
    found = value(*some(), loss="focal", focal_gamma=gamma, class_weights=weights)
    assert found == pytest.approx(of_class.mean(), rel=1e-5)
    theirs = FocalLoss(to_onehot_y=True, use_softmax=True, gamma=gamma, weight=weights)
    assert found == pytest.approx(theirs(*some()).item(), rel=1e-6)


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("batch", [True, False])
def test_tversky_is_the_formula(background: bool, batch: bool) -> None:
    p, y = by_class(*some())
    axes = (0, 2, 3, 4) if batch else (2, 3, 4)
    both, claimed, missed = ((a * b).sum(axes) for a, b in ((p, y), (p, 1 - y), (1 - p, y)))
    index = (both + 1e-5) / (both + 0.2 * claimed + 0.8 * missed + 1e-5)
    options = {
        "dice_includes_background": background,
        "dice_over_batch": batch,
        "tversky_alpha": 0.2,
        "tversky_beta": 0.8,
    }
    found = value(*some(), loss="tversky", **options)
    assert found == pytest.approx((1 - index)[..., 0 if background else 1 :].mean(), rel=1e-6)
    theirs = TverskyLoss(
        include_background=background,
        to_onehot_y=True,
        softmax=True,
        alpha=0.2,
        beta=0.8,
        batch=batch,
    )
    assert found == pytest.approx(theirs(*some()).item(), rel=1e-6)


def test_tversky_of_two_halves_is_dice() -> None:
    halves = {"tversky_alpha": 0.5, "tversky_beta": 0.5}
    tversky = value(*some(), loss="tversky", **halves)
    assert tversky == pytest.approx(value(*some(), loss="dice"), abs=1e-5)


def test_a_sum_has_its_weights() -> None:
    parts = {name: value(*some(), loss=name) for name in ("dice", "cross_entropy", "focal")}
    blob = BlobLoss()(*some()).item()
    weights = {"dice": 0.5, "cross_entropy": 2, "focal": 3, "blob": 4}
    expected = sum(weights[name] * (parts | {"blob": blob})[name] for name in weights)
    assert value(*some(), loss=weights) == pytest.approx(expected, rel=1e-6)


def test_the_paper_is_as_ever() -> None:
    loss = make_loss(Training())
    assert type(loss) is DiceCELoss
    both = value(*some(), loss={"dice": 1, "cross_entropy": 1})
    assert loss(*some()).item() == both


def brute_force(logits: torch.Tensor, label: torch.Tensor) -> float | None:
    """Each lesion with all others masked out, as the publication defines it."""
    p, _ = by_class(logits, label)
    of_samples = []
    for sample, target in zip(p[:, 2], label[:, 0].numpy(), strict=True):
        lesions, count = number_components(target == 2, np.ones((3, 3, 3)))
        of_lesions = []
        for lesion in range(1, count + 1):
            kept = (lesions == 0) | (lesions == lesion)
            masked, this = sample * kept, lesions == lesion
            dice = (2 * (masked * this).sum() + 1e-5) / (masked.sum() + this.sum() + 1e-5)
            of_lesions.append(1 - dice)
        if of_lesions:
            of_samples.append(np.mean(of_lesions))
    return float(np.mean(of_samples)) if of_samples else None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.9]))
def test_blob_is_each_lesion_in_the_absence_of_the_others(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    logits = torch.tensor(generator.normal(size=(2, 3, 5, 6, 7)))
    label = torch.tensor(np.where(generator.random((2, 1, 5, 6, 7)) < share, 2, 1))
    expected = brute_force(logits, label)
    found = BlobLoss()(logits, label).item()
    assert found == (0 if expected is None else pytest.approx(expected, rel=1e-6))


def test_blob_asks_for_the_small_lesion_as_much_as_for_the_large() -> None:
    """Finding the large one of two alone leaves half of the loss, of Dice next to nothing."""
    label = torch.ones(1, 1, 12, 12, 12, dtype=torch.long)
    label[..., 1:9, 1:9, 1:9] = 2
    label[..., 11, 11, 11] = 2
    logits = torch.zeros(1, 3, 12, 12, 12)
    logits[:, 1] = 30.0
    logits[:, 2, 1:9, 1:9, 1:9] = 60.0
    assert BlobLoss()(logits, label).item() == pytest.approx(0.5, abs=1e-3)
    tumour_dice = 2 * 512 / (512 + 513)
    assert 1 - tumour_dice < 0.001


def test_blob_has_gradients_and_none_without_a_lesion() -> None:
    logits, label = some()
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: BlobLoss()(x, label), logits)
    BlobLoss()(logits, torch.ones_like(label)).backward()
    assert (logits.grad == 0).all()


@pytest.mark.parametrize(
    "loss",
    ["{blob: 1}", "{}", "blob", "hinge", "{hinge: 1}", "{dice: 0}", "{dice: -1}", "1", "[dice]"],
)
def test_what_a_loss_may_not_be(loss: str) -> None:
    with pytest.raises(InputError, match=r"training\.loss is .*: a loss is dice_cross") as caught:
        load_recipe("paper", changes=[f"training.loss={loss}"])
    assert "\n" not in str(caught.value)


def test_losses_survive_a_file() -> None:
    recipe = load_recipe("demo", changes=["training.loss={dice: 1, focal: 0.5, blob: 2}"])
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    assert recipe.training.loss_weights == {"dice": 1, "focal": 0.5, "blob": 2}
    assert load_recipe("paper").training.loss_weights == {"dice": 1, "cross_entropy": 1}
