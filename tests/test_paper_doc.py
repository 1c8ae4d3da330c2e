"""docs/paper.md: its algebra holds, and its numbers are those of the code."""

from __future__ import annotations

import math
import re
import statistics
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss

from ynet3d.networks import complexity
from ynet3d.recipes import load_recipe

REPOSITORY = Path(__file__).resolve().parents[1]
EPSILON = 1e-5


@pytest.fixture(scope="module")
def document() -> str:
    return (REPOSITORY / "docs" / "paper.md").read_text(encoding="utf-8")


def equation_1(p: torch.Tensor, y: torch.Tensor, *, epsilon: float = 0.0) -> torch.Tensor:
    """The paper's soft Dice loss as printed, epsilon outside the sums."""
    return 1 - ((p * y).sum() + epsilon) / ((p + y).sum() + epsilon)


def joint_dice(
    p: torch.Tensor, y: torch.Tensor, *, above: float = 0.0, below: float = 0.0
) -> torch.Tensor:
    """The same with the factor 2."""
    return 1 - (2 * (p * y).sum() + above) / ((p + y).sum() + below)


def _sample(seed: int, *, voxels: int = 200, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (voxels, classes) and a one-hot reference that is mostly background, in float64."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(voxels, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, classes, (voxels,), generator=generator)
    labels[voxels // 5 :] = 0
    return logits, F.one_hot(labels, classes).double()


@pytest.mark.parametrize("seed", range(5))
def test_equation_1_is_half_of_one_plus_dice_and_so_is_its_gradient(seed: int) -> None:
    _, y = _sample(seed)
    generator = torch.Generator().manual_seed(seed + 100)
    # Free probabilities, not a softmax: the identity needs no constraint.
    p = torch.rand(y.shape, generator=generator, dtype=torch.float64).requires_grad_()
    printed, dice = equation_1(p, y), joint_dice(p, y)
    torch.testing.assert_close(printed, (1 + dice) / 2)
    (printed_gradient,) = torch.autograd.grad(printed, p)
    (dice_gradient,) = torch.autograd.grad(dice, p)
    torch.testing.assert_close(printed_gradient, dice_gradient / 2)
    exact = (1 + joint_dice(p, y, above=0.02, below=0.01)) / 2
    torch.testing.assert_close(equation_1(p, y, epsilon=0.01), exact)
    assert printed > 0.5


def test_equation_1_has_its_minimum_one_half_at_the_reference() -> None:
    logits, y = _sample(0)
    assert equation_1(y, y).item() == 0.5
    assert joint_dice(y, y).item() == 0.0
    assert equation_1(1 - y, y).item() == 1.0
    logits.requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.5)
    for _ in range(200):
        optimiser.zero_grad()
        loss = equation_1(logits.softmax(dim=1), y)
        loss.backward()
        optimiser.step()
    assert 0.5 < loss.item() < 0.501


@pytest.mark.parametrize("seed", range(3))
def test_equation_1_over_a_softmax_is_the_mean_probability_of_the_true_class(seed: int) -> None:
    logits, y = _sample(seed)
    p = logits.softmax(dim=1)
    torch.testing.assert_close((p + y).sum().item(), 2.0 * len(y))
    true_class = (p * y).sum(dim=1)
    torch.testing.assert_close(equation_1(p, y), 1 - true_class.mean() / 2)


def test_calling_everything_background_scores_well_jointly_and_badly_by_class() -> None:
    _, y = _sample(0, voxels=1000)
    background = F.one_hot(torch.zeros(len(y), dtype=torch.long), 3).double()
    share = y[:, 0].mean().item()
    assert joint_dice(background, y).item() == pytest.approx(1 - share)
    by_class = DiceLoss(smooth_nr=EPSILON, smooth_dr=EPSILON)(background.T[None], y.T[None])
    expected = (1 - 2 * share / (1 + share) + 1 + 1) / 3
    assert by_class.item() == pytest.approx(expected, abs=1e-4)
    assert by_class > 0.66 > joint_dice(background, y)


def test_dice_of_an_absent_class_teaches_little() -> None:
    p = torch.full((100,), 0.3, dtype=torch.float64, requires_grad=True)
    loss = DiceLoss(smooth_nr=EPSILON, smooth_dr=EPSILON)(p[None, None], torch.zeros(1, 1, 100))
    loss.backward()
    assert loss.item() == pytest.approx(1, abs=1e-6)
    assert p.grad is not None
    torch.testing.assert_close(p.grad, torch.full_like(p, EPSILON / 30**2), rtol=1e-4, atol=0.0)


def test_equation_2_one_against_the_rest() -> None:
    for classes in (2, 3):
        logits, y = _sample(1, classes=classes)
        p = logits.softmax(dim=1)
        usual = F.cross_entropy(logits, y.argmax(dim=1))
        read = F.binary_cross_entropy(p, y, reduction="none").sum(dim=1).mean()
        wrong_classes = -((1 - y) * torch.log(1 - p)).sum(dim=1).mean()
        torch.testing.assert_close(read, usual + wrong_classes)
        if classes == 2:
            torch.testing.assert_close(read, 2 * usual)
        else:
            assert not torch.isclose(read, 2 * usual)


def test_repeating_the_upsampled_map_adds_no_function() -> None:
    torch.manual_seed(0)
    skips = [torch.randn(1, 4, 6, 6, 6, dtype=torch.float64) for _ in range(2)]
    up = torch.randn(1, 3, 6, 6, 6, dtype=torch.float64)
    weight = torch.randn(5, 4 + 3 + 4 + 3, 3, 3, 3, dtype=torch.float64)
    twice = F.conv3d(torch.cat([skips[0], up, skips[1], up], dim=1), weight, padding=1)
    first, up_1, second, up_2 = weight.split([4, 3, 4, 3], dim=1)
    once = F.conv3d(
        torch.cat([*skips, up], dim=1), torch.cat([first, second, up_1 + up_2], dim=1), padding=1
    )
    torch.testing.assert_close(twice, once)


def test_largest_deviation_of_fifteen_specificities_with_mean_0_999() -> None:
    cases, least_mean = 15, 0.9985
    worst = [1.0] * (cases - 1) + [1 - cases * (1 - least_mean)]  # all that is missing, in one
    assert statistics.mean(worst) == pytest.approx(least_mean)
    bound = cases * (1 - least_mean) / math.sqrt(cases)
    assert statistics.stdev(worst) == pytest.approx(bound)
    assert bound == pytest.approx(0.006, abs=0.0005)
    assert bound < 0.0085  # what would still be printed as 0.009


def test_table_1_arithmetic(document: str) -> None:
    dice = {
        row[0]: [float(value) for value in row[1:]]
        for row in re.findall(
            r"^\| ([\w\- ]+?) \| ([\d.]+) ∓ [\d.]+ \| ([\d.]+)(?: ∓ [\d.]+)? \|$", document, re.M
        )
    }
    ours, unet, vnet, ee = (dice[n] for n in ("3DYNet", "3D U-Net", "V-Net", "3DYNet-EE"))
    assert [round(a - b, 3) for a, b in zip(ours, unet, strict=True)] == [0.140, 0.289]
    assert [round(a - b, 3) for a, b in zip(ours, vnet, strict=True)] == [0.005, 0.082]
    assert round(ours[1] - ee[1], 3) == 0.049
    assert ee[0] < vnet[0]
    assert round((ours[0] - unet[0]) / unet[0], 2) == 0.19
    assert round(0.283 / math.sqrt(15), 3) == 0.073
    assert round(0.037 / math.sqrt(15), 3) == 0.010


def test_the_table_of_counts_is_that_of_the_networks(document: str) -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\d+) \| (\w+) \| ([\d,]+) \| ([\d.]+) \|$", document, re.M
    )
    assert len(rows) == 4
    for name, width, fusion, parameters, tera_flop in rows:
        counted = complexity(name, width=int(width), fusion=fusion)
        assert counted.parameters == int(parameters.replace(",", ""))
        assert counted.flop / 1e12 == pytest.approx(float(tera_flop), abs=0.005)
        if name == "3dynet-ee":
            assert complexity(name, width=int(width)).parameters == counted.parameters
            without = complexity(name, width=int(width), fusion="none")
            assert without.parameters == counted.parameters
    assert f"{16 * 209_369_155 / 1e9:.2f} GB at w = 64" in document


