"""Is this volume plausibly a CT in Hounsfield units?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.volumes.not_ct import is_raised, not_ct_sentence
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.voxels import slab_slices

#: Fewer voxels than this along an axis are no scan of an abdomen.
FEWEST_VOXELS = 4
#: Nothing above this is all air (fat begins near -120 HU).
AIR_HU = -200.0
#: Scanners store HU + 1024; without the intercept, soft tissue lies near 1070.
OFFSET_HU = 1024
#: Outside of this, values are padding or not HU (metal may reach the upper end).
CT_RANGE_HU = (-4096.0, 16384.0)
#: Voxel sizes of CT.
SPACING_RANGE_MM = (0.1, 20.0)
#: Steps between slices this far from their normal are a tilted gantry.
TILT_DEGREES = 0.5

_PADDING_HU = -1100.0
#: Whole numbers from 0 to this, and nothing else, are labels.
_HIGHEST_LABEL = 16
_SAMPLES = 1_000_000


@dataclass(frozen=True)
class Problem:
    """Something odd about a volume.

    Attributes:
        code: short name for tables, for instance "nan".
        sentence: what was found, what was expected, how to fix it.
        fatal: whether no sensible result can come from this volume.
    """

    code: str
    sentence: str
    fatal: bool


def ct_problems(volume: Volume) -> list[Problem]:
    """What speaks against `volume` being a CT in HU; an empty list if nothing does.

    Extremes and NaN are exact, shares are from a regular sample of about a million voxels. Clipped
    scans and padding far below air are fine.
    """
    problems = _geometry_problems(volume)
    name = volume.source or "The volume"
    if 0 in volume.shape:
        return [Problem("empty", f"{name} has no voxels: export it again.", fatal=True)]
    low, high, invalid = _extremes(volume)
    if invalid:
        problems.append(
            Problem(
                "nan",
                f"{name} has {invalid} voxels that are NaN or infinite: a CT has a finite HU value "
                "everywhere; replace them by air (-1024), or export the scan again.",
                fatal=True,
            )
        )
        return problems
    return problems + _value_problems(name, low, high, _sample(volume.array))


def check_ct(volume: Volume) -> list[str]:
    """What is odd about `volume` but can be used, one sentence each.

    Raises:
        InputError: no sensible result can come from it.
    """
    problems = ct_problems(volume)
    for problem in problems:
        if problem.fatal:
            raise InputError(problem.sentence)
    return [problem.sentence for problem in problems]


def _value_problems(name: str, low: float, high: float, sample: npt.NDArray[Any]) -> list[Problem]:
    if low == high:
        text = f"{name} has the same value ({low:g}) everywhere: give the scan itself."
        return [Problem("constant", text, fatal=True)]
    if high <= AIR_HU:
        text = (
            f"{name} is all air (its highest value is {high:g} HU, and tissue lies above "
            f"{AIR_HU:g} HU): check that slope and intercept were applied, or give another scan."
        )
        return [Problem("all-air", text, fatal=True)]
    few = low >= 0 and high <= _HIGHEST_LABEL and np.array_equal(sample, np.rint(sample))
    if few or (low >= -1.0 and high <= 1.0):
        text = (
            f"{name} holds values from {low:g} to {high:g}, so it is not in HU but normalised or "
            "a mask: give the original scan."
        )
        return [Problem("not-hu", text, fatal=True)]
    inside = sample[sample >= _PADDING_HU]
    if inside.size and inside.min() >= -50 and (inside > 900).mean() > 0.05:
        if not is_raised(inside):
            text = (
                f"{name} holds values from {low:g} to {high:g}, with neither the air nor the soft "
                "tissue of a CT in HU, as MR does: give a CT in HU."
            )
            return [Problem("not-hu", text, fatal=True)]
        text = (
            f"{name} has HU that are too high by about {OFFSET_HU} (lowest value "
            f"{inside.min():g}, and {100 * (inside > 900).mean():.0f} % of it above 900): "
            f"subtract {OFFSET_HU} from every voxel (--hu-offset -{OFFSET_HU}), or export it with "
            "its rescale intercept."
        )
        return [Problem("hu-offset", text, fatal=True)]
    problems = []
    if low >= 0 and high <= 255:
        text = (
            f"{name} holds values from {low:g} to {high:g} only, as an 8-bit picture does, where a "
            "CT in HU has air and fat below 0: make sure that these are HU."
        )
        problems.append(Problem("not-hu", text, fatal=False))
    elif (doubt := not_ct_sentence(name, inside)) is not None:
        problems.append(Problem("not-hu", doubt, fatal=False))
    if low < CT_RANGE_HU[0] or high > CT_RANGE_HU[1]:
        text = (
            f"{name} holds values from {low:g} to {high:g}, beyond those of CT "
            f"({CT_RANGE_HU[0]:g} to {CT_RANGE_HU[1]:g} HU): make sure that these are HU."
        )
        problems.append(Problem("range", text, fatal=False))
    return problems


def _geometry_problems(volume: Volume) -> list[Problem]:
    name = volume.source or "The volume"
    problems = []
    size = " x ".join(str(count) for count in volume.shape)
    if min(volume.shape) < FEWEST_VOXELS:
        text = (
            f"{name} has only {size} voxels: at least {FEWEST_VOXELS} along each axis were "
            "expected; give the whole 3D scan."
        )
        problems.append(Problem("few-voxels", text, fatal=min(volume.shape) < 2))
    low, high = SPACING_RANGE_MM
    if not all(low <= step <= high for step in volume.spacing):
        steps = " x ".join(f"{step:g}" for step in volume.spacing)
        text = (
            f"{name} has voxels of {steps} mm, where CT has {low:g} to {high:g} mm: check the "
            "spacing in its header."
        )
        problems.append(Problem("spacing", text, fatal=False))
    if not volume.metadata.get("orientation_stated", True):
        text = (
            f"{name} does not say how it lies in the patient, so left and right may be swapped: "
            "check the result, or export it with its orientation."
        )
        problems.append(Problem("orientation-unknown", text, fatal=False))
    if volume.metadata.get("resampled"):
        problems.append(Problem("resampled", volume.metadata["resampled"], fatal=False))
    tilt = _tilt_degrees(volume.affine)
    if tilt > TILT_DEGREES:
        text = (
            f"{name} was taken with its slices tilted by {tilt:.1f} degrees against their stacking "
            "(a sheared grid): the mask keeps this grid, but the network sees it sheared; resample "
            "it to a straight grid if the result is poor."
        )
        problems.append(Problem("tilt", text, fatal=False))
    return problems


def _tilt_degrees(affine: npt.NDArray[np.float64]) -> float:
    """Largest deviation from a right angle between two axes of the grid."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = (axes.T @ axes)[np.triu_indices(3, 1)]
    return float(np.degrees(np.arcsin(np.clip(np.abs(cosines).max(), 0.0, 1.0))))


def _extremes(volume: Volume) -> tuple[float, float, int]:
    """Lowest and highest value, and how many voxels are not finite (extremes are then void)."""
    low, high, invalid = np.inf, -np.inf, 0
    for where in slab_slices(volume.shape, volume.array.itemsize):
        slab = volume.array[:, :, where]
        smallest, largest = float(slab.min()), float(slab.max())
        if not (np.isfinite(smallest) and np.isfinite(largest)):
            invalid += int(slab.size - np.isfinite(slab).sum())
        low, high = min(low, smallest), max(high, largest)
    return low, high, invalid


def _sample(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """About a million voxels on a regular grid."""
    stride = max(1, int(np.ceil((array.size / _SAMPLES) ** (1 / 3))))
    return array[::stride, ::stride, ::stride].ravel()
