"""What a synthetic lesion is: its look, drawn from a recipe, and its shape on a voxel grid.

The idea of learning from tumours put into livers: Hu et al., "Label-Free Liver Tumor Segmentation",
CVPR 2023. Shapes, looks and the way they are painted are our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from ynet3d.recipes import Synthesis
from ynet3d.synthesis.fields import Shape, Spacing, along, smooth_field

Kind = Literal["hypodense", "necrotic", "rim", "hyperdense", "capsule", "calcified", "cyst"]
Outline = Literal["round", "lobulated", "ragged"]

#: Voxels in which a shape is worked out before it is averaged over the voxels of the grid.
_FINE_MM = 1.3
_MOST_FINE_VOXELS = 60_000


@dataclass(frozen=True)
class Lesion:
    """One lesion to be drawn.

    Attributes:
        kind: its look; a cyst is no tumour.
        outline: its shape.
        diameter_mm: of a ball of its volume.
        contrast_hu: against the liver around it, negative if darker.
        margin_mm: distance over which its edge fades.
        core: for a necrotic one, the radius of the core as a fraction of its own.
        mass_effect: how far it pushes the liver away, as a fraction of its radius; 0 for none.
    """

    kind: Kind
    outline: Outline
    diameter_mm: float
    contrast_hu: float
    margin_mm: float
    core: float
    mass_effect: float

    @property
    def radius_mm(self) -> float:
        """Half of the diameter."""
        return self.diameter_mm / 2


@dataclass(frozen=True, eq=False)
class LesionShape:
    """How much of each voxel of a box belongs to what, (d, h, w) float32 in [0, 1].

    Attributes:
        inside: within the outline; 0.5 and more is the label.
        share: as `inside`, with the fading margin.
        core: the darker core, or the spots of lime.
        rim: the bright rim or capsule.
    """

    inside: npt.NDArray[np.float32]
    share: npt.NDArray[np.float32]
    core: npt.NDArray[np.float32] | None
    rim: npt.NDArray[np.float32] | None


def draw_lesion(generator: np.random.Generator, options: Synthesis) -> Lesion:
    """A tumour as likely as `options` say."""
    weights = options.kinds.model_dump()
    names = [name for name in get_args(Kind) if name in weights]
    shares = np.array([weights[name] for name in names])
    kind: Kind = names[int(generator.choice(len(names), p=shares / shares.sum()))]
    least, most = options.diameter_mm
    drawn = generator.lognormal(math.log(options.diameter_median_mm), options.diameter_spread)
    diameter = float(np.clip(drawn, least, most))
    low, high = options.contrast_hu
    # Low contrasts are more frequent than high ones, and are what networks miss.
    contrast = float(low + (high - low) * generator.beta(1.3, 1.9))
    if kind == "hyperdense":
        contrast *= 0.8
    elif kind != "capsule" or generator.random() < 0.7:
        contrast = -contrast
    if kind in ("necrotic", "rim") and diameter < 10:
        kind = "hypodense"
    return Lesion(
        kind=kind,
        outline=_outline(generator),
        diameter_mm=diameter,
        contrast_hu=contrast,
        margin_mm=float(min(generator.uniform(0.5, 5.0), 0.3 * diameter)),
        core=float(generator.uniform(0.35, 0.8)),
        mass_effect=_mass_effect(generator, diameter, options),
    )


def draw_cyst(generator: np.random.Generator) -> Lesion:
    """A cyst: round, sharp, water; liver in the label."""
    diameter = float(np.clip(generator.lognormal(math.log(11), 0.6), 4, 50))
    return Lesion("cyst", "round", diameter, 0.0, 0.5, 0.0, 0.0)


def _outline(generator: np.random.Generator) -> Outline:
    names: tuple[Outline, ...] = get_args(Outline)
    return names[int(generator.choice(3, p=(0.4, 0.3, 0.3)))]


def _mass_effect(generator: np.random.Generator, diameter: float, options: Synthesis) -> float:
    wanted = generator.random() < options.mass_effect_probability and diameter >= 15
    return float(generator.uniform(0.1, 0.3)) if wanted else 0.0


def shape_of(
    lesion: Lesion,
    generator: np.random.Generator,
    *,
    shape: Shape,
    spacing: Spacing,
    offset: Spacing,
) -> LesionShape:
    """The lesion in a box of `shape` voxels, its centre `offset` mm from the first voxel's."""
    factors = _fineness(shape, spacing)
    fine = (shape[0] * factors[0], shape[1] * factors[1], shape[2] * factors[2])
    step = (spacing[0] / factors[0], spacing[1] / factors[1], spacing[2] / factors[2])
    axes = [
        (np.arange(n, dtype=np.float32) - np.float32((f - 1) / 2)) * np.float32(s) - np.float32(o)
        for n, f, s, o in zip(fine, factors, step, offset, strict=True)
    ]
    depth, wave = _depth(lesion, generator, axes, fine, step)
    sharp = max(0.4, 0.5 * min(step))

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return _block_mean(values, factors)

    core = rim = None
    radius = np.float32(lesion.radius_mm)
    if lesion.kind == "necrotic":
        # Dead tissue lies deep, but seldom in the very middle.
        z, y, x = (
            axis.reshape([-1 if i == k else 1 for i in range(3)]) for k, axis in enumerate(axes)
        )
        tilt = generator.uniform(-0.25, 0.25, 3).astype(np.float32)
        deep = depth + tilt[0] * z + tilt[1] * y + tilt[2] * x + 0.16 * radius * wave
        core = mean(_fade(deep - radius * np.float32(1 - lesion.core), generator.uniform(2.0, 6.0)))
    elif lesion.kind == "calcified":
        spots = smooth_field(generator, fine, [max(2.5, 0.3 * lesion.radius_mm) / s for s in step])
        core = mean(_fade((spots - np.float32(generator.uniform(1.0, 1.6))) * 4, 2.0))
        core *= mean(_fade(depth, sharp))
    if lesion.kind in ("rim", "capsule"):
        width = generator.uniform(1.5, 3.5) if lesion.kind == "rim" else generator.uniform(0.8, 1.6)
        rim = mean(_fade(np.float32(width / 2) - np.abs(depth - np.float32(width / 2)), 1.0))
        # Seldom closed all round.
        rim *= mean(np.clip(np.float32(generator.uniform(0.5, 0.9)) + 0.6 * wave, 0, 1))
    return LesionShape(
        inside=mean(_fade(depth, sharp)),
        share=mean(_fade(depth, max(lesion.margin_mm, sharp))),
        core=core,
        rim=rim,
    )


