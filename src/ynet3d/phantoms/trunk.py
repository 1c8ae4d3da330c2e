"""The trunk: skin, fat, muscles of the wall and the back, abdominal fat, lungs and heart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ynet3d.phantoms.body import Body
from ynet3d.phantoms.fields import FloatArray, SmoothField
from ynet3d.phantoms.scene import Box, Scene, smooth_max, smooth_min
from ynet3d.phantoms.vessels import grow_tree


@dataclass
class Trunk:
    """What later brushes need again: distances on the scene's grid (mm)."""

    cavity: FloatArray
    diaphragm: FloatArray
    skin: FloatArray


def paint_trunk(scene: Scene, body: Body, rng: np.random.Generator) -> Trunk:
    """Everything outside the abdominal cavity, and the fat inside it."""
    z, y, x = scene.z, scene.y, scene.x
    cavity = body.cavity(z, y, x)
    fat = body.fat(z, y, x)
    diaphragm = body.diaphragm(y, x)
    grain = SmoothField(rng, scale_mm=7).on_grid(*scene.axes)
    below_ribs = np.clip(-(z + 95) / 60, 0, 1)
    front = np.clip(-(y + 30) / 30, 0, 1)
    # Rectus abdominis: two straps in front, the white line between them.
    strap = np.exp(-(((np.abs(x) - 30) / 22) ** 2)) * front
    muscle = np.float32(body.muscle_mm) * (1 - 0.35 * front + below_ribs * (0.45 * strap - 0.15))
    skin = cavity - muscle - fat
    scene.paint(scene.cover(skin), 20)
    scene.paint(scene.cover(skin + 2.2), -108 + 5 * grain)

    # Latissimus and other flat muscles over the ribs, with fat between.
    broad = np.clip((y + 50) / 40, 0, 1) * np.clip((z + 190) / 60, 0, 1)
    outer = np.abs(cavity - muscle - 4.5) - 3.8 * broad + 1.0
    outer = np.maximum(outer, 0.9 * (np.abs(x) * -1 + 52))
    outer = np.maximum(outer, skin + 4)
    scene.paint(scene.cover(outer), 52 + 5 * grain)
    scene.paint(scene.cover(cavity - muscle), 56 + 5 * grain)
    # Thin fat planes between the three lateral muscles below the ribs.
    for depth in (0.36, 0.68):
        plane = np.abs(cavity - muscle * depth) - 0.5
        lateral = below_ribs * (np.abs(x) > 60) * 0.7
        scene.paint(scene.cover(plane) * lateral, -60)
    # Gaps of fat between the ribs.
    streaks = np.clip(1.6 * grain - 0.7, 0, 1) * (np.abs(cavity - 5) < 4.5) * (1 - below_ribs)
    scene.paint(streaks.astype(np.float32) * 0.8, -80)
    white_line = np.maximum(np.abs(x) - 1.6, cavity - muscle) + 40 * (1 - below_ribs * front)
    scene.paint(scene.cover(white_line), -50)
    scene.paint(scene.cover(cavity), -106 + 5 * grain)

    _paint_back(scene, body, grain)
    _paint_lungs(scene, body, cavity, diaphragm, rng)
    return Trunk(cavity, diaphragm, skin)


