"""CT from a tissue map: posed, bent, coloured, blurred and made noisy, anew for every picture.

The idea of training on pictures made from label maps alone: Billot et al., "SynthSeg: Segmentation
of brain MRI scans of any contrast and resolution without retraining", Medical Image Analysis 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from ynet3d.labels import Label
from ynet3d.phantoms.scanner import paint_table
from ynet3d.synthesis.appearance import Appearance
from ynet3d.synthesis.fields import Shape, Spacing, along, displacement, kernel_noise, smooth_field
from ynet3d.synthesis.tissues import LIVER_RANGE, Tissue

#: Voxels in the plane are made of so many samples each way: partial volume.
_FINE = 2


@dataclass(frozen=True)
class Scanner:
    """How one picture is taken and how the patient lies in it."""

    noise_hu: float
    smoothness: tuple[float, float, float]  # of the noise, see `kernel_noise`
    slice_blur: float  # weight of either neighbouring slice
    blur: float  # and of either neighbour in the plane
    table: bool
    turn_degrees: tuple[float, float, float]
    scale: tuple[float, float, float]
    bend_mm: float
    bend_scale_mm: float


def draw_scanner(generator: np.random.Generator) -> Scanner:
    """A scanner, a protocol and a pose."""
    noise = float(np.clip(generator.lognormal(np.log(8), 0.45), 3, 25))
    across = generator.uniform(0.05, 0.45)
    size = generator.normal(1, 0.06)
    first, second, third = (
        float(v) for v in np.clip(size * generator.normal(1, 0.05, 3), 0.8, 1.25)
    )
    scale = generator.uniform(45, 90)
    turns = [float(v) for v in np.clip(generator.normal(0, 4, 3), -12, 12)]
    return Scanner(
        noise_hu=noise,
        smoothness=(float(generator.uniform(0, 0.3)), float(across), float(across)),
        slice_blur=float(generator.choice((0.0, generator.uniform(0.1, 0.5)))),
        blur=float(generator.uniform(0.0, 0.3)),
        table=bool(generator.random() < 0.8),
        turn_degrees=(turns[0], turns[1], turns[2]),
        scale=(first, second, third),
        bend_mm=float(generator.uniform(2, 0.22 * scale)),
        bend_scale_mm=float(scale),
    )


def render(
    tissue: npt.NDArray[np.uint8],
    *,
    tissue_spacing: Spacing,
    centre: tuple[float, float, float],
    shape: Shape,
    spacing: Spacing,
    appearance: Appearance,
    scanner: Scanner,
    generator: np.random.Generator,
    keep_tumours: bool = True,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """CT (D, H, W) float32 in HU and its labels, of the part of `tissue` around `centre`.

    Args:
        tissue: values of `Tissue`, network order.
        tissue_spacing: of its voxels, mm.
        centre: the voxel of `tissue` in the middle of the picture.
        shape: of the picture.
        spacing: of its voxels, mm.
    """
    fine_shape = (shape[0], shape[1] * _FINE, shape[2] * _FINE)
    fine_spacing = (spacing[0], spacing[1] / _FINE, spacing[2] / _FINE)
    where = _coordinates(fine_shape, fine_spacing, scanner, generator)
    fine = _looked_up(tissue, where, tissue_spacing, centre).reshape(fine_shape)
    hu = _pooled(appearance.hu[fine])
    label = _labels(fine, keep_tumours=keep_tumours)
    _add_texture(hu, fine[:, ::_FINE, ::_FINE], spacing, appearance, generator)
    if scanner.table:
        rows = np.flatnonzero((tissue[tissue.shape[0] // 2] != Tissue.AIR).any(axis=1))
        if len(rows):
            _table(hu, spacing, tissue_spacing, centre, float(rows[-1]), tissue.shape[2])
    _blur(hu, (scanner.slice_blur, scanner.blur, scanner.blur))
    noise = kernel_noise(generator, shape, smoothness=scanner.smoothness)
    local = smooth_field(generator, shape, [70 / step for step in spacing])
    noise *= np.float32(scanner.noise_hu) * np.clip(1 + np.float32(0.15) * local, 0.6, 1.4)
    hu += noise
    return np.clip(hu, -1024, 3071, out=hu), label


def _coordinates(
    shape: Shape, spacing: Spacing, scanner: Scanner, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Where each voxel (3, n) lies in the patient, mm from the picture's middle.

    A bend that folds nothing, then a rotation and a scale: the Jacobian is positive everywhere.
    """
    where = displacement(
        generator,
        shape,
        spacing=spacing,
        scale_mm=scanner.bend_scale_mm,
        amplitude_mm=scanner.bend_mm,
    )
    for axis, (n, step) in enumerate(zip(shape, spacing, strict=True)):
        line = ((np.arange(n) - (n - 1) / 2) * step).astype(np.float32)
        where[axis] += along(line, axis)
    turn = Rotation.from_euler("xyz", scanner.turn_degrees, degrees=True).as_matrix()
    matrix = (turn / np.array(scanner.scale)).astype(np.float32)
    result: npt.NDArray[np.float32] = matrix @ where.reshape(3, -1)
    return result


