"""The two rules to score by: ours, and that of the LiTS challenge."""

from __future__ import annotations

from typing import Literal, get_args

from ynet3d.errors import InputError

#: "default": every case is scored, by a stated rule for empty classes. "lits": also the figures of
#: the LiTS challenge's scorer, under its own names and with its own penalties and miscounts.
Convention = Literal["default", "lits"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

#: Printed with every table and kept in every summary.json.
EMPTY_CLASS_RULE = (
    "Dice, Jaccard and NSD are 1 (VOE 0) when neither the reference nor the prediction has a voxel "
    "of the class, and 0 (VOE 1) when only one of them has. Undefined, left empty and not "
    "averaged: surface distances unless both have the class, sensitivity and RVD without reference "
    "voxels, precision without predicted ones, specificity without background."
)

#: The same for the LiTS scorer's own figures.
LITS_RULE = (
    "Figures of the LiTS challenge's scorer, its faults included. Tumour Dice per case is 1 "
    "without tumour on either side, 0 with tumour on one side only. A liver without a predicted "
    "voxel of label 1 is missing: Dice 0, VOE 1, RVD and distances 9001, burden 9001. RVD, VOE and "
    "distances of lesions are means over the lesions found at IoU > 0.5 alone (9001 if there is "
    "none). Precision and recall are 0 where undefined. On a reference without tumour the scorer "
    "stops with an error: here each predicted lesion of such a case is a false positive."
)


def check_convention(convention: str) -> None:
    """Refuse what is not a convention.

    Raises:
        InputError: it is neither default nor lits.
    """
    if convention not in CONVENTIONS:
        raise InputError(
            f"There is no convention {convention!r}: choose default, or lits for the figures of "
            "the LiTS challenge's scorer."
        )
