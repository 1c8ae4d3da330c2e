"""Tumours and cysts put into the liver of a CT whose label map is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.labels import Label
from ynet3d.recipes import Synthesis
from ynet3d.synthesis.fields import Shape, Spacing, smooth_field
from ynet3d.synthesis.lesions import Lesion, LesionShape, draw_cyst, draw_lesion, shape_of
from ynet3d.synthesis.pushing import pushed

#: Fewer voxels of liver than this: nothing is put in.
LEAST_LIVER_VOXELS = 60
_SAMPLED = 4000
_TRIES = 12
_AT_SURFACE = 0.5  # how often a place at the liver's surface is looked for
_SURFACE_SHARE = 0.8  # less liver than this around a lesion: it lies at the surface
_LEAST_FREE = 0.35


@dataclass(frozen=True)
class LiverStatistics:
    """What the liver of this scan looks like, in HU."""

    parenchyma: float
    noise: float
    vessel: float  # brighter than this, smoothed: a vessel


def insert_lesions(
    hu: npt.NDArray[np.float32],
    label: npt.NDArray[np.uint8],
    *,
    spacing: Spacing,
    generator: np.random.Generator,
    options: Synthesis,
    lesions: Sequence[Lesion] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Copies of a CT (D, H, W) in HU and of its label map, with lesions in the liver.

    A tumour becomes label 2 where at least half of a voxel is tumour and liver; a cyst stays 1.
    Without liver, or where no place is found, less or nothing is put in. The HU may be clipped to
    a window, which the result is then too.

    Args:
        spacing: of the voxels in mm, (D, H, W).
        generator: decides everything that is drawn.
        lesions: these, instead of tumours as many and as `options` say.
    """
    hu, label = hu.astype(np.float32, copy=True), label.astype(np.uint8, copy=True)
    voxels = np.flatnonzero(label)
    if len(voxels) < LEAST_LIVER_VOXELS:
        return hu, label
    if lesions is None:
        lesions = _draw_tumours(generator, options)
    found = liver_statistics(hu, label)
    # Large ones first: small ones then find room between them, and not the other way round.
    for lesion in sorted(lesions, key=lambda one: -one.diameter_mm):
        centre = _place(lesion, hu, label, voxels, found, spacing, generator)
        if centre is not None:
            _insert(lesion, centre, hu, label, found, spacing, generator)
    return hu, label


def draw_lesions(generator: np.random.Generator, options: Synthesis) -> list[Lesion]:
    """Lesions for one sample with liver: tumours, a cyst, both or none, by their probability."""
    drawn: list[Lesion] = []
    if generator.random() < options.tumour_probability:
        drawn += _draw_tumours(generator, options)
    if generator.random() < options.cyst_probability:
        drawn.append(draw_cyst(generator))
    return drawn


def _draw_tumours(generator: np.random.Generator, options: Synthesis) -> list[Lesion]:
    low, high = options.tumours
    return [draw_lesion(generator, options) for _ in range(generator.integers(low, high + 1))]


