"""A fatty liver: the organ of a CT made darker, its tumours and vessels left as they stand out.

Fat takes from a liver's density: healthy livers have some 55 HU without contrast, fatty ones less
than 40 or than the spleen (Kodama et al. 2007, AJR 188:1307), down to below 0. Livers among
training scans are mostly healthy, and a network that has seen no other takes a dark one for
something else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.labels import Label
from ynet3d.synthesis.fields import Spacing

#: Drawn evenly; HU that the parenchyma loses.
LOSS_HU = (15.0, 70.0)
_SMOOTHED_MM = 2.0


def draw_loss_hu(generator: np.random.Generator) -> float:
    """HU that the parenchyma of one liver loses."""
    return float(generator.uniform(*LOSS_HU))


def make_fatty(
    hu: npt.NDArray[np.float32], label: npt.NDArray[np.uint8], *, spacing: Spacing, loss_hu: float
) -> npt.NDArray[np.float32]:
    """A copy of a CT (D, H, W) in HU whose liver, less its tumours, has lost `loss_hu`.

    Args:
        spacing: of the voxels in mm, (D, H, W): the change fades over a voxel at the margin.
    """
    liver = label == Label.LIVER
    if not liver.any():
        return hu
    share = ndimage.gaussian_filter(
        liver.astype(np.float32), [0.5 * _SMOOTHED_MM / step for step in spacing]
    )
    # Vessels hold no fat: what is brighter than the parenchyma keeps a part of its density.
    middle = float(np.median(hu[liver]))
    spread = max(10.0, float(np.median(np.abs(hu[liver] - middle))) * 1.4826)
    vessel = np.clip((hu - middle - 1.5 * spread) / (2 * spread), 0, 1) * 0.5
    return (hu - np.float32(loss_hu) * share * (1 - vessel)).astype(np.float32)
