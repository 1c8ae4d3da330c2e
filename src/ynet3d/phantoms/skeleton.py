"""Spine and ribs."""

from __future__ import annotations

import numpy as np

from ynet3d.phantoms.body import Body
from ynet3d.phantoms.fields import SmoothField
from ynet3d.phantoms.scene import Scene, smooth_max


def paint_skeleton(scene: Scene, body: Body, rng: np.random.Generator) -> None:
    """Vertebrae with discs, canal and processes; ribs with their cartilage; breast bone."""
    trabecular = rng.uniform(150, 240)
    texture = SmoothField(rng, scale_mm=9)
    top = float(scene.axes[0][-1]) + 130
    bottom = float(scene.axes[0][0]) - 60
    pitch = body.vertebra_pitch
    levels = (
        np.arange(np.floor(bottom / pitch), np.ceil(top / pitch) + 1) * pitch + body.vertebra_offset
    )
    box = scene.box(((top + bottom) / 2, 66, 0), ((top - bottom), 62, 62))
    z, y, x = scene.z[box], scene.y[box], scene.x[box]
    grain = texture.on_grid(*(axis[s] for axis, s in zip(scene.axes, box, strict=True)))
    # Position within a vertebra, -0.5..0.5 of the pitch.
    phase = (z - np.float32(body.vertebra_offset)) / np.float32(pitch)
    phase = phase - np.round(phase)
    height = np.abs(phase) * np.float32(pitch)
    lumbar = np.clip(-(z + 20) / 160, 0, 1)

    waist = 1 - 0.10 * np.cos(phase * 2 * np.pi)
    width, depth = (19 + 6 * lumbar) * waist, (15.5 + 2.5 * lumbar) * waist
    level = np.sqrt((x / width) ** 2 + ((y - 50) / depth) ** 2)
    # The back of the body is flat, where the canal begins.
    rim = smooth_max((level - 1) * 18, (y - 65).astype(np.float32), 5)
    disc = height - np.float32(pitch / 2 - 3.2)
    scene.paint(scene.cover(rim), 85, box)
    bone = np.maximum(rim, disc)
    scene.paint(scene.cover(bone), 420, box)
    scene.paint(scene.cover(bone + 2.0), trabecular + 22 * grain, box)

    # Arch, canal and processes.
    canal = (np.sqrt((x / 11) ** 2 + ((y - 75) / 8.5) ** 2) - 1) * 9.5
    arch = np.abs(canal - 4) - 4.5
    arch = np.maximum(arch, np.abs(phase + 0.08) * np.float32(pitch) - 12)
    spinous = np.maximum(np.abs(x) - 3.2, np.abs(y - 93) - 10)
    spinous = np.maximum(spinous, np.abs(phase + 0.12) * np.float32(pitch) - 8)
    transverse = np.maximum(np.abs(y - 79 - 0.12 * np.abs(x)) - 4.2, np.abs(x) - 36)
    transverse = np.maximum(transverse, np.abs(phase - 0.1) * np.float32(pitch) - 5.5)
    transverse = np.maximum(transverse, 9 - np.abs(x))
    facet = np.sqrt(
        ((np.abs(x) - 17) / 8) ** 2 + ((y - 83) / 7) ** 2 + ((np.abs(phase) - 0.42) / 0.25) ** 2
    )
    back = np.minimum(np.minimum(arch, spinous), np.minimum(transverse, (facet - 1) * 7))
    scene.paint(scene.cover(back), 480, box)
    scene.paint(scene.cover(back + 2.2), trabecular + 60 + 25 * grain, box)
    scene.paint(scene.cover(canal), -20, box)
    scene.paint(scene.cover(canal + 1.8), 28, box)
    cord = (np.sqrt((x / 5.5) ** 2 + ((y - 74) / 4.5) ** 2) - 1) * 5
    scene.paint(scene.cover(cord), 42, box)

    _paint_ribs(scene, body, levels[levels > -115], trabecular)


def _paint_ribs(scene: Scene, body: Body, levels: np.ndarray, trabecular: float) -> None:
    """Ribs run forwards and downwards around the cavity; the lowest two end freely."""
    for rank, level in enumerate(np.sort(levels)):
        share = (0.42, 0.62, 0.80, 0.86, 0.9)[min(rank, 4)]
        t = np.linspace(0, 1, 40)
        angle = np.pi / 2 - 0.16 + t * share * np.pi * 1.02
        for side in (-1.0, 1.0):
            z = level - 118 * t * share + 8
            # March outwards from the axis until 6 mm outside the cavity.
            cos, sin = np.cos(angle), np.sin(angle)
            radius = np.full_like(t, 60.0)
            for _ in range(12):
                x = -side * radius * cos
                y = -4 + radius * sin
                gap = body.cavity(z.astype(np.float32), y.astype(np.float32), x.astype(np.float32))
                radius = radius + (5.5 - gap)
            # Behind, the rib turns inwards to its vertebra.
            x, y = -side * radius * cos, -4 + radius * sin
            head = np.array([[level + 6, 62.0, side * 21], [level + 5, 70.0, side * 30]])
            path = np.concatenate([head, np.stack([z, y, x], axis=1)[3:]])
            bony = path[:31] if rank > 1 else path
            size = np.full(len(bony), 5.0)
            size[-2:] = 4.0
            distance, box = scene.tube(bony, size)
            scene.paint(scene.cover(distance), 520, box)
            scene.paint(scene.cover(distance + 1.9), trabecular + 20, box)
            if rank > 1:
                scene.pipe(path[30:], 4.8, 105)
