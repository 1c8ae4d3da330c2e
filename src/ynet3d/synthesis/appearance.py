"""How bright tissues are in CT: ranges in HU by phase of contrast, drawn anew for every picture.

Ranges for adults at 120 kV, from general knowledge and not from a table that could be cited, and
wide; in the portal venous phase an enhanced liver lies between about 90 and 130 HU, without
contrast between 45 and 65, below 40 if it is fatty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.synthesis.tissues import Tissue

Range = tuple[float, float]
PHASES = ("portal", "arterial", "delayed", "native")
#: Most scans that look for liver tumours are portal venous.
_PHASE_WEIGHTS = (0.62, 0.14, 0.13, 0.11)

#: The same in every phase.
_STEADY: dict[Tissue, Range] = {
    Tissue.AIR: (-1000, -990),
    Tissue.FAT: (-115, -92),
    Tissue.MUSCLE: (48, 66),
    Tissue.BONE: (300, 700),
    Tissue.MARROW: (95, 210),
    Tissue.LUNG: (-880, -760),
    Tissue.CYST: (0, 15),
    Tissue.GALLBLADDER: (0, 22),
    Tissue.WALL: (50, 100),
    Tissue.CONTENT: (5, 55),
    Tissue.GAS: (-980, -900),
    Tissue.SKIN: (10, 60),
    Tissue.ORGAN: (25, 75),
}
#: In the order of `PHASES`.
_BY_PHASE: dict[Tissue, tuple[Range, Range, Range, Range]] = {
    Tissue.LIVER: ((88, 132), (58, 85), (78, 108), (44, 66)),
    Tissue.ARTERY: ((140, 200), (230, 380), (110, 150), (35, 50)),
    Tissue.KIDNEY: ((165, 230), (150, 230), (140, 190), (28, 40)),
    Tissue.MEDULLA: ((140, 215), (60, 110), (140, 190), (26, 38)),
    Tissue.SPLEEN: ((105, 145), (95, 160), (85, 115), (40, 55)),
    Tissue.PANCREAS: ((75, 115), (85, 125), (65, 95), (32, 50)),
    Tissue.HEART: ((85, 125), (90, 130), (80, 110), (38, 52)),
    Tissue.CHAMBER: ((135, 190), (180, 330), (105, 145), (36, 48)),
    Tissue.ADRENAL: ((60, 100), (55, 90), (50, 80), (15, 40)),
    Tissue.LUNG_VESSEL: ((0, 80), (40, 140), (0, 70), (-60, 20)),
}
#: Portal and hepatic veins against the liver.
_PORTAL_ABOVE: tuple[Range, ...] = ((30, 80), (0, 60), (10, 40), (-22, -4))
_VEIN_ABOVE: tuple[Range, ...] = ((20, 75), (-25, 10), (8, 38), (-22, -4))

#: Unevenness of a tissue over about 8 mm, in HU.
_GRAIN: dict[Tissue, float] = {
    Tissue.FAT: 6,
    Tissue.MUSCLE: 9,
    Tissue.MARROW: 45,
    Tissue.BONE: 90,
    Tissue.LUNG: 25,
    Tissue.CONTENT: 16,
    Tissue.WALL: 12,
    Tissue.PANCREAS: 14,
    Tissue.KIDNEY: 10,
    Tissue.MEDULLA: 10,
    Tissue.ORGAN: 12,
    Tissue.LIVER: 2,
    Tissue.TUMOUR: 5,
    Tissue.SPLEEN: 3,
}


@dataclass(frozen=True, eq=False)
class Appearance:
    """Brightness of every tissue of one picture.

    Attributes:
        phase: of the contrast agent.
        hu: by value of `Tissue`, float32.
        grain: standard deviation of its slow unevenness, HU, by value of `Tissue`.
    """

    phase: str
    hu: npt.NDArray[np.float32]
    grain: npt.NDArray[np.float32]


def draw_appearance(
    generator: np.random.Generator, *, tumour_contrast: float, keep_tumours: bool = True
) -> Appearance:
    """Brightness for one picture.

    Args:
        tumour_contrast: of the label map's own tumours against the liver, HU.
        keep_tumours: False to show liver where the label map has tumours.
    """
    index = int(generator.choice(len(PHASES), p=_PHASE_WEIGHTS))
    hu = np.zeros(len(Tissue), np.float32)
    grain = np.zeros(len(Tissue), np.float32)
    for tissue, limits in _STEADY.items():
        hu[tissue] = generator.uniform(*limits)
    for tissue, phases in _BY_PHASE.items():
        hu[tissue] = generator.uniform(*phases[index])
    if generator.random() < 0.15:  # fatty
        hu[Tissue.LIVER] -= generator.uniform(15, 50)
    if generator.random() < 0.12:  # contrast agent was drunk
        hu[Tissue.CONTENT] = generator.uniform(120, 450)
    liver = float(hu[Tissue.LIVER])
    portal = liver + generator.uniform(*_PORTAL_ABOVE[index])
    vein = liver + generator.uniform(*_VEIN_ABOVE[index])
    for tissue in (Tissue.PORTAL, Tissue.LIVER_PORTAL):
        hu[tissue] = portal
    for tissue in (Tissue.VEIN, Tissue.LIVER_VEIN):
        hu[tissue] = vein
    hu[Tissue.TUMOUR] = max(8.0, liver + tumour_contrast) if keep_tumours else liver
    for tissue, value in _GRAIN.items():
        grain[tissue] = value * generator.uniform(0.5, 1.4)
    if not keep_tumours:
        grain[Tissue.TUMOUR] = grain[Tissue.LIVER]
    return Appearance(PHASES[index], hu, grain)
