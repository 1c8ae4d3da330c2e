"""Samples are decided by (seed, epoch, position), and patches are where they were asked for."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import small_recipe

from ynet3d.labels import Label
from ynet3d.preprocessing import PreparedCase, load_prepared, store_prepared
from ynet3d.preprocessing.augmentation import Augmenter
from ynet3d.recipes import Recipe, Training
from ynet3d.training.distributed import Group
from ynet3d.training.sampling import Sampler
from ynet3d.training.schedule import Schedule

SHAPE = (20, 30, 40)
FOLDER = tempfile.TemporaryDirectory()


def prepared(folder: Path, value: float, *, tumour: bool = True) -> PreparedCase:
    """A case whose image is `value` everywhere, with one liver and one tumour voxel."""
    label = np.zeros(SHAPE, np.uint8)
    label[10, 15, 20] = Label.LIVER
    if tumour:
        label[4, 6, 35] = Label.TUMOUR
    folder.mkdir()
    store_prepared(folder, np.full(SHAPE, value, np.float32), label)
    return load_prepared(folder.name, folder)


def recipe(**patches: object) -> Recipe:
    return small_recipe(
        patches={"size": [8, 8, 8], "per_case": 3} | patches,
        training={"epochs": 3, "batch_size": 2, "seed": 5},
    )


def sampler(chosen: Recipe, cases: int = 3, *, tumour: bool = True) -> Sampler:
    assert chosen.patches is not None
    folder = Path(tempfile.mkdtemp(dir=FOLDER.name))
    prepared_cases = [prepared(folder / str(i), i / 10, tumour=tumour) for i in range(cases)]
    return Sampler(prepared_cases, chosen, Augmenter(chosen.augmentation, size=chosen.patches.size))


def epoch_of(made: Sampler, epoch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [made.batch(epoch, step) for step in range(made.steps_per_epoch)]


@pytest.mark.parametrize("size", [2, 3])
def test_processes_see_together_what_one_sees(size: int) -> None:
    """Also where a batch has fewer samples than there are processes."""
    made = sampler(recipe())
    groups = [Group(rank, size, torch.device("cpu")) for rank in range(size)]
    others = [epoch_of(replace(made, part=group.part), 1) for group in groups]
    for step, (image, label) in enumerate(epoch_of(made, 1)):
        assert torch.equal(torch.cat([batches[step][0] for batches in others]), image)
        assert torch.equal(torch.cat([batches[step][1] for batches in others]), label)


def test_an_epoch_takes_every_case_equally_often() -> None:
    made = sampler(recipe())
    assert made.steps_per_epoch == 5  # 9 samples in batches of 2
    batches = epoch_of(made, 0)
    assert [len(image) for image, _ in batches] == [2, 2, 2, 2, 1]
    values = torch.cat([image[:, 0, 0, 0, 0] for image, _ in batches])
    assert torch.allclose(values.sort().values, torch.tensor([0, 0.1, 0.2]).repeat_interleave(3))


def test_batches_depend_on_seed_epoch_and_step_alone() -> None:
    one, other = sampler(recipe()), sampler(recipe())
    later = one.batch(1, 3)
    epoch_of(other, 0)
    for mine, theirs in zip(later, other.batch(1, 3), strict=True):
        assert torch.equal(mine, theirs)
    orders = [[image[:, 0, 0, 0, 0].tolist() for image, _ in epoch_of(one, e)] for e in range(2)]
    assert orders[0] != orders[1]


@pytest.mark.parametrize(
    ("probabilities", "kind"),
    [
        ({"liver_probability": 1.0, "tumour_probability": 0.0}, Label.LIVER),
        ({"liver_probability": 0.0, "tumour_probability": 1.0}, Label.TUMOUR),
    ],
)
def test_patches_hold_what_they_were_centred_on(
    probabilities: dict[str, float], kind: Label
) -> None:
    batches = epoch_of(sampler(recipe(per_case=10, **probabilities)), 0)
    labels = torch.cat([label for _, label in batches])
    assert labels.shape == (30, 1, 8, 8, 8)
    assert (labels == kind).flatten(1).any(1).all()


def test_a_scan_without_tumour_gives_liver_instead() -> None:
    chosen = recipe(per_case=10, liver_probability=0.5, tumour_probability=0.5)
    labels = torch.cat([label for _, label in epoch_of(sampler(chosen, tumour=False), 0)])
    assert (labels == Label.LIVER).flatten(1).any(1).all()


def test_patches_larger_than_the_scan_are_padded_all_round() -> None:
    made = sampler(recipe(size=[24, 30, 48]), cases=1)
    image, label = made.batch(0, 0)
    assert image.shape == label.shape == (2, 1, 24, 30, 48)
    assert int((label[0] > 0).sum()) == 2
    assert label[0, 0, 10 + 2, 15, 20 + 4] == Label.LIVER


def test_schedule_rises_then_follows_half_a_cosine_to_zero() -> None:
    schedule = Schedule(Training(learning_rate=1.0, warmup_steps=10), 100)
    rates = [schedule.learning_rate(step, 0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert all(high > low for high, low in pairwise(rates[10:]))
    assert rates[99] < 0.001
    assert Schedule(Training(learning_rate=1.0), 100).learning_rate(0, 0) == 1.0


def test_schedule_of_minutes_ends_by_steps_or_minutes_whichever_is_first() -> None:
    schedule = Schedule(Training(learning_rate=1.0, minutes=2), 100)
    assert schedule.done(50, 0) == 0.5
    assert schedule.done(10, 90) == 0.75
    assert schedule.done(10, 120) == 1
    assert schedule.done(100, 1) == 1
    assert schedule.learning_rate(10, 60) == pytest.approx(0.5)
    assert schedule.learning_rate(10, 120) == pytest.approx(0)


def test_synthetic_tumours_depend_on_seed_epoch_and_step_alone() -> None:
    chosen = recipe(size=[16, 24, 32], liver_probability=1.0, tumour_probability=0.0)
    preprocessing = {"window_hu": [-100, 200], "size": None, "spacing_mm": [4, 3, 3]}
    with_tumours = Recipe.model_validate(
        chosen.model_dump()
        | {"preprocessing": preprocessing, "synthesis": {"tumour_probability": 1.0}}
    )
    assert chosen.patches is not None
    cases = [liver_case(Path(tempfile.mkdtemp(dir=FOLDER.name)) / "case")]
    plain, one, other = (
        Sampler(cases, each, Augmenter(each.augmentation, size=chosen.patches.size))
        for each in (chosen, with_tumours, with_tumours)
    )
    later = one.batch(1, 1)
    epoch_of(other, 0)
    for mine, theirs in zip(later, other.batch(1, 1), strict=True):
        assert torch.equal(mine, theirs)
    assert (later[1] == Label.TUMOUR).any()
    assert later[0].dtype == torch.float32
    assert later[1].dtype == torch.uint8
    assert 0 <= float(later[0].min()) <= float(later[0].max()) <= 1
    # The same patch as without synthesis, and another one at each step.
    assert torch.equal(later[1] > 0, plain.batch(1, 1)[1] > 0)
    assert not torch.equal(one.batch(0, 0)[0][0], one.batch(0, 0)[0][1])


def liver_case(folder: Path) -> PreparedCase:
    """A case that is mostly liver."""
    label = np.zeros(SHAPE, np.uint8)
    label[2:-2, 3:-3, 3:-3] = Label.LIVER
    image = np.where(label, 0.6, 0.2) + np.random.default_rng(0).normal(0, 0.03, SHAPE)
    folder.mkdir()
    store_prepared(folder, image.astype(np.float32), label)
    return load_prepared(folder.name, folder)
