"""Post-processing chosen by its scores on validation cases, and whether the choice may be trusted.

Every combination of a few values is tried on every case. With few cases the best of many
combinations is partly luck, so the choice is also made with each case left out in turn and scored
on that case; it is adopted only if it gains there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.components import joint_bounding_box
from ynet3d.evaluation import confusion, dice
from ynet3d.inference.postprocessing import postprocess
from ynet3d.labels import Label
from ynet3d.preprocessing import labels_on_source_grid
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume

TUMOUR_BIASES = (0.0, -2.0, -1.0, 1.0, 2.0)
MINIMUM_TUMOURS_ML = (0.0, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Setting:
    """What is chosen: fields of a recipe's `inference`."""

    tumour_bias: float = 0.0
    largest_liver_component: bool = False
    tumours_inside_liver: bool = False
    minimum_tumour_ml: float = 0.0

    @classmethod
    def of(cls, inference: Inference) -> Setting:
        """That of a recipe."""
        return cls(**{name: getattr(inference, name) for name in cls.__dataclass_fields__})

    def put_into(self, inference: Inference) -> Inference:
        """`inference` with these values."""
        return inference.model_copy(update=vars(self))


NOTHING = Setting()


@dataclass(frozen=True)
class CaseScore:
    """One case under one setting.

    Attributes:
        liver, tumour: Dice (1 where neither mask has a voxel); liver is labels 1 and 2.
        has_tumour, claims_tumour: whether the reference and the prediction hold one.
    """

    liver: float
    tumour: float
    has_tumour: bool
    claims_tumour: bool

    @property
    def mean(self) -> float:
        """What is optimised. A case without tumour counts 1 for tumour if none is claimed, or 0."""
        return (self.liver + self.tumour) / 2


@dataclass(frozen=True)
class Choice:
    """The setting to use, and what led to it.

    Attributes:
        best: highest mean over all cases, the lightest of equals.
        adopted: `best`, or `before` if `best` gains nothing on cases that it was not chosen on.
        held_out_gain: mean over cases of (the choice made without that case) - `before`.
    """

    best: Setting
    before: Setting
    adopted: Setting
    held_out_gain: float


def candidates(before: Setting) -> list[Setting]:
    """All combinations, the lightest first; those of a recipe's own values among them."""
    biases = dict.fromkeys((*TUMOUR_BIASES, before.tumour_bias))
    sizes = dict.fromkeys((*MINIMUM_TUMOURS_ML, before.minimum_tumour_ml))
    settings = [
        Setting(*values)
        for values in itertools.product(biases, (False, True), (False, True), sizes)
    ]
    return sorted(settings, key=_weight)


def _weight(setting: Setting) -> tuple[int, float, float]:
    changed = sum(value != default for value, default in zip(*_values(setting), strict=True))
    return changed, abs(setting.tumour_bias), setting.minimum_tumour_ml


def _values(setting: Setting) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(vars(setting).values()), tuple(vars(NOTHING).values())


def score_case(
    logits: torch.Tensor, image: Volume, reference: Volume, settings: Sequence[Setting]
) -> dict[Setting, CaseScore]:
    """Every setting on one case, on the grid of the scan.

    Args:
        logits: (classes, D, H, W) on the network grid, without any bias.
        reference: label map on the grid of `image`.
    """
    scores = {}
    for bias in dict.fromkeys(setting.tumour_bias for setting in settings):
        shifted = logits.clone()
        shifted[Label.TUMOUR] += bias
        found = labels_on_source_grid(shifted, image)
        box = joint_bounding_box(found.array, reference.array) or (slice(0, 1),) * 3
        truth = reference.array[box]
        with_bias = [setting for setting in settings if setting.tumour_bias == bias]
        for setting, labels in _cleaned(Volume(found.array[box], found.affine), with_bias):
            liver, tumour = (
                confusion(labels >= lowest, truth >= lowest)
                for lowest in (Label.LIVER, Label.TUMOUR)
            )
            scores[setting] = CaseScore(
                dice(liver), dice(tumour), tumour.reference > 0, tumour.prediction > 0
            )
    return scores


def _cleaned(
    found: Volume, settings: Sequence[Setting]
) -> Iterator[tuple[Setting, npt.NDArray[np.uint8]]]:
    """Each setting's label map; what settings share is done once (`postprocess` has this order)."""
    shared: dict[tuple[bool, bool], Volume] = {}
    for setting in settings:
        key = (setting.largest_liver_component, setting.tumours_inside_liver)
        if key not in shared:
            first = Inference(largest_liver_component=key[0], tumours_inside_liver=key[1])
            shared[key] = postprocess(found.with_array(found.array.copy()), first)
        last = Inference(minimum_tumour_ml=setting.minimum_tumour_ml)
        copied = found.with_array(shared[key].array.copy())
        yield setting, postprocess(copied, last).array


def choose(scores: Sequence[Mapping[Setting, CaseScore]], before: Setting) -> Choice:
    """Choose among the settings that all cases were scored with.

    Args:
        scores: of each case, two at least; settings in one order, the lightest first.
        before: the setting that is kept unless another one gains.
    """
    settings = list(scores[0])
    table = np.array([[case[setting].mean for setting in settings] for case in scores])
    own = settings.index(before)
    best = _best(table)
    gains = []
    for left_out in range(len(scores)):
        chosen = _best(np.delete(table, left_out, axis=0))
        gains.append(table[left_out, chosen] - table[left_out, own])
    gain = float(np.mean(gains))
    adopted = settings[best] if gain > 1e-6 else before
    return Choice(settings[best], before, adopted, gain)


def _best(table: npt.NDArray[np.float64]) -> int:
    """The first, so the lightest, of the best columns."""
    means = table.mean(axis=0)
    return int(np.flatnonzero(means >= means.max() - 1e-9)[0])
