"""Label maps of other tools: which of their values is the liver, which the tumour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ynet3d.errors import InputError
from ynet3d.labels import NUM_CLASSES
from ynet3d.volumes import Volume

#: Stands for all values that are not named.
OTHERS = "*"
_VALUES = 256

LabelMap = Mapping[int | str, int]


def parse_label_map(text: str) -> dict[int | str, int]:
    """Read "3=2,4=0" (3 becomes 2, 4 becomes 0) or "5=1,*=0" (all but 5 become 0).

    Raises:
        InputError: it is not of this form, or a value is out of range.
    """
    labels: dict[int | str, int] = {}
    for entry in text.split(","):
        source, _, target = (part.strip() for part in entry.partition("="))
        if not target.isdecimal() or not (source.isdecimal() or source == OTHERS):
            raise InputError(
                f"{entry!r} in {text!r} does not say which label becomes which: write, for "
                "instance, 3=2,4=0 or 5=1,*=0."
            )
        labels[int(source) if source.isdecimal() else source] = int(target)
    check_label_map(labels)
    return labels


def check_label_map(labels: LabelMap) -> None:
    """Refuse values that no label map can have, and targets that are not ours.

    Raises:
        InputError: a label is not one of 0 to 255 or "*", or does not become 0, 1 or 2.
    """
    for source, target in labels.items():
        if source != OTHERS and not (isinstance(source, int) and 0 <= source < _VALUES):
            raise InputError(f"There is no label {source!r}: labels go from 0 to {_VALUES - 1}.")
        if not 0 <= target < NUM_CLASSES:
            raise InputError(
                f"Label {source} cannot become {target}: choose 0 (background), 1 (liver) or "
                "2 (tumour)."
            )


def relabelled(label: Volume, labels: LabelMap) -> Volume:
    """A label map with other values; those not named stay, unless "*" says what becomes of them."""
    table = np.arange(_VALUES, dtype=np.uint8)
    if OTHERS in labels:
        table[1:] = labels[OTHERS]
    for source, target in labels.items():
        if isinstance(source, int):
            table[source] = target
    return replace(label, array=table[label.array])
