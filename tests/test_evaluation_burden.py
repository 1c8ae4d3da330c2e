"""Tumour burden and its error over cases, worked by hand in both conventions."""

from __future__ import annotations

import numpy as np
import pytest

from ynet3d.errors import InputError
from ynet3d.evaluation.burden import BurdenSummary, TumourBurden, summarise_burden, tumour_burden
from ynet3d.evaluation.counting import joint_counts


def burden_table(prediction: tuple[int, int], reference: tuple[int, int]) -> np.ndarray:
    """A table of counts whose margins are these voxels of labels 1 and 2."""
    labels = (np.repeat([1, 2, 0], [*side, 400 - sum(side)]) for side in (prediction, reference))
    return joint_counts(*(one.astype(np.uint8).reshape(20, 20, 1) for one in labels), values=3)


def test_burden_by_hand() -> None:
    """Organs of 200 voxels.

    1. Reference 20 tumour voxels, prediction 60: burdens 0.1 and 0.3. Ours: error +0.2; the
       scorer's: 0.1 - 0.3 = -0.2.
    2. Reference 40, prediction 20: burdens 0.2 and 0.1. Ours -0.1, the scorer's +0.1.
    RMSE sqrt((0.04 + 0.01)/2) in both. Largest error: ours 0.2; the scorer's 0.1, for it takes the
    signed maximum and the over-estimation does not show.
    """
    tables = [burden_table((140, 60), (180, 20)), burden_table((180, 20), (160, 40))]
    ours = summarise_burden(tumour_burden(table) for table in tables)
    assert [tumour_burden(table).error for table in tables] == pytest.approx([0.2, -0.1])
    assert (ours.rmse, ours.maximum) == pytest.approx((np.sqrt(0.025), 0.2))
    assert (ours.cases, ours.undefined) == (2, 0)
    lits = [tumour_burden(table, convention="lits") for table in tables]
    assert [burden.error for burden in lits] == pytest.approx([-0.2, 0.1])
    summary = summarise_burden(lits)
    assert (summary.rmse, summary.maximum) == pytest.approx((np.sqrt(0.025), 0.1))


def test_burden_without_label_1_or_organ() -> None:
    """Label 2 alone is an organ that is all tumour: burden 1; the scorer takes it for 9001.

    Without any organ there is no burden; the scorer takes a prediction without label 1 for 9001
    there too, and crashes on such a reference.
    """
    only_tumour = burden_table((0, 100), (150, 50))
    assert tumour_burden(only_tumour) == TumourBurden(0.25, 1.0, "default")
    assert tumour_burden(only_tumour, convention="lits") == TumourBurden(0.25, 9001.0, "lits")
    nothing = burden_table((0, 0), (150, 50))
    assert tumour_burden(nothing).error is None
    assert tumour_burden(nothing, convention="lits").error == 0.25 - 9001
    no_reference = burden_table((150, 50), (0, 0))
    for convention in ("default", "lits"):
        assert tumour_burden(no_reference, convention=convention).error is None
    found = summarise_burden([tumour_burden(nothing), tumour_burden(only_tumour)])
    assert found == BurdenSummary(rmse=0.75, maximum=0.75, cases=1, undefined=1)
    assert summarise_burden([tumour_burden(nothing)]) == BurdenSummary(None, None, 0, 1)
    with pytest.raises(InputError, match="no convention 'mine'"):
        tumour_burden(nothing, convention="mine")
