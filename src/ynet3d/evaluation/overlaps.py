"""Which lesions of two masks overlap, and by how many voxels: all that matching needs to know."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ynet3d.evaluation.lesion_geometry import FoundLesions
from ynet3d.evaluation.runs import find_runs


@dataclass(frozen=True)
class Overlaps:
    """Sizes and common voxels of numbered lesions, of prediction and reference.

    Attributes:
        prediction_voxels: size of each predicted lesion; lesion n is entry n - 1.
        reference_voxels: likewise.
        common: voxels that a predicted and a reference lesion (numbers in this order) share, for
            pairs that share any, by ascending numbers.
    """

    prediction_voxels: tuple[int, ...]
    reference_voxels: tuple[int, ...]
    common: dict[tuple[int, int], int]

    @cached_property
    def by_prediction(self) -> dict[int, dict[int, int]]:
        """For each predicted lesion that overlaps any, the voxels shared with each reference."""
        return _nested((p, r, voxels) for (p, r), voxels in self.common.items())

    @cached_property
    def by_reference(self) -> dict[int, dict[int, int]]:
        """For each reference lesion that overlaps any, the voxels shared with each prediction."""
        return _nested((r, p, voxels) for (p, r), voxels in self.common.items())

    def shared(self, predictions: Collection[int], references: Collection[int]) -> int:
        """Voxels shared by these predicted and these reference lesions together."""
        wanted = set(references)
        return sum(
            voxels
            for p in predictions
            for r, voxels in self.by_prediction.get(p, {}).items()
            if r in wanted
        )


@dataclass(frozen=True)
class Group:
    """Lesions of the two sides that are compared as one object, their numbers ascending."""

    prediction: tuple[int, ...]
    reference: tuple[int, ...]


def find_overlaps(prediction: FoundLesions, reference: FoundLesions) -> Overlaps:
    """Compare the lesions of two masks of one grid, where their boxes meet."""
    return Overlaps(
        tuple(lesion.voxels for lesion in prediction.lesions),
        tuple(lesion.voxels for lesion in reference.lesions),
        _common(prediction, reference),
    )


def _common(prediction: FoundLesions, reference: FoundLesions) -> dict[tuple[int, int], int]:
    both = (prediction, reference)
    start = np.maximum(*(found.offset for found in both))
    stop = np.minimum(*(found.offset + found.components.shape for found in both))
    if (start >= stop).any():
        return {}
    p, r = (
        found.components[
            tuple(
                slice(a, b) for a, b in zip(start - found.offset, stop - found.offset, strict=True)
            )
        ]
        for found in both
    )
    # A run of voxels that are in both masks lies in one lesion of each.
    runs = find_runs((p != 0) & (r != 0))
    references = len(reference.lesions) + 1
    pairs = prediction.number_of[runs.values(p)] * references + reference.number_of[runs.values(r)]
    codes, which = np.unique(pairs, return_inverse=True)
    voxels = np.bincount(which, weights=runs.length, minlength=len(codes)).astype(np.int64)
    predicted, referred = np.divmod(codes, references)
    keys = zip(predicted.tolist(), referred.tolist(), strict=True)
    return dict(zip(keys, voxels.tolist(), strict=True))


def _nested(entries: Iterable[tuple[int, int, int]]) -> dict[int, dict[int, int]]:
    nested: dict[int, dict[int, int]] = {}
    for outer, inner, voxels in entries:
        nested.setdefault(outer, {})[inner] = voxels
    return nested
