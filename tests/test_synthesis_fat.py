"""A fatty liver: darker by what was asked for, tumours, vessels and surroundings as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import small_recipe

from ynet3d.labels import Label
from ynet3d.synthesis import Synthesiser
from ynet3d.synthesis.fat import LOSS_HU, draw_loss_hu, make_fatty

SPACING = (3.0, 1.5, 1.5)


def _scan() -> tuple[np.ndarray, np.ndarray]:
    label = np.zeros((16, 40, 40), np.uint8)
    label[2:14, 4:36, 4:36] = Label.LIVER
    label[6:10, 12:24, 12:24] = Label.TUMOUR
    hu = np.where(label == Label.LIVER, 110.0, 20.0).astype(np.float32)
    hu[label == Label.TUMOUR] = 60.0
    hu[6:10, 28:31, 8:32] = 190.0  # a vessel, which is labelled liver
    return hu, label


@given(st.floats(5, 90))
def test_the_parenchyma_loses_that_much(loss: float) -> None:
    hu, label = _scan()
    made = make_fatty(hu, label, spacing=SPACING, loss_hu=loss)
    change = hu - made
    assert change[4, 8, 8] == pytest.approx(loss, rel=0.02)
    assert abs(change[8, 18, 18]) < 0.02 * loss  # within the tumour
    assert abs(change[0, 0, 0]) < 0.02 * loss
    assert change[8, 29, 20] == pytest.approx(0.5 * loss, rel=0.05)  # in the vessel
    assert change.min() >= 0
    assert change.max() <= loss * 1.0001


def test_without_a_liver_nothing_changes() -> None:
    hu, label = _scan()
    assert make_fatty(hu, np.zeros_like(label), spacing=SPACING, loss_hu=40) is hu


def test_how_often_and_how_much() -> None:
    generator = np.random.default_rng(0)
    losses = [draw_loss_hu(generator) for _ in range(200)]
    assert LOSS_HU[0] <= min(losses) < 20 < 60 < max(losses) <= LOSS_HU[1]
    recipe = small_recipe(
        synthesis={"fatty_probability": 0.25},
        preprocessing={"spacing_mm": SPACING, "size": None, "window_hu": (-200, 250)},
    )
    hu, label = _scan()
    image = (hu + 200) / 450
    change = Synthesiser.of(recipe)
    darker = 0
    for seed in range(200):
        made, same = change(image, label, np.random.default_rng(seed))
        assert (same == label).all()
        darker += made[4, 8, 8] < image[4, 8, 8] - 10 / 450
    assert 30 <= darker <= 70  # of 200 draws at a quarter: mean 50, standard deviation 6
