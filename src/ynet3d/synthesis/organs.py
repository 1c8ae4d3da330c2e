"""Organs made up where no mask shows them: each painter fills only the room it is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ynet3d.synthesis.fields import FloatArray
from ynet3d.synthesis.frame import Frame, Mask
from ynet3d.synthesis.tissues import Tissue

Tissues = npt.NDArray[np.uint8]
Masks = dict[str, Mask]


def small_vessels(
    tissue: Tissues, frame: Frame, room: Mask, masks: Masks, generator: np.random.Generator
) -> None:
    """Vessels and nodes of the mesentery: specks and threads in the fat."""
    for scale, limit, value in ((4.5, 2.3, Tissue.VEIN), (6.0, 2.5, Tissue.ORGAN)):
        tissue[room & (frame.field(generator, scale) > limit)] = value


def bowel(
    tissue: Tissues, frame: Frame, room: Mask, masks: Masks, generator: np.random.Generator
) -> None:
    """Loops of small bowel and colon below the stomach and in front of the kidneys."""
    s = frame.size
    for _ in range(int(generator.integers(40, 75))):
        start = np.array(
            [
                generator.uniform(-240, -70),
                generator.uniform(-100, -15),
                generator.uniform(-115, 125),
            ]
        )
        if start[2] < 10 and start[0] > -120:
            start[2] += 80  # the right side up here is the liver's
        radius = (
            generator.uniform(9, 14) if generator.random() < 0.65 else generator.uniform(15, 24)
        )
        direction = generator.normal(0, 1, 3)
        filling = _filling(generator)
        for _ in range(int(generator.integers(3, 9))):
            _hollow(tissue, frame, room, start * s, (radius * s,) * 3, filling, generator)
            direction = 0.7 * direction + generator.normal(0, 0.7, 3)
            direction /= np.linalg.norm(direction)
            start = start + direction * radius * 0.8


def stomach(
    tissue: Tissues, frame: Frame, room: Mask, masks: Masks, generator: np.random.Generator
) -> None:
    """A stomach under the left dome, with fluid and often air; and the colon's left bend."""
    if "stomach" in masks:
        return
    s = frame.size
    wide = generator.uniform(0.7, 1.25)
    for centre, radii in (
        ((-50, -30, 62), (42, 34, 36)),
        ((-75, -62, 40), (30, 26, 42)),
        ((-98, -72, 0), (22, 20, 34)),
    ):
        moved: FloatArray = np.array(centre) + generator.normal(0, 5, 3)
        size = tuple(float(r * wide * s) for r in radii)
        assert len(size) == 3
        _hollow(tissue, frame, room, moved * s, size, _filling(generator), generator)
    if generator.random() < 0.7:
        bend = np.array([-75, -35, 108]) + generator.normal(0, 8, 3)
        _hollow(tissue, frame, room, bend * s, (30 * s, 20 * s, 16 * s), "gas", generator)


def kidneys(
    tissue: Tissues, frame: Frame, room: Mask, masks: Masks, generator: np.random.Generator
) -> None:
    """Kidneys with cortex, medulla and sinus."""
    known = masks.get("kidney")
    for side, level in ((-1, generator.uniform(-150, -125)), (1, generator.uniform(-135, -105))):
        if known is not None and (known & (frame.x * side > 0)).any():
            continue
        wave = 0.07 * frame.field(generator, 14)
        centre = (level, generator.uniform(12, 24), side * generator.uniform(52, 62))
        radii = (generator.uniform(48, 58), generator.uniform(22, 28), generator.uniform(24, 30))
        depth = frame.ellipsoid(centre, radii, wave)
        sinus = frame.ellipsoid(
            (centre[0], centre[1] - 7, centre[2] - side * 18), (24, 12, 18), 2 * wave
        )
        there = room & (depth > 0) & (sinus < 0)
        tissue[there] = Tissue.KIDNEY
        tissue[there & (depth > 0.24) & (frame.field(generator, 8) > -0.4)] = Tissue.MEDULLA