def _looked_up(
    tissue: npt.NDArray[np.uint8],
    where: npt.NDArray[np.float32],
    spacing: Spacing,
    centre: tuple[float, float, float],
) -> npt.NDArray[np.uint8]:
    """The tissue at each place; air where the map has ended."""
    inside: npt.NDArray[np.bool_] | None = None
    flat = np.zeros(where.shape[1], np.int32)
    for axis, (n, step, middle) in enumerate(zip(tissue.shape, spacing, centre, strict=True)):
        line = where[axis]
        line *= np.float32(1 / step)
        line += np.float32(middle + 0.5)
        index = line.astype(np.int32)  # positive ones are rounded, others lie outside anyway
        here = (line >= 0) & (index < n)
        inside = here if inside is None else inside & here
        flat *= n
        flat += index
    assert inside is not None
    flat *= inside
    found = tissue.reshape(-1).take(flat)
    found *= inside  # air is 0
    return found


def _pooled(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Means over the samples of each voxel."""
    rows = values[:, 0::_FINE]
    for start in range(1, _FINE):
        rows = rows + values[:, start::_FINE]
    total = rows[:, :, 0::_FINE].copy()
    for start in range(1, _FINE):
        total += rows[:, :, start::_FINE]
    total *= np.float32(1 / _FINE**2)
    return total


def _labels(fine: npt.NDArray[np.uint8], *, keep_tumours: bool) -> npt.NDArray[np.uint8]:
    """Liver and tumour where half of a voxel is."""
    low, high = LIVER_RANGE
    # One table of bytes for both: a sample of liver counts 1, one of tumour 16 more.
    table = np.zeros(256, np.uint8)
    table[low : high + 1] = 1
    table[Tissue.TUMOUR] = 17 if keep_tumours else 1
    counts = table[fine]
    rows = counts[:, 0::_FINE] + counts[:, 1::_FINE]
    total = rows[:, :, 0::_FINE] + rows[:, :, 1::_FINE]
    half = _FINE**2 // 2
    label = ((total & 15) >= half).astype(np.uint8)
    label[(total >> 4) >= half] = Label.TUMOUR
    return label


def _add_texture(
    hu: npt.NDArray[np.float32],
    tissue: npt.NDArray[np.uint8],
    spacing: Spacing,
    appearance: Appearance,
    generator: np.random.Generator,
) -> None:
    """Uneven tissues, and the small vessels of the liver that no mask shows."""
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    scale = generator.uniform(6, 11)
    grain = smooth_field(generator, shape, [scale / step for step in spacing])
    slow = smooth_field(generator, shape, [35 / step for step in spacing])
    hu += appearance.grain[tissue] * (np.float32(0.8) * grain + np.float32(0.6) * slow)
    first = smooth_field(generator, shape, [17 / step for step in spacing])
    second = smooth_field(generator, shape, [17 / step for step in spacing])
    # Where two fields are both near 0 there are curved threads.
    first *= first
    second *= second
    first += second
    width = np.float32(generator.uniform(0.02, 0.06))
    thread = np.clip(1 - first / width, 0, 1)
    above = float(appearance.hu[Tissue.LIVER_PORTAL] - appearance.hu[Tissue.LIVER])
    thread *= np.float32(generator.uniform(0.4, 0.9) * above)
    hu += np.where(tissue == Tissue.LIVER, thread, np.float32(0))


def _table(
    hu: npt.NDArray[np.float32],
    spacing: Spacing,
    tissue_spacing: Spacing,
    centre: tuple[float, float, float],
    back: float,
    width: int,
) -> None:
    """The couch behind the patient's back."""
    _, height, columns = hu.shape
    y = (np.arange(height) - (height - 1) / 2) * spacing[1] + centre[1] * tissue_spacing[1]
    x = (np.arange(columns) - (columns - 1) / 2) * spacing[2]
    x += (centre[2] - width / 2) * tissue_spacing[2]
    top = back * tissue_spacing[1] + 6
    if y[-1] > top:
        paint_table(hu, y.astype(np.float32), x.astype(np.float32), top)


def _blur(hu: npt.NDArray[np.float32], weights: tuple[float, float, float]) -> None:
    """Mix each voxel with its neighbours along each axis, in place."""
    for axis, weight in enumerate(weights):
        if weight <= 0:
            continue
        before = np.take(hu, np.maximum(np.arange(hu.shape[axis]) - 1, 0), axis=axis)
        last = hu.shape[axis] - 1
        after = np.take(hu, np.minimum(np.arange(hu.shape[axis]) + 1, last), axis=axis)
        before += after
        before *= np.float32(weight)
        hu += before
        hu *= np.float32(1 / (1 + 2 * weight))
