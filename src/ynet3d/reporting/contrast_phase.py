"""When after the contrast a CT was taken, by the blood in the aorta at the height of the liver.

Networks for liver tumours are trained on portal-venous scans: the liver is bright then, and most
tumours are dark in it. Typical HU (120 kV): without contrast aorta 40 and liver 60; arterial aorta
250 to 400 and liver 60 to 80; portal-venous aorta 130 to 190 and liver 90 to 130.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ynet3d.volumes import Reorientation, Volume

#: Above this, and with a liver below the next, the contrast has not reached the liver yet.
ARTERIAL_AORTA_HU = 260.0
ARTERIAL_LIVER_HU = 90.0
#: Blood below this has no contrast in it (delayed scans keep 80 and more).
UNENHANCED_AORTA_HU = 65.0

#: Scans that never reach this were clipped: blood and bone may be equal there.
_BONE_HU = 600.0
_SLICES = 24
_PIXEL_MM = 2.0
#: A square in the aorta, which is 13 mm wide and more, and one around it that reaches beyond.
_INNER_MM, _OUTER_MM = 7.0, 20.0
#: About a vertebra, so that an aorta as bright as bone is not taken for one.
_SPINE_MM = 34.0
#: From the middle of the spine, where the aorta is sought: to the front, to the right and left.
_FRONT_MM, _RIGHT_MM, _LEFT_MM = (8.0, 70.0), 15.0, 45.0

Array = npt.NDArray[np.float32]


def phase_doubt(label: Volume, image: Volume, liver_hu: float) -> str | None:
    """A sentence if the scan is surely not portal-venous; None if it is, or if nobody can tell.

    Args:
        label: 0 background, 1 liver, 2 tumour, on the grid of `image` (CT in HU).
        liver_hu: mean of label 1.
    """
    aorta = aorta_hu(label, image)
    if aorta is None:
        return None
    if aorta > ARTERIAL_AORTA_HU and liver_hu < ARTERIAL_LIVER_HU:
        return (
            f"This looks like an arterial phase: the aorta has about {aorta:.0f} HU and the liver "
            f"{liver_hu:.0f} HU, where the network knows scans of the portal-venous phase (aorta "
            "near 150, liver near 110): give that series if there is one."
        )
    if aorta < UNENHANCED_AORTA_HU:
        return (
            f"This looks like a scan without contrast: the aorta has about {aorta:.0f} HU, where "
            "150 are expected in the portal-venous phase, so tumours may be invisible: give that "
            "series if there is one."
        )
    return None


def aorta_hu(label: Volume, image: Volume) -> float | None:
    """HU of the aorta beside the liver; None where HU are clipped or it is not surely found.

    In each of some slices: the brightest even square before the spine and outside of the liver
    that is brighter than what surrounds it. Then their median, if most of them agree: bowel, bone
    and calcium do not go through all slices alike. The brightest of many is too bright by chance:
    by 12 and 37 HU on two scans of 3D-IRCADb, against the artery's mask.
    """
    turn = Reorientation.of(image.affine)
    organ = turn.apply(label.array)
    levels = np.flatnonzero(organ.any(axis=(1, 2)))
    if not len(levels):
        return None
    levels = levels[np.linspace(0, len(levels) - 1, min(_SLICES, len(levels))).astype(int)]
    slices = turn.apply(image.array)[levels]
    if slices.max() < _BONE_HU:
        return None
    pixel = turn.spacing(image.spacing)[1]
    factor = max(1, round(_PIXEL_MM / pixel))
    pixel *= factor
    thin = _averaged(slices, factor)
    spine = _spine(thin, pixel)
    if spine is None:
        return None
    found = _brightest_squares(thin, _averaged(organ[levels] > 0, factor) > 0.99, spine, pixel)
    return _agreed(found, len(levels))


def _averaged(slices: npt.NDArray[np.generic], factor: int) -> Array:
    """(D, H, W) with the mean of each `factor` x `factor` pixels; what is left over is cut off."""
    depth, height, width = slices.shape
    height, width = height // factor, width // factor
    cut = slices[:, : height * factor, : width * factor]
    blocks = cut.reshape(depth, height, factor, width, factor)
    averaged: Array = blocks.mean(axis=(2, 4), dtype=np.float32)
    return averaged


def _spine(slices: Array, pixel: float) -> tuple[int, int] | None:
    """Row and column where most bone lies in the middle of the back half of the body."""
    from scipy.ndimage import uniform_filter

    body = (slices > -300).mean(axis=0) > 0.5
    if not body.any():
        return None
    rows, columns = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
    middle, reach = (columns[0] + columns[-1]) // 2, (columns[-1] - columns[0]) // 5
    top, left = int(0.55 * rows[0] + 0.45 * rows[-1]), max(0, middle - reach)
    bone = (slices > 180).mean(axis=0, dtype=np.float32)
    part = uniform_filter(bone, _odd(_SPINE_MM, pixel))[top : rows[-1], left : middle + reach]
    if not part.size or part.max() < 0.2:
        return None
    row, column = np.unravel_index(int(part.argmax()), part.shape)
    return top + int(row), left + int(column)


def _brightest_squares(
    slices: Array, organ: npt.NDArray[np.bool_], spine: tuple[int, int], pixel: float
) -> list[float]:
    """The mean of the best square of each slice that has one; `organ` says how even is even."""
    from scipy.ndimage import uniform_filter

    row, column = spine
    front, back = (int(row - mm / pixel) for mm in reversed(_FRONT_MM))
    right, left = int(column - _RIGHT_MM / pixel), int(column + _LEFT_MM / pixel)
    where = slice(max(0, front), max(0, back)), slice(max(0, right), max(0, left))
    inner, outer = _odd(_INNER_MM, pixel), _odd(_OUTER_MM, pixel)
    candidates, noise = [], []
    for one, inside in zip(slices, organ, strict=True):
        mean = uniform_filter(one, inner)
        spread = np.sqrt(np.maximum(uniform_filter(one * one, inner) - mean * mean, 0))
        around = (uniform_filter(one, outer) * outer**2 - mean * inner**2) / (outer**2 - inner**2)
        noise.append(spread[inside])
        outside = uniform_filter(inside.astype(np.float32), inner) < 0.01
        candidates.append((mean[where], spread[where], around[where], outside[where]))
    values = np.concatenate(noise)
    if not values.size:
        return []
    limit = 1.5 * float(np.median(values)) + 3.0
    found = []
    for mean, spread, around, outside in candidates:
        fits = outside & (spread < limit) & (mean > 20) & (around < mean - 15)
        if fits.any():
            found.append(float(mean[fits].max()))
    return found


def _agreed(found: list[float], slices: int) -> float | None:
    """The median, if half of the slices have a value and most of these are near it."""
    if len(found) < max(4, slices / 2):
        return None
    middle = float(np.median(found))
    near = np.abs(np.array(found) - middle) < max(20.0, 0.2 * middle)
    return middle if near.mean() >= 0.6 else None


def _odd(mm: float, pixel: float) -> int:
    return max(3, round(mm / pixel) | 1)