def _paint_back(scene: Scene, body: Body, grain: FloatArray) -> None:
    """Erector spinae, psoas, quadratus lumborum and the crura."""
    box = scene.box((-100, 75, 0), (400, 60, 90))
    z, y, x, grain = scene.z[box], scene.y[box], scene.x[box], grain[box]
    side = np.abs(x)
    low = np.clip(-(z + 60) / 120, 0, 1)
    column = (np.sqrt((x / 40) ** 2 + ((y - 74) / 27) ** 2) - 1) * 30
    scene.paint(scene.cover(column), 40 + 8 * grain, box)
    erector = np.sqrt(((side - 31) / (25 + 4 * low)) ** 2 + ((y - 88) / (15 + 3 * low)) ** 2)
    scene.paint(
        scene.cover((erector - 1) * 18), 56 + 8 * grain - 75 * np.clip(grain - 0.9, 0, 1.2), box
    )
    psoas = np.sqrt(
        ((side - 28 - 9 * low) / (4 + 13 * low)) ** 2 + ((y - 58) / (5 + 13 * low)) ** 2
    )
    scene.paint(scene.cover((psoas - 1) * (6 + 10 * low)) * (z < -75), 60 + 3 * grain, box)
    square = np.sqrt(((side - 62) / 19) ** 2 + ((y - 78) / 6.5) ** 2)
    scene.paint(scene.cover((square - 1) * 8) * (z < -115), 57 + 4 * grain, box)
    for sign, reach in ((-1, -150), (1, -135)):
        crus = np.array([[-20, 22, sign * 13], [-60, 25, sign * 14], [reach, 33, sign * 12]])
        crus[:, 2] += 5
        scene.pipe(crus, [4.5, 5.5, 2.5], 58)


def _paint_lungs(
    scene: Scene, body: Body, cavity: FloatArray, diaphragm: FloatArray, rng: np.random.Generator
) -> None:
    z, y, x = scene.z, scene.y, scene.x
    above = (diaphragm - z) * np.float32(0.75)
    # Below the dome lies the muscle of the diaphragm, about 2 mm, before fat or organs.
    inside = smooth_max(cavity + 0.5, above, 3)
    middle = (np.sqrt((x / 31) ** 2 + ((y - 42) / 44) ** 2) - 1) * 34
    front = (np.sqrt(((x - 8) / 52) ** 2 + ((y + body.front + 6) / 22) ** 2) - 1) * 26
    thorax = smooth_max(cavity, (above + 2.5), 2)
    scene.paint(scene.cover(thorax), 52)
    mediastinum = smooth_min(middle, front, 30)
    lung = smooth_max(inside, -mediastinum, 6)
    heart, box = scene.ellipsoid((28, -26, 24), (58, 46, 62), turn=(22, 0, -18))
    fatty = np.maximum(np.maximum(mediastinum, above), cavity + 1)
    scene.paint(scene.cover(fatty), -98)
    lung[box] = smooth_max(lung[box], 3 - heart, 4)
    density = -835 + 22 * SmoothField(rng, scale_mm=30).on_grid(*scene.axes)
    density += 55 * np.clip((y - 20) / 80, 0, 1)
    covered = scene.cover(lung)
    scene.paint(covered, density)
    _paint_heart(scene, heart, above[box], box)
    # Lung vessels, only where there is lung.
    for sign in (-1, 1):
        root = np.array([[70, 25, sign * 30], [55, 30, sign * 45]])
        targets = rng.uniform((-90, -75, 40), (70, 85, 128), (70, 3)) * (1, 1, sign)
        scene.tree(grow_tree(rng, root, targets, leaf_mm=0.9, root_mm=7), 40, covered)


def _paint_heart(scene: Scene, heart: FloatArray, above: FloatArray, box: Box) -> None:
    """The heart rests on the diaphragm; its blood is brighter than its muscle."""
    z, y, x = scene.z[box], scene.y[box], scene.x[box]
    heart = smooth_max(heart, above + 3, 5)
    scene.paint(scene.cover(np.maximum(heart - 4, above + 0.5)), -90, box)
    scene.paint(scene.cover(heart), 108, box)
    left = (np.sqrt(((x - 48) / 24) ** 2 + ((y + 12) / 24) ** 2 + ((z - 30) / 34) ** 2) - 1) * 24
    right = (np.sqrt(((x + 4) / 30) ** 2 + ((y + 40) / 26) ** 2 + ((z - 30) / 34) ** 2) - 1) * 26
    chambers = np.maximum(np.minimum(left, right), heart + 4)
    scene.paint(scene.cover(chambers, 2.5), 150, box)