def test_the_recipe_is_what_the_document_says() -> None:
    recipe = load_recipe("paper")
    assert recipe.network.name == "3dynet"
    assert recipe.network.initialisation == "he_normal"
    assert recipe.preprocessing.window_hu == (-175, 250)
    assert recipe.preprocessing.size == (64, 256, 256)
    assert recipe.patches is None
    training, augmentation = recipe.training, recipe.augmentation
    assert (training.epochs, training.batch_size, training.learning_rate) == (500, 1, 1e-4)
    assert (training.weight_decay, training.warmup_steps) == (0, 0)
    assert training.dice_includes_background
    assert training.class_weights == (1, 1, 1)
    assert augmentation.flip_probability == 0.2
    assert augmentation.affine_probability == 0.5
    assert augmentation.shift_fraction == augmentation.scale_fraction == 0.1
    assert augmentation.low_resolution_probability == 0.1
    assert augmentation.intensity_shift == 0.1
    assert augmentation.intensity_shift_probability == 0.5
    assert augmentation.rotation_degrees == augmentation.noise_probability == 0


def test_the_changes_in_its_commands_are_accepted(document: str) -> None:
    changes = re.findall(r"--set (network\.options\.\w+=\w+)", document)
    assert changes == ["network.options.fusion=none", "network.options.width=16"]
    options = load_recipe("paper", changes=changes).network.options
    assert options == {"fusion": "none", "width": 16}


def test_the_licence_is_apache_2() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0" in text
    assert re.search(r"^   Copyright \d{4} 3DYNet developers$", text, re.M)
    assert "END OF TERMS AND CONDITIONS" in text