def _block_mean(
    values: npt.NDArray[np.float32], factors: tuple[int, int, int]
) -> npt.NDArray[np.float32]:
    """Means over blocks of so many voxels; sums of strided views are faster than one `mean`."""
    for axis, factor in enumerate(factors):
        if factor > 1:
            parts = np.moveaxis(values, axis, 0)
            total = parts[::factor].copy()
            for start in range(1, factor):
                total += parts[start::factor]
            total *= np.float32(1 / factor)
            values = np.moveaxis(total, 0, axis)
    return np.ascontiguousarray(values)


def _fineness(shape: Shape, spacing: Spacing) -> tuple[int, int, int]:
    """Into how many parts each axis of a voxel is divided."""
    first, second, third = (max(1, round(step / _FINE_MM)) for step in spacing)
    while shape[0] * shape[1] * shape[2] * first * second * third > _MOST_FINE_VOXELS:
        if first * second * third == 1:
            break
        first, second, third = max(1, first - 1), max(1, second - 1), max(1, third - 1)
    return first, second, third


def _depth(
    lesion: Lesion,
    generator: np.random.Generator,
    axes: list[npt.NDArray[np.float32]],
    shape: Shape,
    step: Spacing,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Depth below the surface (mm, positive inside), and the field that made it uneven."""
    radius = lesion.radius_mm
    z, y, x = (along(axis, k) for k, axis in enumerate(axes))
    turn = Rotation.random(random_state=int(generator.integers(2**31))).as_matrix()
    stretch = np.exp(generator.normal(0, 0.07 if lesion.kind == "cyst" else 0.17, 3))
    centres = [(np.zeros(3), 1.0)]
    if lesion.outline == "lobulated":
        for _ in range(int(generator.integers(1, 4))):
            away = generator.normal(0, 1, 3)
            away *= radius * generator.uniform(0.5, 0.8) / np.linalg.norm(away)
            centres.append((away, float(generator.uniform(0.5, 0.75))))
        centres[0] = (np.zeros(3), 0.82)
    matrix = (turn / (stretch / np.cbrt(stretch.prod()))[:, None]).astype(np.float32)
    depth: npt.NDArray[np.float32] | None = None
    for away, size in centres:
        u = [
            (z - np.float32(away[0])) * row[0]
            + (y - np.float32(away[1])) * row[1]
            + (x - np.float32(away[2])) * row[2]
            for row in matrix
        ]
        ball = np.float32(size * radius) - np.sqrt(u[0] ** 2 + u[1] ** 2 + u[2] ** 2)
        depth = ball if depth is None else _union(depth, ball, np.float32(0.35 * radius))
    assert depth is not None
    wave = smooth_field(generator, shape, [max(0.75 * radius, 3.0) / s for s in step])
    uneven = {"round": 0.06, "lobulated": 0.08, "ragged": 0.17}[lesion.outline]
    depth += np.float32(uneven * radius) * wave
    if lesion.outline == "ragged":
        fine = smooth_field(generator, shape, [max(0.35 * radius, 2.0) / s for s in step])
        depth += np.float32(0.08 * radius) * fine
    return depth.astype(np.float32, copy=False), wave


def _union(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], blend: np.float32
) -> npt.NDArray[np.float32]:
    """Union of two depths with a rounded edge between them."""
    mix = np.clip(blend - np.abs(a - b), 0, None)
    result: npt.NDArray[np.float32] = np.maximum(a, b) + mix * mix / (4 * blend)
    return result


def _fade(depth: npt.NDArray[np.float32], width: float) -> npt.NDArray[np.float32]:
    """0 outside, 1 inside, smooth over `width` mm around depth 0."""
    t = np.clip(depth * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return t * t * (np.float32(3) - np.float32(2) * t)
