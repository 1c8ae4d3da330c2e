"""Counting voxels: every overlap metric is a ratio of the four counts made here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.components import memory_order


@dataclass(frozen=True)
class Confusion:
    """Voxels of one class: found (tp), wrongly marked (fp), missed (fn), rightly left out (tn)."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def reference(self) -> int:
        """Voxels that the reference gives to the class."""
        return self.tp + self.fn

    @property
    def prediction(self) -> int:
        """Voxels that the prediction gives to the class."""
        return self.tp + self.fp


def confusion(
    prediction_mask: npt.NDArray[np.bool_], reference_mask: npt.NDArray[np.bool_]
) -> Confusion:
    """Compare two masks in one pass.

    Args:
        prediction_mask: boolean (or 0 and 1), any shape.
        reference_mask: the same shape.

    Raises:
        ValueError: shapes differ, or a value is neither 0 nor 1.
    """
    table = joint_counts(prediction_mask, reference_mask, values=2)
    return class_confusion(table, {1})


def joint_counts(
    prediction: npt.NDArray[Any], reference: npt.NDArray[Any], *, values: int
) -> npt.NDArray[np.int64]:
    """How often each pair of labels meets, in one pass; a slab of temporary memory at a time.

    Args:
        prediction: labels 0 to `values` - 1 (uint8 or bool), any shape.
        reference: the same shape.
        values: number of label values, at most 16 (a pair of labels must fit one byte).

    Returns:
        (values, values): entry [p, r] counts the voxels predicted p whose reference is r.

    Raises:
        ValueError: shapes differ, or a label is outside 0 to `values` - 1.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"shapes {prediction.shape} and {reference.shape} differ")
    # NIfTI arrays are Fortran-ordered: slabs along the slowest axis in memory stay contiguous.
    order = memory_order(reference)
    counts = np.zeros(values * values, dtype=np.int64)
    for p, r in zip(prediction.transpose(order), reference.transpose(order), strict=True):
        for name, slab in (("prediction", p), ("reference", r)):
            if slab.size and not 0 <= slab.min() <= slab.max() < values:
                raise ValueError(f"{name} holds a label outside 0 to {values - 1}")
        pairs = p.astype(np.uint8, copy=False) * np.uint8(values) + r.astype(np.uint8, copy=False)
        # For the few pairs of three labels, comparing with each is faster than any histogram.
        counts += [np.count_nonzero(pairs == pair) for pair in range(values * values)]
    return counts.reshape(values, values)


def class_confusion(table: npt.NDArray[np.int64], labels: Collection[int]) -> Confusion:
    """The four counts of the class made of `labels`, out of a table of `joint_counts`."""
    inside = np.isin(np.arange(len(table)), list(labels))
    return Confusion(
        tp=int(table[np.ix_(inside, inside)].sum()),
        fp=int(table[np.ix_(inside, ~inside)].sum()),
        fn=int(table[np.ix_(~inside, inside)].sum()),
        tn=int(table[np.ix_(~inside, ~inside)].sum()),
    )
