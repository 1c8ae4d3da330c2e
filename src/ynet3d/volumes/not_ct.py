"""Values that no CT of a body has: MR, a lost or doubled rescaling.

Each looks at a regular sample of the voxels; the limits leave room for clipped scans, small bodies
in large fields of view, contrast and metal.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

#: Tissue in HU, from fat to enhanced vessels; cancellous bone is in it as well.
TISSUE_HU = (-200.0, 300.0)
#: Of what is not air or lung, this share at least is tissue in any CT.
_LEAST_TISSUE = 0.5
#: A CT has fat and air: this share at least lies below this, clipped or not.
_FAT_HU, _LEAST_FAT = -20.0, 0.001
#: A body fills more of the smallest scan than this.
_LEAST_BODY = 0.01
#: HU of soft tissue around this, without the intercept (see `checks.OFFSET_HU`).
_RAISED_HU, _MOSTLY = (850.0, 1300.0), 0.6


def is_raised(sample: npt.NDArray[Any]) -> bool:
    """Whether values that are too high for a CT look like HU + 1024, and not like MR."""
    dense = sample[sample > 500]
    low, high = _RAISED_HU
    return bool(((dense > low) & (dense < high)).mean() > _MOSTLY)


def not_ct_sentence(name: str, sample: npt.NDArray[Any]) -> str | None:
    """What speaks against HU in a whole volume, or None.

    Args:
        name: of the volume, for the sentence.
        sample: (n,), finite values.
    """
    if not sample.size:
        return None
    body = sample[sample > TISSUE_HU[0]]
    if body.size < _LEAST_BODY * sample.size:
        return (
            f"{name} is air nearly everywhere ({body.size / sample.size:.1%} of it lies above "
            f"{TISSUE_HU[0]:g} HU): check whether its rescale intercept was applied twice "
            "(--hu-offset 1024), or give a scan of the abdomen."
        )
    if (sample < _FAT_HU).mean() < _LEAST_FAT:
        return (
            f"{name} has hardly a value below 0 (lowest {float(sample.min()):g}), where a CT in HU "
            "has fat and air: make sure that it is a CT, not MR, and in HU."
        )
    tissue = (body < TISSUE_HU[1]).mean()
    if tissue < _LEAST_TISSUE:
        return (
            f"{name} has few values of soft tissue ({tissue:.0%} of what is not air lies between "
            f"{TISSUE_HU[0]:g} and {TISSUE_HU[1]:g}, in a CT in HU most of it): make sure that it "
            "is a CT, not MR, and in HU."
        )
    return None
