"""The tissues a label map may tell apart, and what masks are called."""

from __future__ import annotations

import re
from enum import IntEnum


class Tissue(IntEnum):
    """Voxel values of a tissue map; those from `LIVER` to `LIVER_VEIN` are the liver."""

    AIR = 0
    FAT = 1
    MUSCLE = 2
    BONE = 3  # cortical
    MARROW = 4
    LUNG = 5
    LUNG_VESSEL = 6
    LIVER = 7
    TUMOUR = 8
    CYST = 9
    LIVER_PORTAL = 10  # branches inside the liver
    LIVER_VEIN = 11
    PORTAL = 12
    VEIN = 13
    ARTERY = 14
    KIDNEY = 15  # cortex
    MEDULLA = 16
    SPLEEN = 17
    PANCREAS = 18
    GALLBLADDER = 19
    WALL = 20  # of stomach and bowel
    CONTENT = 21
    GAS = 22
    HEART = 23
    CHAMBER = 24
    ADRENAL = 25
    SKIN = 26
    ORGAN = 27  # soft tissue of no name


#: First and last value that is liver, tumours included.
LIVER_RANGE = (Tissue.LIVER, Tissue.LIVER_VEIN)

#: What a mask's name stands for, tried in this order; "body" is everything inside the skin.
_NAMES: tuple[tuple[str, str], ...] = (
    (r"skin|body", "body"),
    (r"liver ?(tumou?r|lesion|metas).*", "tumour"),
    (r"liver ?[kc]yst.*", "cyst"),
    (r"liver", "liver"),
    (r".*(bone|rib|vertebra|spine|stern|pelvi|sacrum).*", "bone"),
    (r".*lung.*", "lung"),
    (r".*kidney.*", "kidney"),
    (r".*spleen.*", "spleen"),
    (r".*(surrenal|adrenal|surretumou?r).*|tumou?r", "adrenal"),
    (r".*portal.*", "portal"),
    (r".*(venous|cava|hepatic vein|vein).*", "vein"),
    (r".*(arter|aorta).*", "artery"),
    (r".*gall.*", "gallbladder"),
    (r".*pancrea.*", "pancreas"),
    (r".*stomach.*", "stomach"),
    (r".*(bowel|intestin|colon|duoden).*", "bowel"),
    (r".*(heart|cardi).*", "heart"),
)


def structure_of_name(name: str) -> str | None:
    """The structure that a mask's name stands for, as 3D-IRCADb and others name them, or None.

    A mere "tumor" is that of an adrenal gland (3D-IRCADb, patient 7); tumours of the liver are said
    to be of the liver.
    """
    words = re.sub(r"[\W_]+|\d+", " ", name).strip().casefold()
    for pattern, structure in _NAMES:
        if re.fullmatch(pattern, words):
            return structure
    return None