def soft_organs(
    tissue: Tissues, frame: Frame, room: Mask, masks: Masks, generator: np.random.Generator
) -> None:
    """Spleen, pancreas, gallbladder, aorta, vena cava and adrenals that have no mask."""
    s = frame.size
    wave = 0.08 * frame.field(generator, 22)
    along = np.clip((frame.x / s + 30) / 110, 0, 1)
    if "pancreas" not in masks:
        line = (frame.y + (24 + 34 * np.sin(along * np.pi)) * s - 26 * s * along) / (11 * s)
        level = (frame.z - (-112 + 46 * along) * s) / (13 * s)
        inside = (line**2 + level**2 < 1 + 2 * wave) & (along > 0) & (along < 1)
        tissue[room & inside] = Tissue.PANCREAS
    if "spleen" not in masks:
        long = generator.uniform(38, 58)
        depth = frame.ellipsoid((generator.uniform(-75, -50), 28, 100), (long, 46, 30), wave)
        hollow = frame.ellipsoid((-62, -2, 66), (60, 42, 36))
        tissue[room & (depth > 0) & (hollow < 0)] = Tissue.SPLEEN
    if "artery" not in masks:
        _pipe(tissue, frame, (-13, 7), generator.uniform(9, 13), Tissue.ARTERY)
    if "vein" not in masks:
        _pipe(tissue, frame, (-14, -20), generator.uniform(10, 13), Tissue.VEIN)
    if "gallbladder" not in masks and generator.random() < 0.7:
        depth = frame.ellipsoid((-115, -62, -50), (24, 17, 15), wave)
        tissue[room & (depth > 0)] = Tissue.GALLBLADDER
    if "adrenal" not in masks:
        for side in (-1, 1):
            limb = np.abs(frame.x - side * (30 + (frame.y / s - 8) * 0.4) * s) < 2.2 * s
            near = frame.ellipsoid((-80, 8, side * 30), (14, 12, 14)) > 0
            tissue[room & limb & near] = Tissue.ADRENAL


def _pipe(
    tissue: Tissues, frame: Frame, at: tuple[float, float], radius: float, value: Tissue
) -> None:
    """A great vessel along the spine, from the bottom up."""
    y, x = at
    inside = (frame.y - y * frame.size) ** 2 + (frame.x - x * frame.size) ** 2
    tissue[np.broadcast_to(inside < (radius * frame.size) ** 2, tissue.shape) & _soft(tissue)] = (
        value
    )


def _soft(tissue: Tissues) -> Mask:
    result: Mask = np.isin(tissue, (Tissue.FAT, Tissue.MUSCLE, Tissue.LUNG))
    return result


def _filling(generator: np.random.Generator) -> str:
    return str(generator.choice(("content", "gas", "level"), p=(0.55, 0.15, 0.3)))


def _hollow(
    tissue: Tissues,
    frame: Frame,
    room: Mask,
    centre: FloatArray,
    radii: tuple[float, float, float],
    filling: str,
    generator: np.random.Generator,
) -> None:
    """A bulge of stomach or bowel: wall and content, gas above the fluid (patients lie supine)."""
    box = []
    for axis, middle, radius in zip((frame.z, frame.y, frame.x), centre, radii, strict=True):
        line = axis.ravel()
        low, high = np.searchsorted(line, (middle - radius - 2, middle + radius + 2))
        box.append(slice(int(low), int(high)))
    z, y, x = frame.z[box[0]], frame.y[:, box[1]], frame.x[:, :, box[2]]
    level = np.float32(0)
    for axis, middle, radius in zip((z, y, x), centre, radii, strict=True):
        level = level + ((axis - middle) / np.float32(radius)) ** 2
    if level.size == 0:
        return
    depth = 1 - np.sqrt(level)
    there, free = tissue[tuple(box)], room[tuple(box)]
    wall = min(0.6, generator.uniform(2.5, 4.0) / min(radii))
    outer = free & (depth > 0)
    inner = outer & (depth > wall)
    # Bulges of one loop run into each other: no wall where the last one was hollow.
    hollow = np.isin(there, (Tissue.CONTENT, Tissue.GAS))
    there[outer & ~hollow] = Tissue.WALL
    there[inner] = Tissue.CONTENT
    if filling == "gas":
        there[inner & (depth > wall + 0.05)] = Tissue.GAS
    elif filling == "level":
        height = centre[1] - radii[1] * generator.uniform(0.0, 0.6)
        there[inner & (y < height)] = Tissue.GAS