def liver_statistics(hu: npt.NDArray[np.float32], label: npt.NDArray[np.uint8]) -> LiverStatistics:
    """Density and noise of the liver without its tumours, from some thousand voxels."""
    liver = np.flatnonzero(label == Label.LIVER)
    if not len(liver):
        liver = np.flatnonzero(label)
    liver = liver[:: max(1, len(liver) // _SAMPLED)]
    flat = hu.reshape(-1)
    middle = float(np.median(flat[liver]))
    # Differences between neighbours know little of vessels and of the liver's own gradients.
    inner = liver[(liver % hu.shape[2] < hu.shape[2] - 2)]
    across = flat[inner] - flat[inner + 2] if len(inner) else np.zeros(1, np.float32)
    noise = float(np.median(np.abs(across)) / 0.6745 / np.sqrt(2))
    return LiverStatistics(middle, max(noise, 0.5), middle + max(18.0, 1.2 * noise))


def _place(
    lesion: Lesion,
    hu: npt.NDArray[np.float32],
    label: npt.NDArray[np.uint8],
    voxels: npt.NDArray[np.intp],
    found: LiverStatistics,
    spacing: Spacing,
    generator: np.random.Generator,
) -> tuple[int, int, int] | None:
    """A voxel that is mostly amid liver, without vessels or tumours; None if none is found.

    Anywhere in the liver, or, as often as not with real tumours, at its surface: networks that saw
    few there take those of a patient for fat or fissures.
    """
    at_surface = bool(generator.random() < _AT_SURFACE)
    second_best = None
    for flat in voxels[generator.integers(len(voxels), size=_TRIES)]:
        z, y, x = (int(i) for i in np.unravel_index(flat, label.shape))
        near = _around((z, y, x), 0.6 * lesion.radius_mm, spacing)
        middle = tuple(slice(max(0, i - 1), i + 2) for i in (z, y, x))
        if float(hu[middle].mean()) > found.vessel:
            continue
        bright = float((hu[near] > found.vessel + 2 * found.noise).mean())
        if float((label[near] == Label.LIVER).mean()) - 3 * bright <= _LEAST_FREE:
            continue
        organ = float((label[_around((z, y, x), 1.3 * lesion.radius_mm, spacing)] > 0).mean())
        if (organ < _SURFACE_SHARE) == at_surface:
            return z, y, x
        second_best = second_best or (z, y, x)
    return second_best


def _around(
    centre: tuple[int, int, int], reach_mm: float, spacing: Spacing
) -> tuple[slice, slice, slice]:
    """The box of so many mm to each side, of a voxel at least."""
    first, second, third = (
        slice(max(0, i - max(1, round(reach_mm / step))), i + max(1, round(reach_mm / step)) + 1)
        for i, step in zip(centre, spacing, strict=True)
    )
    return first, second, third


def _insert(
    lesion: Lesion,
    centre: tuple[int, int, int],
    hu: npt.NDArray[np.float32],
    label: npt.NDArray[np.uint8],
    found: LiverStatistics,
    spacing: Spacing,
    generator: np.random.Generator,
) -> None:
    reach_mm = lesion.radius_mm * 1.6 + lesion.margin_mm + 3.0
    low = [max(0, int(i - reach_mm / step)) for i, step in zip(centre, spacing, strict=True)]
    high = [
        min(n, int(i + reach_mm / step) + 2)
        for i, n, step in zip(centre, label.shape, spacing, strict=True)
    ]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    jitter = generator.uniform(-0.5, 0.5, 3)
    first, second, third = (
        float((i + j - a) * step)
        for i, j, a, step in zip(centre, jitter, low, spacing, strict=True)
    )
    offset = (first, second, third)
    there, marks = hu[box], label[box]
    made = shape_of(lesion, generator, shape=_shape(there), spacing=spacing, offset=offset)
    liver = marks > 0
    mask = (made.inside >= 0.5) & liver
    if not mask.any():
        return
    smooth = ndimage.gaussian_filter(there, [1.6 / step for step in spacing], mode="nearest")
    if lesion.mass_effect:
        there[...], marks[...] = pushed(there, marks, lesion, spacing=spacing, offset=offset)
        liver = marks > 0
        mask = (made.inside >= 0.5) & liver
    share = made.share * _within(liver)
    if lesion.radius_mm < 8:  # a small one ends at a vessel, a large one swallows it
        vessel = smooth > found.vessel
        share, mask = np.where(vessel, np.float32(0), share), mask & ~vessel
    there[...] = _painted(there, smooth, share, made, lesion, found, spacing, generator)
    if lesion.kind != "cyst":
        marks[mask] = Label.TUMOUR


def _within(liver: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """1 in the liver; at its edge as much as a voxel's neighbours in the plane are liver."""
    weight = ndimage.uniform_filter(liver.astype(np.float32), (1, 3, 3), mode="nearest")
    return np.where(liver, np.clip(weight * 1.5 - 0.25, 0, 1), np.float32(0)).astype(np.float32)


def _painted(
    there: npt.NDArray[np.float32],
    smooth: npt.NDArray[np.float32],
    share: npt.NDArray[np.float32],
    made: LesionShape,
    lesion: Lesion,
    found: LiverStatistics,
    spacing: Spacing,
    generator: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """The box with the lesion in it: its own density and slow texture, the scan's own noise."""
    # What is left of the scan after smoothing is its noise, correlated as its kernel made it;
    # smoothing took some along, hence the factor; the limit cuts what is left of vessels.
    noise = np.clip(there - smooth, -2.5 * found.noise, 2.5 * found.noise) * np.float32(1.15)
    local = _local_density(smooth, share, found)
    density = max(8.0, local + lesion.contrast_hu)
    if lesion.kind == "cyst":
        density = min(float(generator.uniform(0, 15)), local - 20)
    value: npt.NDArray[Any] = np.full(there.shape, density, np.float32)
    if lesion.kind != "cyst":
        grain = max(5.0, 0.35 * lesion.radius_mm)
        texture = smooth_field(generator, _shape(there), [grain / step for step in spacing])
        fine = smooth_field(generator, _shape(there), [3.5 / step for step in spacing])
        uneven = min(generator.uniform(0.05, 0.25) * abs(lesion.contrast_hu), 9.0)
        value += np.float32(uneven) * texture + np.float32(0.35 * found.noise) * fine
    if made.core is not None:
        inner = (
            float(generator.uniform(130, 450))
            if lesion.kind == "calcified"
            else max(2.0, density - float(generator.uniform(12, 45)))
        )
        value += made.core * (np.float32(inner) - value)
    if made.rim is not None:
        bright = local + float(generator.uniform(5, 40))
        value += made.rim * (np.float32(bright) - value)
    result: npt.NDArray[np.float32] = there + share * (value + noise - there)
    return result


def _local_density(
    smooth: npt.NDArray[np.float32], share: npt.NDArray[np.float32], found: LiverStatistics
) -> float:
    """Median of the liver where the lesion will lie, kept near that of the whole liver."""
    covered = smooth[share > 0.3]
    if not len(covered):
        return found.parenchyma
    spread = 12.0
    return float(np.clip(np.median(covered), found.parenchyma - spread, found.parenchyma + spread))


def _shape(array: npt.NDArray[Any]) -> Shape:
    depth, height, width = array.shape
    return depth, height, width
