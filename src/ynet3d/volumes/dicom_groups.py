"""Functional groups: what a multi-frame DICOM image says of each frame, or of all at once."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Of positions and sizes in mm.
_LARGEST = 1e6


def first_item(item: Any, name: str) -> Any:
    """The first item of sequence `name`, or None."""
    sequence = item.get(name)
    return sequence[0] if sequence else None


def functional_group(own: Any, shared: Any, name: str) -> Any:
    """The functional group of one frame, else that of all frames, else an empty one."""
    import pydicom

    for groups in (own, shared):
        if groups is not None and groups.get(name):
            return groups.get(name)[0]
    return pydicom.Dataset()


def listed(value: Any) -> list[Any]:
    """The values of an element, none for an absent one."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def read_numbers(data: Any, name: str, count: int) -> Any:
    """A tuple of `count` numbers, or None where the element is absent or something else.

    Something else is also what is not finite, or farther away than any patient reaches.
    """
    values = tuple(float(value) for value in listed(data.get(name)) if value is not None)
    return values if len(values) == count and (np.abs(values) < _LARGEST).all() else None
