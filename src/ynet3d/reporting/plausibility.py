"""What makes a found liver doubtful: a scan of something else, HU that are wrong, a liver cut off.

Nobody who runs an archive looks at every picture; these sentences say at which to look. The limits
are wide on purpose: enlarged and resected livers exist, and a false alarm costs trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ynet3d.reporting.contrast_phase import phase_doubt
from ynet3d.reporting.field_of_view import lies_left, shown
from ynet3d.volumes import Reorientation, Volume

#: Livers of adults have 1 to 2.5 L; beyond this, something else was found, or part of one.
LIVER_ML = (400.0, 4500.0)
#: Mean of the liver in HU: fatty ones go to about 0, in late arterial and portal phases to 150.
LIVER_HU = (-10.0, 220.0)
#: Of the liver.
MOST_TUMOUR = 0.6


def doubts(label: Volume, found: Mapping[str, Any], image: Volume | None = None) -> list[str]:
    """Sentences about what is implausible in a mask; none if nothing is.

    Args:
        label: 0 background, 1 liver, 2 tumour.
        found: its `statistics`.
        image: the CT in HU on the same grid, for what only it can tell.
    """
    if not found["liver_ml"]:
        seen = None if image is None else shown(image)
        return [
            "No liver was found: check that the scan shows the upper abdomen of a CT in HU, and "
            "that left and right, head and feet are as its header says."
            + ("" if seen is None else f" It {seen}.")
        ]
    sentences = []
    low, high = LIVER_ML
    if not low <= found["liver_ml"] <= high:
        sentences.append(
            f"The liver found has {found['liver_ml']:.0f} mL, where {low:.0f} to {high:.0f} mL are "
            "expected: look at the pictures before using it."
        )
    low, high = LIVER_HU
    density = found.get("liver_hu")
    if density is not None and not low <= density <= high:
        sentences.append(
            f"The liver found has a mean of {density:.0f} HU, where {low:.0f} to {high:.0f} HU are "
            "expected: check the scan's HU (--hu-offset), or whether it is a CT."
        )
    if found["tumour_share"] is not None and found["tumour_share"] > MOST_TUMOUR:
        sentences.append(
            f"{found['tumour_share']:.0%} of the liver was marked as tumour: look at the pictures "
            "before using it."
        )
    ends = _ends_reached(label)
    if image is not None:
        sentences += _doubts_of_scan(label, found, image, whole=not ends)
    if ends:
        sentences.append(
            f"The liver found reaches the {' and the '.join(ends)} slice of the scan, so it may be "
            "cut off, and its volume too small."
        )
    return sentences


def _doubts_of_scan(
    label: Volume, found: Mapping[str, Any], image: Volume, *, whole: bool
) -> list[str]:
    sentences = []
    seen = shown(image) if whole and found["liver_ml"] < LIVER_ML[0] else None
    if seen is not None:
        sentences.append(f"The scan {seen}: there may be no liver in it.")
    if lies_left(label, image):
        sentences.append(
            "The liver found lies on the patient's left: check whether left and right are swapped "
            "in the scan, or whether it is a liver."
        )
    density = found.get("liver_hu")
    phase = None if density is None else phase_doubt(label, image, density)
    return sentences if phase is None else [*sentences, phase]


def _ends_reached(label: Volume) -> list[str]:
    slices = Reorientation.of(label.affine).apply(label.array)  # from the feet to the head
    return [
        name for name, index in (("lowest", 0), ("highest", -1)) if bool((slices[index] > 0).any())
    ]
