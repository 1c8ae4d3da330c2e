"""The label values of the package (as in LiTS: 0 background, 1 liver, 2 tumour), and colours."""

from __future__ import annotations

from enum import IntEnum


class Label(IntEnum):
    """Voxel values of a label map."""

    BACKGROUND = 0
    LIVER = 1
    TUMOUR = 2


NUM_CLASSES = len(Label)

#: sRGB colours of the paper's Figure 2: orange liver, green tumour.
COLOURS: dict[Label, str] = {Label.LIVER: "#ff9f1c", Label.TUMOUR: "#2ec44f"}

RESEARCH_USE = "Research use only; not a medical device."
