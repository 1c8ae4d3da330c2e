"""What part of the body a scan shows, as far as air tells it; where the liver in it lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.volumes import Reorientation, Volume

#: Shorter scans seldom hold a liver, which is 120 to 200 mm high.
SHORT_MM = 100.0
#: Of the width of the body: a liver whose middle lies farther to the left is none, or mirrored.
MOST_LEFT = 0.06

_SLICES = 40
_STRIDE = 4
_LUNG_HU = (-950.0, -500.0)
_BODY_HU = -300.0
#: Lung of all that is body or lung, in a slice through the lungs.
_LUNG_SHARE = 0.2
#: Scans that hold nothing below this were clipped: neither lungs nor skin can be seen.
_CLIPPED_HU = -600.0


def shown(image: Volume) -> str | None:
    """Words for a part of the body that has no liver, or None; for scans where none was found."""
    turn = Reorientation.of(image.affine)
    array = turn.apply(image.array)
    height = array.shape[0] * turn.spacing(image.spacing)[0]
    words = f"covers only {height:.0f} mm from feet to head" if height < SHORT_MM else ""
    lungs = _lung_slices(array)
    if lungs is not None and lungs.all():
        words += (" and " if words else "") + "shows lungs in every slice, as one of the chest does"
    elif lungs is not None and not lungs.any():
        words += (" and " if words else "") + "shows no lung, as one below or far above the liver"
    return words or None


def _lung_slices(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
    """For some slices (D, H, W), whether they go through lungs; None if HU are clipped."""
    wanted = np.unique(np.linspace(0, len(array) - 1, _SLICES).astype(int))
    thin = array[wanted, ::_STRIDE, ::_STRIDE]
    if thin.min() > _CLIPPED_HU:
        return None
    body = (thin > _BODY_HU).sum(axis=(1, 2))
    lung = ((thin > _LUNG_HU[0]) & (thin < _LUNG_HU[1])).sum(axis=(1, 2))
    through: npt.NDArray[np.bool_] = lung > _LUNG_SHARE * (body + lung)
    return through


def lies_left(label: Volume, image: Volume) -> bool:
    """Whether the middle of labels 1 and 2 lies clearly on the patient's left."""
    turn = Reorientation.of(image.affine)
    organ = turn.apply(label.array)
    levels = np.flatnonzero(organ.any(axis=(1, 2)))[::_STRIDE]
    slices = turn.apply(image.array)[levels, ::_STRIDE, ::_STRIDE]
    low = float(slices.min())
    body = (slices > max(_BODY_HU, low + 10)).sum(axis=(0, 1))  # by column, to the left
    across = np.arange(len(body))
    share = np.cumsum(body) / max(1, body.sum())
    width = np.searchsorted(share, 0.99) - np.searchsorted(share, 0.01)
    found = (organ[levels, ::_STRIDE, ::_STRIDE] > 0).sum(axis=(0, 1))
    if not found.sum() or not width:
        return False
    middle, liver = (float((across * part).sum() / part.sum()) for part in (body, found))
    return liver - middle > MOST_LEFT * float(width)
