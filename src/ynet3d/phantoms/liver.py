"""The liver with its vessels, and the tumours in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from ynet3d.phantoms.body import Body
from ynet3d.phantoms.fields import FloatArray, SmoothField
from ynet3d.phantoms.organs import paint_gallbladder, vena_cava
from ynet3d.phantoms.scene import Scene, smooth_max
from ynet3d.phantoms.trunk import Trunk
from ynet3d.phantoms.vessels import Points, grow_tree, points_inside

LOW, HIGH = (-220.0, -100.0, -140.0), (0.0, 90.0, 110.0)


@dataclass(frozen=True)
class Tumour:
    """One tumour as drawn.

    Attributes:
        diameter_mm: mean diameter.
        contrast_hu: density against the liver around it, negative if darker.
        kind: "plain", "rim" (a brighter rim) or "necrotic" (a darker core).
        centre_mm: in the standard patient's frame, (z, y, x).
    """

    diameter_mm: float
    contrast_hu: float
    kind: Literal["plain", "rim", "necrotic"]
    centre_mm: tuple[float, float, float]


def place_tumours(body: Body, rng: np.random.Generator, count: int | None) -> list[Tumour]:
    """Draw tumours that lie in the liver; about one patient in five has none."""
    drawn = 0 if rng.random() < 0.2 else 1 + min(9, int(rng.geometric(0.38)) - 1)
    count = drawn if count is None else count
    sign = -1 if rng.random() < 0.75 else 1
    centres = points_inside(rng, body.liver, LOW, HIGH, count=400, depth_mm=3)
    depth = -body.liver(*centres.astype(np.float32).T)
    tumours: list[Tumour] = []
    volume = 0.0
    for _ in range(count):
        diameter = float(np.clip(rng.lognormal(np.log(19), 0.6), 6, 60))
        if volume + diameter**3 * 0.52e-3 > 260:
            diameter = float(rng.uniform(6, 14))
        for _ in range(8):
            fits = depth > 0.32 * diameter
            for other in tumours:
                apart = np.linalg.norm(centres - other.centre_mm, axis=1)
                fits &= apart > 0.55 * (diameter + other.diameter_mm)
            if fits.any():
                break
            diameter = max(6.0, diameter * 0.75)
        else:
            continue
        centre = centres[rng.choice(np.flatnonzero(fits))]
        contrast = float(rng.uniform(28, 60)) * (sign if rng.random() < 0.9 else -sign)
        kind: Literal["plain", "rim", "necrotic"] = "plain"
        if diameter > 14 and contrast < 0:
            kind = ("plain", "rim", "necrotic")[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
        volume += diameter**3 * 0.52e-3
        z, y, x = (float(v) for v in centre)
        tumours.append(Tumour(diameter, contrast, kind, (z, y, x)))
    return tumours


def paint_liver(
    scene: Scene, body: Body, trunk: Trunk, tumours: list[Tumour], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Paint liver, gallbladder, vessels and tumours; returns the shares of liver and of tumour."""
    hu = float(rng.uniform(98, 120))
    surface = SmoothField(rng, scale_mm=26).on_grid(*scene.axes)
    grain = SmoothField(rng, scale_mm=16).on_grid(*scene.axes)
    distance = body.liver(scene.z, scene.y, scene.x, trunk.cavity, trunk.diaphragm)
    wall = smooth_max(trunk.cavity + 3.0, (scene.z - trunk.diaphragm) * np.float32(0.75) + 2.2, 6)
    distance = np.maximum(distance + 1.4 * surface, wall)
    paint_gallbladder(scene, distance, np.random.default_rng(rng.integers(2**63)))
    cava, box = vena_cava(scene, body)
    distance[box] = smooth_max(distance[box], -cava, 1)
    share = _one_piece(scene.cover(distance))
    scene.paint(share, hu + 3 * grain)
    _paint_vessels(scene, body, share, hu, rng)
    tumour = _paint_tumours(scene, share, hu, tumours, rng)
    return share, tumour


def _one_piece(share: FloatArray) -> FloatArray:
    """Drop islands that neighbours have cut off."""
    pieces, count = ndimage.label(share > 0.02)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        share[pieces != int(sizes.argmax())] = 0
    return share


def _paint_vessels(
    scene: Scene, body: Body, share: FloatArray, hu: float, rng: np.random.Generator
) -> None:
    def targets(count: int) -> Points:
        return points_inside(rng, body.liver, LOW, HIGH, count=count, depth_mm=7)

    portal_hu, hepatic_hu = hu + rng.uniform(50, 70), hu + rng.uniform(38, 58)
    hilum = [[-112, -8, -8], [-104, -9, -18], [-94, -9, -30], [-88, -6, -46]]
    trees = [(grow_tree(rng, hilum, targets(75), leaf_mm=1.2, root_mm=7), portal_hu)]
    ends = {
        "right": [[-12, 12, -26], [-34, 16, -62], [-62, 20, -92]],
        "middle": [[-12, 8, -24], [-34, -22, -40], [-62, -44, -50]],
        "left": [[-12, 6, -20], [-28, -24, 4], [-44, -40, 30]],
    }
    for trunk in ends.values():
        trees.append((grow_tree(rng, trunk, targets(24), leaf_mm=1.3, root_mm=5), hepatic_hu))
    for lines, density in trees:
        scene.tree(lines, density, share)
    scene.pipe(hilum[:3], [7, 7, 6.5], portal_hu)


def _paint_tumours(
    scene: Scene, share: FloatArray, hu: float, tumours: list[Tumour], rng: np.random.Generator
) -> FloatArray:
    total = np.zeros_like(share)
    for tumour in tumours:
        radius = tumour.diameter_mm / 2
        stretch = np.exp(rng.normal(0, 0.10, 3))
        radii = radius * stretch / np.cbrt(stretch.prod())
        distance, box = scene.ellipsoid(
            tumour.centre_mm, radii, turn=tuple(rng.uniform(-90, 90, 3))
        )
        ragged = SmoothField(rng, scale_mm=max(7.0, radius * 0.8))
        wave = ragged.on_grid(*(axis[s] for axis, s in zip(scene.axes, box, strict=True)))
        distance = distance + 0.10 * radius * wave
        blur = float(rng.uniform(1.5, 3.5)) if radius > 6 else 1.5
        inside = scene.cover(distance, blur) * share[box]
        density = hu + tumour.contrast_hu
        scene.paint(inside, density + 2.5 * wave, box)
        if tumour.kind == "rim":
            rim = scene.cover(np.abs(distance + 1.2) - 1.4, 2) * share[box]
            scene.paint(rim, hu + 28, box)
        elif tumour.kind == "necrotic":
            core = scene.cover(distance + 0.42 * radius + 0.12 * radius * wave, 4) * share[box]
            scene.paint(core, max(12.0, density - 35), box)
        np.maximum(total[box], scene.cover(distance) * (share[box] > 0), out=total[box])
    return total
